package sampler

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

func TestRealNamesCannotForgeAStat(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names := []string{") Z 1 1 (", "a) Z 0 0\n", "\n99 (x) Z 1", "(((((", "\xff\x1b[2J) X "}
	for _, name := range names { // the kernel names a process after the file
		link := filepath.Join(dir, name)
		if err := os.Symlink(sleep, link); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(link, "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
	s := New(Options{})
	for range 4 { // at first sight, when descriptors are opened, and through them
		m := s.Look(os.Getpid(), 1).Measures
		for metric, want := range map[policy.Metric]int{policy.Processes: len(names), policy.Threads: len(names), policy.Zombies: 0} {
			if got := m[metric].Reading; got != policy.Known(uint64(want)) {
				t.Errorf("%v: got %s, want %d", metric, reading(got), want)
			}
		}
	}
}

// TestCountersThatJump has a kernel that shows nonsense for a moment, or a counter that begins anew.
func TestCountersThatJump(t *testing.T) {
	const pids, memory = "pids.max: %s of 100\n", "memory.max: %s of 512000\n"
	tests := []struct {
		name  string
		file  string
		texts []string
		want  []string // usage under pids.max, or memory: the reading, which is that under memory.max too
	}{
		{"threads of the cgroup", "sys/fs/cgroup/pids.current", []string{"-1", "7", "18446744073709551615", "0", "99999999999999999999", "8", ""}, []string{"unknown", "7", "unknown", "0", "unknown", "8", "unknown"}},
		{"memory of the cgroup", "sys/fs/cgroup/memory.stat", []string{
			"anon 5000\nshmem 0\n", "anon 18446744073709547520\nshmem 0\n", "anon -4096\nshmem 0\n", "anon 10\nshmem 0\n", "", "anon 400000\nshmem 0\n",
		}, []string{"5000", "unknown", "unknown", "10", "unknown", "400000"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.task(10, task{ppid: 1, rss: 1})
			m.file("proc/1/mountinfo", v2Mount)
			m.file("proc/1/cgroup", "0::/\n")
			files := make(map[string]string)
			v2Group(files, "", "512000")
			files["pids.max"] = "100\n"
			for name, text := range files {
				m.file("sys/fs/cgroup/"+name, text)
			}
			s := m.sampler(Options{})
			for i, text := range tt.texts {
				m.file(tt.file, text+"\n")
				measures := s.Look(10, 1).Measures
				metric, form := policy.Threads, pids
				if strings.HasSuffix(tt.file, "memory.stat") {
					metric, form = policy.Memory, memory
					if got := reading(measures[metric].Reading); got != tt.want[i] {
						t.Errorf("%q: got %s, want %s", text, got, tt.want[i])
					}
				}
				if got, want := describe(measures[metric].Ceilings), fmt.Sprintf(form, tt.want[i]); got != want {
					t.Errorf("%q: got %q, want %q", text, got, want)
				}
			}
		})
	}
}

// TestForkCounterThatGoesBackIsDoubt has a restored or a broken counter of forks: then everything is looked for.
func TestForkCounterThatGoesBackIsDoubt(t *testing.T) {
	m := newMachine(t)
	tree := newTree(filepath.Join(m.root, "proc"), 7, 0, func(string) {})
	tree.pidMax, tree.lap = 32768, time.Millisecond
	now := time.Now()
	for forks, want := range map[string]bool{"1000": false, "1010": false, "40000": true, "999": true, "0": true, "x": true} {
		m.file("proc/stat", "cpu 1 2 3\nprocesses "+forks+"\nprocs_running 1\n")
		tree.older = cursor{at: now.Add(-time.Second), forks: 1000}
		if got := tree.lapped(&cursor{at: now}); got != want {
			t.Errorf("1000 forks, then %s: got %v, want %v", forks, got, want)
		}
	}
}

// crowd makes n cheap processes, below pid 10 from pid 1000 on.
func (m *machine) crowd(n int) {
	m.t.Helper()
	statm := filepath.Join(m.root, "proc/10/statm")
	for pid := 1000; pid < 1000+n; pid++ {
		dir := filepath.Join(m.root, "proc", strconv.Itoa(pid))
		for _, err := range []error{
			os.Mkdir(dir, 0o755),
			os.Mkdir(dir+"/task", 0o755),
			os.Mkdir(dir+"/task/x", 0o755),
			os.WriteFile(dir+"/stat", []byte(statLine(pid, task{ppid: 10, state: "S", comm: "app", threads: 1, rss: 1})), 0o644),
			os.Link(statm, dir+"/statm"),
		} {
			if err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// inMemory has temporary files of this test in memory, for disks are slow. They need not be removed one by one.
func inMemory(t *testing.T) (forget func()) {
	t.Helper()
	dir := filepath.Dir(t.TempDir()) // where all of this test come
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	return func() { syscall.Unmount(dir, syscall.MNT_DETACH) }
}

func TestAloneThirtyThousandProcesses(t *testing.T) {
	if !alone(t, "") {
		return
	}
	defer inMemory(t)()
	const crowd, room = 30_000, 2000
	m := newMachine(t)
	m.task(10, task{ppid: 1, rss: 1})
	m.crowd(crowd)
	before := openHere(t)
	s := m.sampler(Options{Descriptors: room})
	defer s.Close()
	if got, want := readings(m.again(s, 10)), fmt.Sprintf("%d %d 0 unknown %d", crowd+1, crowd+1, crowd+1); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := openHere(t) - before; got < room/2 || got > room+20 { // and a few that are not of processes
		t.Errorf("got %d descriptors open, want about %d", got, room)
	}
	const left = 100
	for pid := 1000 + left; pid < 1000+crowd; pid++ {
		dir := filepath.Join(m.root, "proc", strconv.Itoa(pid))
		if err := errors.Join(os.Remove(dir+"/stat"), syscall.Rmdir(dir+"/task/x")); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := readings(s.Look(10, 1)), fmt.Sprintf("%d %d 0 unknown %d", left+1, left+1, left+1); got != want {
		t.Errorf("most of them have ended: got %v, want %v", got, want)
	}
	if got := openHere(t) - before; got > 2*left+20 {
		t.Errorf("got %d descriptors open, want two for each that is left", got)
	}
	if notes := s.Notes(); len(notes) > 0 {
		t.Errorf("got notes %q, want none", notes)
	}
}

// TestAloneCrowdOfRealProcesses has 30,000 of them in the long run, which takes 6 GiB.
func TestAloneCrowdOfRealProcesses(t *testing.T) {
	if !alone(t, "") {
		return
	}
	crowd := 500
	if os.Getenv("REAPERD_LONG") == "1" {
		crowd = 30_000
	}
	main := start(t, "crowd:"+strconv.Itoa(crowd))
	s := New(Options{})
	s.tree.findRoom()
	room := s.tree.room
	for range 4 {
		if got := s.Look(main, 1).Measures[policy.Processes].Reading; got != policy.Known(uint64(crowd+1)) {
			t.Errorf("got %s processes, want %d", reading(got), crowd+1)
		}
	}
	if got := openHere(t); got > room+30 {
		t.Errorf("got %d descriptors open, want at most %d for processes", got, room)
	}
	if err := syscall.Kill(main, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !s.tree.known[main].dead; <-tick.C {
		if s.Look(main, 1); time.Now().After(deadline) {
			t.Fatalf("pid %d is still not seen to be dead", main)
		}
	}
	if got := s.Look(main, 1).Measures[policy.Processes].Reading; got != policy.Known(uint64(crowd+1)) {
		t.Errorf("a zombie and its orphans: got %s processes, want %d", reading(got), crowd+1)
	}
	if notes := s.Notes(); len(notes) > 0 {
		t.Errorf("got notes %q, want none", notes)
	}
}
