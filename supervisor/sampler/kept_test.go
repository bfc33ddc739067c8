package sampler

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

// again looks three times: at first sight, when descriptors are opened, and through them.
func (m *machine) again(s *Sampler, main int) policy.Sample {
	m.t.Helper()
	var samples [3]policy.Sample
	for i := range samples {
		samples[i] = s.Look(main, 1)
	}
	if first, last := readings(samples[0]), readings(samples[2]); first != last {
		m.t.Errorf("first look: %v, third: %v", first, last)
	}
	return samples[2]
}

// TestLaterLooks changes a machine that has been looked at three times. Wants are the readings before and after.
func TestLaterLooks(t *testing.T) {
	tests := []struct {
		name   string
		tasks  map[int]task
		change func(*machine)
		want   string // of threads, processes, zombies, fds and rss in pages
	}{
		{
			name:   "a process that grows",
			tasks:  map[int]task{11: {ppid: 10, threads: 2, rss: 5}},
			change: func(m *machine) { m.update(11, task{ppid: 10, threads: 4, rss: 50}) },
			want:   "5 2 0 0 50",
		},
		{
			name:   "a process that has ended",
			tasks:  map[int]task{11: {ppid: 10, threads: 2, rss: 5}},
			change: func(m *machine) { m.remove("proc/11") },
			want:   "1 1 0 0 0",
		},
		{
			name:   "a process that is new",
			change: func(m *machine) { m.task(11, task{ppid: 10, threads: 2, rss: 5}) },
			want:   "3 2 0 0 5",
		},
		{
			name:   "a process that has become a zombie",
			tasks:  map[int]task{11: {ppid: 10, threads: 2, rss: 5}},
			change: func(m *machine) { m.update(11, task{ppid: 10, state: "Z"}) },
			want:   "2 2 1 0 0",
		},
		{
			name:  "a zombie that was reaped",
			tasks: map[int]task{11: {ppid: 10, state: "Z"}, 12: {ppid: 10, state: "Z"}},
			change: func(m *machine) {
				m.remove("proc/12")
			},
			want: "2 2 1 0 0",
		},
		{
			name:  "children of a process that has ended come to us, and their zombies with them",
			tasks: map[int]task{11: {ppid: 10}, 12: {ppid: 11, state: "Z"}, 13: {ppid: 11, rss: 4}},
			change: func(m *machine) {
				m.remove("proc/11")
				m.update(12, task{ppid: 1, state: "Z"})
				m.update(13, task{ppid: 1, rss: 4})
			},
			want: "3 3 0 0 4",
		},
		{
			name:  "children of a process that has become a zombie come to us",
			tasks: map[int]task{11: {ppid: 10}, 12: {ppid: 11, state: "Z"}},
			change: func(m *machine) {
				m.update(11, task{ppid: 10, state: "Z"})
				m.update(12, task{ppid: 1, state: "Z"})
			},
			want: "3 3 1 0 0",
		},
		{
			name:  "a child of an exec'd shell that has ended comes to us",
			tasks: map[int]task{50: {ppid: 0}, 51: {ppid: 50, rss: 3}},
			change: func(m *machine) {
				m.remove("proc/50")
				m.update(51, task{ppid: 1, rss: 3})
			},
			want: "2 2 0 0 3",
		},
		{
			name:  "a pid that another process has now, with another parent",
			tasks: map[int]task{11: {ppid: 10, threads: 2, rss: 5}},
			change: func(m *machine) {
				m.remove("proc/11")
				m.task(11, task{ppid: 0, threads: 9, rss: 90, start: 777})
			},
			want: "1 1 0 0 0",
		},
		{
			name:  "a pid that another process has now, below us as well",
			tasks: map[int]task{11: {ppid: 10, threads: 2, rss: 5}},
			change: func(m *machine) {
				m.remove("proc/11")
				m.task(11, task{ppid: 10, threads: 3, rss: 6, start: 777})
			},
			want: "4 2 0 0 6",
		},
		{
			name:   "a main thread that has exited while others live",
			tasks:  map[int]task{11: {ppid: 10, threads: 3, rss: 5}},
			change: func(m *machine) { m.leaderExits(11, 3, 5) },
			want:   "4 2 0 0 5",
		},
		{
			name:  "a zombie leader whose last thread ends",
			tasks: map[int]task{11: {ppid: 10, state: "Z", threads: 3}},
			change: func(m *machine) {
				m.update(11, task{ppid: 10, state: "Z"})
			},
			want: "2 2 1 0 0",
		},
		{
			name:   "a process that is on its way out and has no memory any more",
			tasks:  map[int]task{11: {ppid: 10, rss: 5}},
			change: func(m *machine) { m.file("proc/11/statm", "0 0 0 0 0 0 0\n"); m.stat(11, task{ppid: 10}) },
			want:   "2 2 0 0 0",
		},
		{
			name:   "a statm that says nothing makes all unknown",
			tasks:  map[int]task{11: {ppid: 10, rss: 5}},
			change: func(m *machine) { m.file("proc/11/statm", "") },
			want:   "unknown unknown unknown unknown unknown",
		},
	}
	for _, room := range []struct {
		name string
		kept int
	}{{"kept descriptors", 1000}, {"no room for descriptors", 1}, {"room for one process", 2}} {
		for _, tt := range tests {
			if room.kept < 1000 && tt.want[0] == 'u' {
				continue // statm is not read then
			}
			t.Run(room.name+"/"+tt.name, func(t *testing.T) {
				m := newMachine(t)
				m.task(10, task{ppid: 1})
				for pid, k := range tt.tasks {
					m.task(pid, k)
				}
				s := m.sampler(Options{FDs: true, Descriptors: room.kept})
				m.again(s, 10)
				tt.change(m)
				s.Look(10, 1)
				// What has taken the place of another is seen one look later.
				if got := readings(s.Look(10, 1)); got != tt.want {
					t.Errorf("got %v, want %v", got, tt.want)
				}
				if s.tree.kept > s.tree.room {
					t.Errorf("got %d descriptors kept, want at most %d", s.tree.kept, s.tree.room)
				}
			})
		}
	}
}

