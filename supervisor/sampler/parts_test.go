package sampler

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// parts writes the readings of each part as those of a sample are: threads, processes, zombies, fds and rss in pages.
func parts(sample policy.Sample) string {
	var texts []string
	for _, part := range sample.Parts {
		texts = append(texts, fmt.Sprintf("%d: %s", part.Root, readings(policy.Sample{Measures: part.Measures})))
	}
	return strings.Join(texts, "; ")
}

// TestSplit has an older app, pid 10, and a newer one, pid 20. Steps are what happens before each further look.
func TestSplit(t *testing.T) {
	tests := []struct {
		name  string
		tasks map[int]task
		steps []func(*machine)
		want  string
	}{
		{
			name:  "each with all below it, and a shell of docker exec with neither",
			tasks: map[int]task{11: {ppid: 10, threads: 3, rss: 4, fds: 2}, 21: {ppid: 20, rss: 7}, 22: {ppid: 21, threads: 2, fds: 5}, 50: {threads: 9, rss: 9}},
			want:  "10: 4 2 0 2 5; 20: 4 3 0 5 7",
		},
		{
			name:  "zombies of each, and those that come to us",
			tasks: map[int]task{11: {ppid: 10, state: "Z"}, 12: {ppid: 1, state: "Z"}, 21: {ppid: 20, state: "Z"}, 22: {ppid: 20, state: "Z"}},
			want:  "10: 3 3 1 0 1; 20: 3 3 2 0 0",
		},
		{
			name:  "an orphan that was seen below the newer",
			tasks: map[int]task{21: {ppid: 20}, 22: {ppid: 21, rss: 5}},
			steps: []func(*machine){func(m *machine) { m.remove("proc/21"); m.update(22, task{ppid: 1, rss: 5}) }},
			want:  "10: 1 1 0 0 1; 20: 2 2 0 0 5",
		},
		{
			name:  "what such an orphan starts and leaves",
			tasks: map[int]task{22: {ppid: 20}},
			steps: []func(*machine){
				func(m *machine) { m.update(22, task{ppid: 1}); m.remove("proc/20"); m.task(20, task{ppid: 1}) },
				func(m *machine) { m.task(23, task{ppid: 22, rss: 6}) },
				func(m *machine) { m.remove("proc/22"); m.update(23, task{ppid: 1, rss: 6}) },
			},
			want: "10: 1 1 0 0 1; 20: 2 2 0 0 6",
		},
		{
			name:  "an orphan that nobody has seen below anyone is the older's",
			tasks: map[int]task{22: {ppid: 1, threads: 3}},
			want:  "10: 4 2 0 0 1; 20: 1 1 0 0 0",
		},
		{
			name:  "an orphan in the process group of the newer",
			tasks: map[int]task{22: {ppid: 1, group: 20, threads: 3}, 23: {ppid: 22}},
			want:  "10: 1 1 0 0 1; 20: 5 3 0 0 0",
		},
		{
			name:  "what is left of an app whose main process has ended",
			tasks: map[int]task{11: {ppid: 10}, 21: {ppid: 20, rss: 5}},
			steps: []func(*machine){func(m *machine) { m.remove("proc/20"); m.update(21, task{ppid: 1, rss: 5}) }},
			want:  "10: 2 2 0 0 1; 20: 1 1 0 0 5",
		},
		{
			name:  "a main process that is a zombie",
			tasks: map[int]task{21: {ppid: 20, rss: 5}},
			steps: []func(*machine){func(m *machine) { m.update(20, task{ppid: 1, state: "Z"}); m.update(21, task{ppid: 1, rss: 5}) }},
			want:  "10: 1 1 0 0 1; 20: 2 2 0 0 5",
		},
		{
			name:  "a pid that was a main process's and is a child's now",
			steps: []func(*machine){func(m *machine) { m.remove("proc/20"); m.task(20, task{ppid: 10, start: 777, rss: 3}) }},
			want:  "10: 2 2 0 0 4; 20: 0 0 0 0 0",
		},
		{
			name:  "one that another main process has now",
			tasks: map[int]task{21: {ppid: 20}},
			steps: []func(*machine){func(m *machine) {
				m.remove("proc/20")
				m.task(20, task{ppid: 1, start: 777, rss: 3})
				m.update(21, task{ppid: 1})
			}},
			want: "10: 2 2 0 0 1; 20: 1 1 0 0 3",
		},
	}
	for _, room := range []int{0, 1} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("room %d/%s", room, tt.name), func(t *testing.T) {
				m := newMachine(t)
				m.task(10, task{ppid: 1, rss: 1})
				m.task(20, task{ppid: 1})
				for pid, k := range tt.tasks {
					m.task(pid, k)
				}
				s := m.sampler(Options{FDs: true, MemoryMetric: "rss", Descriptors: room})
				split := func() policy.Sample {
					sample := s.Look(10, 1)
					s.Split(&sample, 10, 20)
					return sample
				}
				got := split()
				for _, step := range tt.steps {
					step(m)
					split() // what has taken the place of another is seen one look later
					got = split()
				}
				if parts(got) != tt.want {
					t.Errorf("got %q, want %q", parts(got), tt.want)
				}
			})
		}
	}
}

