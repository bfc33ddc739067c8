package sampler

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

// TestTree looks at fake processes; wants are the readings of threads, processes, zombies, fds and rss in pages.
func TestTree(t *testing.T) {
	tests := []struct {
		name  string
		main  int // default 10
		tasks map[int]task
		want  string
	}{
		{
			name:  "we ourselves do not count",
			tasks: map[int]task{10: {ppid: 1, threads: 5, rss: 7, fds: 3}},
			want:  "5 1 0 3 7",
		},
		{
			name:  "grandchildren and adopted orphans count",
			tasks: map[int]task{10: {ppid: 1, fds: 1}, 11: {ppid: 10, threads: 3}, 12: {ppid: 11, rss: 4}, 99: {ppid: 1, fds: 2}},
			want:  "6 4 0 2 4",
		},
		{
			name:  "a shell of docker exec, without a parent here, and its children do not count",
			tasks: map[int]task{10: {ppid: 1}, 50: {ppid: 0, threads: 9, rss: 9, fds: 9}, 51: {ppid: 50, threads: 9}},
			want:  "1 1 0 0 0",
		},
		{
			name:  "no app at all is a known zero, as for check",
			main:  -1,
			tasks: map[int]task{50: {ppid: 0}},
			want:  "0 0 0 0 0",
		},
		{
			name:  "zombies count for the parent that has most",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 10}, 20: {ppid: 10, state: "Z"}, 21: {ppid: 11, state: "Z"}, 22: {ppid: 11, state: "Z"}},
			want:  "5 5 2 0 0",
		},
		{
			name:  "our own zombies are being reaped and do not count",
			tasks: map[int]task{10: {ppid: 1}, 20: {ppid: 1, state: "Z"}, 21: {ppid: 1, state: "Z"}},
			want:  "3 3 0 0 0",
		},
		{
			name:  "a zombie of a dead parent is about to come to us",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 10, state: "Z"}, 12: {ppid: 11, state: "Z"}},
			want:  "3 3 1 0 0",
		},
		{
			name:  "a leader in Z with live threads is not a zombie",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 10, state: "Z", threads: 4}},
			want:  "5 2 0 0 0",
		},
		{
			name:  "a zombie of a parent whose leader is in Z but whose threads live counts",
			tasks: map[int]task{10: {ppid: 1, state: "Z", threads: 4}, 11: {ppid: 10, state: "Z"}},
			want:  "5 2 1 0 0",
		},
		{
			name:  "a process on its way out is gone",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 10, state: "X", threads: 4}},
			want:  "1 1 0 0 0",
		},
		{
			name:  "a name with a parenthesis and a state does not fool us",
			tasks: map[int]task{10: {ppid: 1, comm: "a) R 1 (b", threads: 3, rss: 2}, 11: {ppid: 10, comm: "x) Z 1 1", state: "S"}},
			want:  "4 2 0 0 2",
		},
		{
			name:  "a name with newlines does not fool us",
			tasks: map[int]task{10: {ppid: 1, comm: "a\n11 (b) Z 1\n", threads: 3}},
			want:  "3 1 0 0 0",
		},
		{
			name:  "a main process that is not to be seen makes the tree unknown, not small",
			main:  10,
			tasks: map[int]task{11: {ppid: 1, threads: 4}},
			want:  "unknown unknown unknown unknown unknown",
		},
		{
			name:  "a circle of parents, read while pids were used again, ends",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 12}, 12: {ppid: 11}},
			want:  "1 1 0 0 0",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			for pid, k := range tt.tasks {
				m.task(pid, k)
			}
			main := tt.main
			switch main {
			case 0:
				main = 10
			case -1:
				main = 0
			}
			if got := readings(m.look(main, Options{FDs: true})); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestHelpersAreNotCounted: 20 is one, 30 was in its session when the process that had started it ended.
