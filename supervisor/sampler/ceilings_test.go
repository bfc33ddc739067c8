package sampler

import (
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestTaskCeilings(t *testing.T) {
	tests := []struct {
		name  string
		main  int
		tasks map[int]task
		files map[string]string
		want  string
	}{
		{
			name: "RLIMIT_NPROC counts all threads and zombies of the real uid, wherever they are",
			main: 10,
			tasks: map[int]task{
				10: {ppid: 1, uid: 1000, threads: 5, nproc: "256"},
				11: {ppid: 10, uid: 1000, state: "Z"},
				50: {ppid: 0, uid: 1000, threads: 2},
				60: {ppid: 1, uid: 1001, threads: 90},
				61: {ppid: 0, uid: 1000, threads: 9, flags: flagKernelThread},
			},
			want: "RLIMIT_NPROC of uid 1000: 8 of 256\n",
		},
		{
			name:  "root is exempt",
			main:  10,
			tasks: map[int]task{10: {ppid: 1, nproc: "256"}},
		},
		{
			name:  "unlimited is no ceiling",
			main:  10,
			tasks: map[int]task{10: {ppid: 1, uid: 1000}},
		},
		{
			name:  "without an app the limit is our own",
			tasks: map[int]task{1: {uid: 7, threads: 8, nproc: "20"}},
			want:  "RLIMIT_NPROC of uid 7: 8 of 20\n",
		},
		{
			name:  "the limits of the machine, against all its threads",
			main:  10,
			tasks: map[int]task{10: {ppid: 1}},
			files: map[string]string{"sys/kernel/threads-max": "1000\n", "sys/kernel/pid_max": "900\n", "loadavg": "0.01 0.07 0.03 1/890 5765\n"},
			want:  "kernel.threads-max: 890 of 1000\nkernel.pid_max: 890 of 900\n",
		},
		{
			name:  "a loadavg that makes no sense is unknown",
			main:  10,
			tasks: map[int]task{10: {ppid: 1}},
			files: map[string]string{"sys/kernel/threads-max": "1000\n", "loadavg": "0.01 0.07 0.03 1 5765\n"},
			want:  "kernel.threads-max: unknown of 1000\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			for pid, k := range tt.tasks {
				m.task(pid, k)
			}
			for name, text := range tt.files {
				m.file("proc/"+name, text)
			}
			if got := describe(m.look(tt.main, Options{}).Measures[policy.Threads].Ceilings); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBlindLookKeepsCeilingsOfTheAppAsUnknown(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, uid: 1000, nproc: "256", fds: 10})
	s := m.sampler(Options{FDs: true})
	s.Look(10, 1)
	m.file("proc/12/stat", "nonsense")
	measures := s.Look(10, 1).Measures
	if got, want := describe(measures[policy.Threads].Ceilings), "RLIMIT_NPROC of uid 1000: unknown of 256\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := describe(measures[policy.FDs].Ceilings), "RLIMIT_NOFILE of pid 10 (app): unknown of 1024\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatTheMainProcessLeftBehindLivesUnderItsLimit(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, uid: 1000, nproc: "256"})
	m.task(11, task{ppid: 10, uid: 1000, threads: 7})
	s := m.sampler(Options{})
	s.Look(10, 1)
	m.remove("proc/10")
	m.task(11, task{ppid: 1, uid: 1000, threads: 7})
	for _, main := range []int{10, 0, 0} { // the first look comes too late
		sample := s.Look(main, 1)
		if got, want := describe(sample.Measures[policy.Threads].Ceilings), "RLIMIT_NPROC of uid 1000: 7 of 256\n"; main == 0 && got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFDCeilingIsThatOfTheProcessNearestToItsOwn(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, fds: 12, nofile: "1024"})
	m.task(11, task{ppid: 10, comm: "nginx", fds: 9, nofile: "10"})
	m.task(12, task{ppid: 10, fds: 30, nofile: "unlimited"})
	fds := m.look(10, Options{FDs: true}).Measures[policy.FDs]
	if got, want := describe(fds.Ceilings), "RLIMIT_NOFILE of pid 11 (nginx): 9 of 10\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := reading(fds.Reading), "30"; got != want {
		t.Errorf("got %v, want %v: the most is of another process", got, want)
	}
}

func TestFDsAreNotLookedAtUnlessAsked(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, fds: 12})
	fds := m.look(10, Options{}).Measures[policy.FDs]
	if fds.Known || len(fds.Ceilings) > 0 {
		t.Errorf("got %v, want unknown", fds)
	}
}