func TestPartsThatCannotBeToldAreUnknown(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, rss: 5})
	s := m.sampler(Options{FDs: true})
	split := func(roots ...int) string {
		sample := s.Look(10, 1)
		s.Split(&sample, roots...)
		return parts(sample)
	}
	if got := split(); got != "" {
		t.Errorf("one app alone: got %q, want no parts", got)
	}
	if got, want := split(10, 20), "10: 1 1 0 0 5; 20: unknown unknown unknown unknown unknown"; got != want {
		t.Errorf("a main process that was never seen: got %q, want %q", got, want)
	}
	m.remove("proc/10/statm")
	m.file("proc/10/statm", "")
	s.Close()
	m.file("proc/10/stat", "")
	if got, want := split(10, 20), "10: unknown unknown unknown unknown unknown; 20: unknown unknown unknown unknown unknown"; got != want {
		t.Errorf("a blind look: got %q, want %q", got, want)
	}
}

// TestPartsNameTheirOwn has ceilings of the whole, for they are the kernel's, but of descriptors those of each process.
func TestPartsNameTheirOwn(t *testing.T) {
	m := newMachine(t)
	m.file("proc/1/mountinfo", v2Mount)
	m.file("proc/1/cgroup", "0::/\n")
	files := make(map[string]string)
	v2Group(files, "", "512000")
	for name, text := range files {
		m.file("sys/fs/cgroup/"+name, text)
	}
	m.file("sys/fs/cgroup/cgroup.procs", "1\n10\n11\n20\n")
	m.task(10, task{ppid: 1, comm: "old", rss: 10, fds: 3, nofile: "50", nproc: "256", uid: 1000})
	m.task(11, task{ppid: 10, comm: "worker", rss: 20, fds: 2, nofile: "4"})
	m.task(20, task{ppid: 1, comm: "new", rss: 10, fds: 7, threads: 4})
	s := m.sampler(Options{FDs: true})
	sample := s.Look(10, 1)
	s.Split(&sample, 10, 20)
	whole := sample.Measures[policy.Memory]
	if len(sample.Parts) != 2 || !whole.Known {
		t.Fatalf("got %+v, want two parts and a known memory", sample)
	}
	older, newer := sample.Parts[0].Measures, sample.Parts[1].Measures
	for _, tt := range []struct{ what, got, want string }{
		{"threads", names(older[policy.Threads].Top), "10 [old]=1, 11 [worker]=1"},
		{"threads", names(newer[policy.Threads].Top), "20 [new]=4"},
		{"processes", names(older[policy.Processes].Top), "10 [old]=1"},
		{"fds", names(older[policy.FDs].Top), "10 [old]=3, 11 [worker]=2"},
		{"fds", describe(older[policy.FDs].Ceilings), "RLIMIT_NOFILE of pid 11 (worker): 2 of 4\n"},
		{"fds", describe(newer[policy.FDs].Ceilings), "RLIMIT_NOFILE of pid 20 (new): 7 of 1024\n"},
		{"threads", describe(newer[policy.Threads].Ceilings), describe(sample.Measures[policy.Threads].Ceilings)},
		{"memory", describe(newer[policy.Memory].Ceilings), describe(whole.Ceilings)},
		{"memory", newer[policy.Memory].Source, whole.Source + ", shared out by rss"},
		{"memory", reading(older[policy.Memory].Reading), strconv.FormatUint(whole.Value*3/4, 10)},
		{"memory", reading(newer[policy.Memory].Reading), strconv.FormatUint(whole.Value/4, 10)},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		whole      policy.Reading
		rss, total uint64
		want       string
	}{
		{policy.Known(1000), 1, 4, "250"},
		{policy.Known(1000), 4, 4, "1000"},
		{policy.Known(1000), 0, 4, "0"},
		{policy.Known(1 << 62), 1 << 40, 1 << 41, "2305843009213693952"},
		{policy.Known(1000), 0, 0, "unknown"},
		{policy.Known(1000), 5, 4, "unknown"},
		{policy.Reading{}, 1, 4, "unknown"},
	} {
		if got := reading(share(tt.whole, tt.rss, tt.total)); got != tt.want {
			t.Errorf("%v of %v for %d of %d", got, tt.whole, tt.rss, tt.total)
		}
	}
}

func TestAloneOrphansBelongToTheAppThatLeftThem(t *testing.T) {
	if !alone(t, "") {
		return
	}
	older, newer := obey(t), obey(t)
	for _, o := range []*obeyed{older, newer} {
		o.order("fork", 1)
	}
	newer.order("fork", 1)
	s := New(Options{})
	processes := func() string {
		sample := s.Look(older.pid, 1)
		s.Split(&sample, older.pid, newer.pid)
		var texts []string
		for _, part := range sample.Parts {
			texts = append(texts, reading(part.Measures[policy.Processes].Reading))
		}
		return strings.Join(texts, " ")
	}
	if got, want := processes(), "2 3"; got != want {
		t.Fatalf("got %q processes, want %q", got, want)
	}
	orphans := []string{newer.order("pid", 0), newer.order("pid", 1)}
	if err := syscall.Kill(newer.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, pid := range orphans {
		awaitParent(t, pid, 1)
	}
	if got, want := processes(), "2 3"; got != want { // a zombie and two orphans
		t.Errorf("got %q processes after the end of the newer's main process, want %q", got, want)
	}
}

// awaitParent waits until a process has a certain parent.
func awaitParent(t *testing.T, pid string, parent int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if s, ok := parseStat(text); err == nil && ok && s.ppid == parent {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("pid %s is still not a child of pid %d", pid, parent)
		}
	}
}