func TestZombieLeaderThatExecsIsAnOrdinaryProcessAgain(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, threads: 3, rss: 5})
	m.leaderExits(10, 3, 5)
	s := m.sampler(Options{})
	m.again(s, 10)
	m.update(10, task{ppid: 1, rss: 7})
	if got, want := readings(s.Look(10, 1)), "1 1 0 unknown 7"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestNewProcessesAreLookedForWhenAPidWasGivenOut makes loadavg the gate.
func TestNewProcessesAreLookedForWhenAPidWasGivenOut(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.file("proc/loadavg", "0 0 0 1/9 10\n")
	s := m.sampler(Options{})
	count := func() string { return reading(s.Look(10, 1).Measures[policy.Processes].Reading) }
	for range 4 {
		count()
		s.tree.newer.at = s.tree.newer.at.Add(-hatching) // as if it were long ago
	}
	m.task(11, task{ppid: 10})
	if got := count(); got != "1" {
		t.Errorf("got %v, want 1: /proc was listed though no pid was given out", got)
	}
	m.file("proc/loadavg", "0 0 0 1/9 11\n")
	if got := count(); got != "2" {
		t.Errorf("got %v, want 2", got)
	}
	m.task(12, task{ppid: 10})
	m.remove("proc/loadavg")
	s.Close()
	if got := count(); got != "3" {
		t.Errorf("got %v, want 3: without loadavg every look must list", got)
	}
}

func TestSteadyLookAllocatesNothing(t *testing.T) {
	m := newMachine(t)
	m.file("proc/loadavg", "0 0 0 1/9 10\n")
	m.file("proc/1/mountinfo", v2Mount)
	m.file("proc/1/cgroup", "0::/\n")
	files := make(map[string]string)
	v2Group(files, "", "512000")
	files["pids.max"] = "100\n"
	for name, text := range files {
		m.file("sys/fs/cgroup/"+name, text)
	}
	m.task(10, task{ppid: 1, threads: 3, rss: 9, uid: 1000, nproc: "256"})
	for i := range 50 {
		m.task(100+i, task{ppid: 10, threads: 2, rss: i, fds: i % 7})
		m.task(200+i, task{ppid: 100 + i, state: "Z"})
	}
	for _, metric := range []string{"auto", "anon", "working_set", "rss"} {
		s := m.sampler(Options{FDs: true, MemoryMetric: metric})
		m.again(s, 10)
		if got := testing.AllocsPerRun(50, func() { s.Look(10, 1) }); got > 0 {
			t.Errorf("%s: got %v allocations a look, want none", metric, got)
		}
	}
}

func TestDescriptorsAreClosedAsProcessesGo(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	for i := range 20 {
		m.task(100+i, task{ppid: 10})
	}
	before := openHere(t)
	s := m.sampler(Options{FDs: true})
	m.again(s, 10)
	many := openHere(t)
	if many < before+2*20 {
		t.Errorf("got %d open after %d, want two for each process", many, before)
	}
	for i := range 20 {
		m.remove("proc/" + strconv.Itoa(100+i))
	}
	s.Look(10, 1)
	if got := openHere(t); got > many-2*20 {
		t.Errorf("got %d open, want them closed: there were %d", got, many)
	}
	s.Close()
	if got := openHere(t); got != before {
		t.Errorf("got %d open after Close, want %d", got, before)
	}
}

func openHere(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// update changes a process in place, as the kernel does: what is open shows the change.
func (m *machine) update(pid int, k task) {
	m.t.Helper()
	m.task(pid, k)
}

// leaderExits leaves a process with other threads than its first.
func (m *machine) leaderExits(pid, threads, rss int) {
	m.t.Helper()
	m.update(pid, task{ppid: 10, state: "Z", threads: threads})
	if pid == 10 {
		m.update(pid, task{ppid: 1, state: "Z", threads: threads})
	}
	m.file(fmt.Sprintf("proc/%d/task/%d/stat", pid, pid+1000), statLine(pid+1000, task{comm: "worker", state: "S", threads: threads, rss: rss}))
}

// stat changes the stat file alone.
func (m *machine) stat(pid int, k task) {
	m.t.Helper()
	k.state, k.comm, k.threads = or(k.state, "S"), or(k.comm, "app"), max(k.threads, 1)
	m.file(filepath.Join("proc", strconv.Itoa(pid), "stat"), statLine(pid, k))
}