func TestHelpersAreNotCounted(t *testing.T) {
	for name, fds := range map[string]bool{"with fds": true, "without": false} {
		m := newMachine(t)
		m.task(10, task{ppid: 1, threads: 2})
		m.task(20, task{ppid: 1, session: 20, threads: 9, rss: 9, fds: 9})
		m.task(21, task{ppid: 20, session: 21, threads: 9})
		m.task(22, task{ppid: 20, session: 20, state: "Z"})
		m.task(30, task{ppid: 1, session: 20, threads: 9})
		m.task(31, task{ppid: 30, session: 20, threads: 9})
		m.task(40, task{ppid: 1, session: 40, threads: 4})
		var helpers []int
		s := m.sampler(Options{FDs: fds, Helpers: func() []int { return helpers }})
		look := func(when, want string) {
			t.Helper()
			got := s.Look(10, 1).Measures
			if got := reading(got[policy.Threads].Reading) + " " + reading(got[policy.Processes].Reading); got != want {
				t.Errorf("%s, %s: got %s threads and processes, want %s", name, when, got, want)
			}
		}
		look("before it is known", "43 7")
		helpers = []int{20}
		look("a helper", "6 2")
		look("the same again", "6 2")
		m.remove("proc/20")
		m.remove("proc/22")
		m.task(21, task{ppid: 1, session: 21, threads: 9})
		helpers = nil
		look("it has ended and left three daemons", "33 5")
	}
}

func readings(sample policy.Sample) string {
	var parts []string
	for _, m := range sample.Measures[:policy.OOMKills] {
		if m.Known && m.Source != "" {
			m.Value /= uint64(os.Getpagesize())
		}
		parts = append(parts, reading(m.Reading))
	}
	return strings.Join(parts, " ")
}

func TestTop(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, comm: "ruby", cmdline: "puma 6.4\x00-C\x00x.rb\x00", threads: 5, rss: 10, fds: 4})
	m.task(11, task{ppid: 10, comm: "ruby", cmdline: "puma: cluster worker 0: 10 [shop]\x00\x00\x00", threads: 9, rss: 30, fds: 9})
	m.task(12, task{ppid: 10, comm: "ruby", cmdline: strings.Repeat("ä", 40), threads: 9, rss: 20})
	m.task(13, task{ppid: 10, comm: "tiny", rss: 1})
	m.task(14, task{ppid: 11, comm: "leak) S", state: "Z"})
	measures := m.look(10, Options{FDs: true}).Measures

	worker, long := "puma: cluster worker 0: 10 [shop]", strings.Repeat("ä", 30)
	wants := [policy.NumMetrics]string{
		policy.Threads:   "11 " + worker + "=9, 12 " + long + "=9, 10 puma 6.4 -C x.rb=5",
		policy.Processes: "10 puma 6.4 -C x.rb=3, 11 " + worker + "=1",
		policy.Zombies:   "11 " + worker + "=1",
		policy.FDs:       "11 " + worker + "=9, 10 puma 6.4 -C x.rb=4",
		policy.Memory:    "",
	}
	page := uint64(os.Getpagesize())
	for i := range measures[policy.Memory].Top {
		measures[policy.Memory].Top[i].Value /= page
	}
	wants[policy.Memory] = "11 " + worker + "=30, 12 " + long + "=20, 10 puma 6.4 -C x.rb=10"
	for metric, want := range wants {
		if got := names(measures[metric].Top); got != want {
			t.Errorf("%v: got %q, want %q", policy.Metric(metric), got, want)
		}
	}
}

func TestNameOfProcessWithoutCommandLineIsInBrackets(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, comm: "a) R 1 (b\n", threads: 2})
	top := m.look(10, Options{}).Measures[policy.Threads].Top
	if got, want := names(top), "10 [a) R 1 (b\n]=2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestZombieLeaderIsSeenThroughALiveThread(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, state: "Z", threads: 3, rss: 0, fds: 0})
	m.file("proc/10/task/10/stat", statLine(10, task{state: "Z"}))
	m.file("proc/10/task/12/stat", statLine(12, task{comm: "worker", state: "S", ppid: 1, threads: 3, rss: 25}))
	for _, fd := range []string{"0", "1", "2"} {
		m.file("proc/10/task/12/fd/"+fd, "")
	}
	m.file("proc/10/task/12/cmdline", "java\x00-jar\x00")
	sample := m.look(10, Options{FDs: true})
	if got, want := readings(sample), "3 1 0 3 25"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := names(sample.Measures[policy.FDs].Top), "10 java -jar=3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChildWhoseParentVanishedDuringTheLookIsFoundAtItsNewParent(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.task(12, task{ppid: 11, threads: 4})
	s := m.sampler(Options{})
	count := func() string { return reading(s.Look(10, 1).Measures[policy.Processes].Reading) }
	if got := count(); got != "1" {
		t.Fatalf("got %s processes below us, want 1: nobody has adopted 12 yet", got)
	}
	m.task(12, task{ppid: 1, threads: 4}) // the kernel has given it to us after its stat was read
	m.task(13, task{ppid: 10})
	if got := count(); got != "3" {
		t.Errorf("got %s processes below us, want 3", got)
	}
}

