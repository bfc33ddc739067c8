package sampler

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

func (m *machine) pss() *PSS { return NewPSS(m.sampler(Options{}).opts) }

func (m *machine) rollup(dir string, kib int) {
	m.t.Helper()
	m.file("proc/"+dir+"/smaps_rollup", fmt.Sprintf("55d0-7ffc ---p 00000000 00:00 0    [rollup]\nRss:  %8d kB\nPss:  %8d kB\n", 10*kib, kib))
}

func TestPSSOfHelpersIsNotTheApps(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.task(20, task{ppid: 1, session: 20})
	m.task(21, task{ppid: 20, session: 20})
	m.task(30, task{ppid: 1, session: 20})
	for _, pid := range []string{"10", "20", "21", "30"} {
		m.rollup(pid, 1)
	}
	p := m.pss()
	p.opts.Helpers = func() []int { return []int{20} }
	if got := reading(measureTwice(p, 10)); got != "1024" {
		t.Errorf("got %s, want that of the app alone", got)
	}
}

// measureTwice gives the number that two reads agree on.
func measureTwice(p *PSS, main int) policy.Reading {
	p.Measure(time.Time{}.Add(time.Hour), main)
	p.cost = 0
	return p.Measure(time.Time{}.Add(2*time.Hour), main)
}

func TestPSS(t *testing.T) {
	large := pssLargest/os.Getpagesize() + 1
	tests := []struct {
		name  string
		tasks map[int]task
		pss   map[string]int // KiB, by directory
		main  int
		want  string
		note  string
	}{
		{
			name:  "all below us, but neither us nor strangers",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 10}, 12: {ppid: 11}, 50: {ppid: 0}, 51: {ppid: 50}},
			pss:   map[string]int{"1": 7, "10": 100, "11": 20, "12": 3, "50": 1000, "51": 1000},
			main:  10, want: "125952",
		},
		{
			name:  "a zombie has no memory and no smaps",
			tasks: map[int]task{10: {ppid: 1}, 11: {ppid: 10, state: "Z"}},
			pss:   map[string]int{"10": 1},
			main:  10, want: "1024",
		},
		{
			name:  "a leader in Z with live threads is read through one of them",
			tasks: map[int]task{10: {ppid: 1, state: "Z", threads: 2}},
			pss:   map[string]int{"10/task/1010": 4},
			main:  10, want: "4096",
		},
		{
			name:  "a large process is not read: its RSS counts",
			tasks: map[int]task{10: {ppid: 1, rss: large}, 11: {ppid: 10}},
			pss:   map[string]int{"10": 1, "11": 1},
			main:  10, want: fmt.Sprint(large*os.Getpagesize() + 1024),
		},
		{
			name:  "without an app there is nothing",
			tasks: map[int]task{},
			want:  "0",
		},
		{
			name:  "a main process that is hidden makes it unknown",
			tasks: map[int]task{11: {ppid: 1}},
			pss:   map[string]int{"11": 1},
			main:  10, want: "unknown",
		},
		{
			name:  "a kernel without smaps makes it unknown, not zero",
			tasks: map[int]task{10: {ppid: 1}},
			main:  10, want: "unknown", note: "pss is unknown: this kernel has no smaps_rollup",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			for pid, k := range tt.tasks {
				m.task(pid, k)
			}
			m.file("proc/10/task/1010/stat", statLine(1010, task{state: "S", comm: "app", threads: 1}))
			if _, ok := tt.tasks[10]; !ok {
				m.remove("proc/10")
			}
			for dir, kib := range tt.pss {
				m.rollup(dir, kib)
			}
			p := m.pss()
			if got := reading(measureTwice(p, tt.main)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := strings.Join(p.Notes(), "\n"); got != tt.note {
				t.Errorf("got notes %q, want %q", got, tt.note)
			}
		})
	}
}

func TestPSSIsTheLowerOfTwoReads(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.task(20, task{ppid: 1})
	m.remove("proc/20")
	p := m.pss()
	for _, step := range []struct {
		name string
		at   int // seconds
		main int
		kib  int
		want string
	}{
		{"one read alone is unknown", 0, 10, 1, "unknown"},
		{"the second comes soon", 1, 10, 5, "1024"},
		{"the next only after 30 s", 30, 10, 9, "1024"},
		{"of two", 31, 10, 2, "2048"},
		{"a single peak does not show", 61, 10, 99, "2048"},
		{"what lasts does", 91, 10, 98, "100352"},
		{"kept between reads", 100, 10, 1, "100352"},
		{"another main process begins anew", 101, 20, 3, "unknown"},
		{"with its own", 102, 20, 4, "3072"},
	} {
		if step.main == 20 {
			m.remove("proc/10")
			m.task(20, task{ppid: 1})
		}
		m.rollup(fmt.Sprint(step.main), step.kib)
		p.cost = 0 // of a fake tree on a busy machine it may be anything
		if got := reading(p.Measure(time.Time{}.Add(time.Hour+time.Duration(step.at)*time.Second), step.main)); got != step.want {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
}

func TestPSSTakesAtMostAPercentOfTheTime(t *testing.T) {
	for _, row := range []struct {
		made       int
		cost, want time.Duration
	}{
		{1, 3 * time.Millisecond, 300 * time.Millisecond},
		{1, time.Second, 100 * time.Second},
		{2, 3 * time.Millisecond, 30 * time.Second},
		{9, 500 * time.Millisecond, 50 * time.Second},
	} {
		if got := (&PSS{made: row.made, cost: row.cost}).pause(); got != row.want {
			t.Errorf("after %d reads, the last of %v: got %v, want %v", row.made, row.cost, got, row.want)
		}
	}
}

func TestPSSThatTakesTooLongIsUnknownAndSaidOnce(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.rollup("10", 1)
	p := m.pss()
	if got := reading(measureTwice(p, 10)); got != "1024" {
		t.Fatalf("got %v, want 1024", got)
	}
	p.budget = 0
	for hour := range 3 {
		if got := p.Measure(time.Time{}.Add(time.Duration(10+hour)*time.Hour), 10); got.Known {
			t.Errorf("got %v, want unknown", got.Value)
		}
	}
	if got := p.Notes(); len(got) != 1 || !strings.Contains(got[0], "takes more than") {
		t.Errorf("got notes %q, want one of the time it takes", got)
	}
}

func TestPSSThatMayNotBeReadSaysWhy(t *testing.T) {
	p := NewPSS(Options{})
	p.note(fmt.Errorf("smaps: %w", &fs.PathError{Op: "open", Path: "/proc/7/smaps_rollup", Err: syscall.EACCES}))
	p.note(syscall.ESRCH)
	if got := strings.Join(p.Notes(), "\n"); !strings.Contains(got, "CAP_SYS_PTRACE") || strings.ContainsAny(got, "7\n") {
		t.Errorf("got notes %q, want one of the capability", got)
	}
}

const (
	pssChildEnv = "SAMPLER_TEST_PSS_CHILD"
	pssShared   = 32 << 20
)

// TestPSSChild is a process of the next test, which runs it with this variable: it maps what it got, touches it all and
// lives until its input ends.
func TestPSSChild(*testing.T) {
	if os.Getenv(pssChildEnv) == "" {
		return
	}
	shared, err := unix.Mmap(3, 0, pssShared, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	for at := 0; at < len(shared); at += os.Getpagesize() {
		shared[at] = 1
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

func TestPSSOfRealProcessesCountsWhatTheyShareOnce(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "shared"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(pssShared); err != nil {
		t.Fatal(err)
	}
	var main int
	for range 4 {
		main = startPSSChild(t, file)
	}
	rss := psTree(t).rss
	p := NewPSS(Options{})
	p.budget = time.Minute // the machine may be busy
	got := measureTwice(p, main)
	if rss < 4*pssShared || !got.Known || got.Value < pssShared || got.Value > 3*pssShared {
		t.Errorf("got %s, want a little over %d; the rss is %d, notes %q", reading(got), pssShared, rss, p.Notes())
	}
}

func startPSSChild(t *testing.T, shared *os.File) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestPSSChild$")
	cmd.Env = append(os.Environ(), pssChildEnv+"=1")
	cmd.ExtraFiles = []*os.File{shared}
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the child is not ready: %v", err)
	}
	return cmd.Process.Pid
}