func TestBlindness(t *testing.T) {
	const blind = "unknown unknown unknown unknown unknown"
	tests := []struct {
		name  string
		spoil func(*machine)
		want  string
		note  string
	}{
		{
			name:  "no /proc",
			spoil: func(m *machine) { m.remove("proc") },
			want:  blind, note: "no /proc",
		},
		{
			name: "an empty /proc",
			spoil: func(m *machine) {
				m.remove("proc")
				m.file("proc/x", "")
			},
			want: blind,
		},
		{
			name: "a /proc of another PID namespace",
			spoil: func(m *machine) {
				m.remove("proc/self")
				if err := os.Symlink("4711", filepath.Join(m.root, "proc/self")); err != nil {
					m.t.Fatal(err)
				}
			},
			want: blind, note: "another PID namespace",
		},
		{
			name:  "a process that vanished between listing and reading is normal",
			spoil: func(m *machine) { m.remove("proc/11/stat") },
			want:  "1 1 0 0 0",
		},
		{
			name: "a process that is being released, and has no process group any more",
			spoil: func(m *machine) {
				m.file("proc/11/stat", "11 (app) X 0 -1 -1 0 -1 4 0 0 0 0 0 0 0 0 20 0 0 0 100 0 0 0\n")
			},
			want: "1 1 0 0 0",
		},
		{
			name:  "a stat that ends after the name",
			spoil: func(m *machine) { m.file("proc/11/stat", "11 (app)") },
			want:  blind, note: "unexpected format",
		},
		{
			name:  "a stat that says nothing",
			spoil: func(m *machine) { m.file("proc/11/stat", "") },
			want:  blind, note: "unexpected format",
		},
		{
			name: "a stat that cannot be read for want of something",
			spoil: func(m *machine) {
				m.remove("proc/11/stat")
				m.file("proc/11/stat/x", "")
			},
			want: blind, note: "cannot be read",
		},
		{
			name:  "descriptors of one process unreadable: the most of the others",
			spoil: func(m *machine) { m.remove("proc/11/fd"); m.file("proc/11/fd", "") },
			want:  "3 2 0 0 0", note: "open files",
		},
		{
			name: "descriptors of all processes unreadable",
			spoil: func(m *machine) {
				for _, fd := range []string{"proc/10/fd", "proc/11/fd"} {
					m.remove(fd)
					m.file(fd, "")
				}
			},
			want: "3 2 0 unknown 0", note: "open files",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.task(10, task{ppid: 1})
			m.task(11, task{ppid: 10, threads: 2})
			tt.spoil(m)
			s := m.sampler(Options{FDs: true})
			if got := readings(s.Look(10, 1)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			notes := s.Notes()
			if tt.note != "" && !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, tt.note) }) {
				t.Errorf("got notes %q, want one with %q", notes, tt.note)
			}
			if tt.note == "" && len(notes) > 0 {
				t.Errorf("got notes %q, want none", notes)
			}
			s.Look(10, 1)
			if again := s.Notes(); len(again) > 0 {
				t.Errorf("said again: %q", again)
			}
		})
	}
}

func TestProcessHiddenFromOurUserIsLeftOutAndSaid(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.task(11, task{ppid: 10, threads: 2})
	if err := os.Chmod(filepath.Join(m.root, "proc/11/stat"), 0); err != nil {
		t.Fatal(err)
	}
	s := m.sampler(Options{})
	var sample policy.Sample
	asNobody(t, m.root, func() { sample = s.Look(10, 1) })
	if got, want := readings(sample), "1 1 0 unknown 0"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if notes := s.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "hidden") {
		t.Errorf("got notes %q, want one about hidden processes", notes)
	}
}

// asNobody runs f on a thread that reads files as an ordinary user; as root, permissions would mean nothing.
func asNobody(t *testing.T, root string, f func()) {
	t.Helper()
	for dir := root; dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o005 != 0o005 {
			if err := os.Chmod(dir, info.Mode()|0o055); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		f()
	}()
	<-done
}

func TestHidepidIsSaid(t *testing.T) {
	m := newMachine(t)
	m.file("proc/1/mountinfo", "22 1 0:21 / /proc rw - proc proc rw,hidepid=invisible\n")
	m.file("proc/1/cgroup", "")
	s := m.sampler(Options{})
	s.Look(0, 1)
	if notes := s.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "hidepid=invisible") {
		t.Errorf("got notes %q, want one about hidepid", notes)
	}
}
