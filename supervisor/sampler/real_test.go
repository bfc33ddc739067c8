package sampler

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// childEnv makes the test binary play a leaky program instead: "zombies:3", "threads:20", "fds:30", "leader:4", "crowd:500".
const childEnv = "SAMPLER_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		play(role)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play does what the role says, prints a line and lives until it is killed.
func play(role string) {
	kind, number, _ := strings.Cut(role, ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	switch kind {
	case "obey":
		playObedient()
		return
	case "zombies":
		for range n {
			if _, err := syscall.ForkExec("/bin/true", []string{"true"}, nil); err != nil {
				panic(err)
			}
		}
	case "crowd":
		for range n {
			forkAndWait()
		}
	case "threads":
		holdThreads(n)
	case "fds":
		for range n {
			if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
				panic(err)
			}
		}
	case "leader":
		holdThreads(n)
		fmt.Println("ready")
		if onMainThread {
			syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0) // of this thread alone, as pthread_exit in main does
		}
	}
	fmt.Println("ready")
	select {}
}

// forkAndWait makes the cheapest process there is: it executes nothing, shares its memory with us, and waits for ever.
func forkAndWait() {
	pid, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
	if errno != 0 {
		panic(errno)
	}
	for pid == 0 { // nothing of the runtime may be used here
		syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

// holdThreads makes n threads that block for ever.
func holdThreads(n int) {
	running := make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread()
			running <- struct{}{}
			var p [2]int
			if err := syscall.Pipe(p[:]); err != nil {
				panic(err)
			}
			syscall.Read(p[0], make([]byte, 1))
		}()
		<-running
	}
}

// onMainThread keeps the main goroutine on the first thread of a process that is to play a leader: that can only be
// asked for while packages are initialized.
var onMainThread = func() bool {
	leader := strings.HasPrefix(os.Getenv(childEnv), "leader:")
	if leader {
		runtime.LockOSThread()
	}
	return leader
}()

// start runs the test binary in a role and waits until it has said that it is ready.
func start(t *testing.T, role string) int {
	t.Helper()
	return startAs(t, role, os.Getuid())
}

// startAs is start as some user.
func startAs(t *testing.T, role string, uid int) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe") // the directory of the binary is not open to every user
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	if uid != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.Process.Kill() == nil { // else it is another user's, and ends with its PID namespace
			cmd.Wait()
		}
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%s is not ready: %v", role, err)
	}
	return cmd.Process.Pid
}

// lookUntil looks again and again until the sample satisfies ok.
func lookUntil(t *testing.T, main int, ok func(policy.Sample) bool) policy.Sample {
	t.Helper()
	s := New(Options{FDs: true})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		sample := s.Look(main, 1)
		if ok(sample) {
			return sample
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s the sample is still %+v, notes %q", sample.Measures, s.Notes())
		}
	}
}

func TestRealTreeAgreesWithPs(t *testing.T) {
	main := start(t, "threads:20")
	start(t, "zombies:3")
	start(t, "zombies:7")
	start(t, "fds:200")
	// The runtimes of the children may still be busy: what a look and ps say is compared when nothing has moved between.
	var want totals
	m := lookUntil(t, main, func(s policy.Sample) bool {
		want = psTree(t)
		return s.Measures[policy.Zombies].Value == 7 && s.Measures[policy.Threads].Value == want.threads
	}).Measures
	if m[policy.Processes].Value != want.processes || want.processes != 4+10 {
		t.Errorf("processes: got %v, ps says %v, want 14", m[policy.Processes].Value, want.processes)
	}
	if got := m[policy.Threads].Value; got < 20+14 {
		t.Errorf("threads: got %v, want more than the 34 that were made", got)
	}
	if got := m[policy.Memory].Top; len(got) != 3 || got[0].Value == 0 {
		t.Errorf("memory: got top %v", got)
	}
	if m[policy.Memory].Source == "rss of the tree" {
		if got := m[policy.Memory].Value; got < want.rss*9/10 || got > want.rss*11/10 {
			t.Errorf("memory: got %v, ps says %v", got, want.rss)
		}
	}
	if got := m[policy.FDs]; got.Value < 200 || got.Value > 230 || len(got.Ceilings) != 1 {
		t.Errorf("fds: got %+v, want a little over 200 and a ceiling", got)
	}
	if got := m[policy.Zombies].Top; len(got) != 2 || got[0].Value != 7 || got[1].Value != 3 {
		t.Errorf("zombies: got top %v, want parents with 7 and 3", got)
	}
}

type totals struct{ processes, threads, rss uint64 }

// psTree sums what ps says of the descendants of this test, ps itself excepted.
func psTree(t *testing.T) totals {
	t.Helper()
	cmd := exec.Command("ps", "-eo", "pid=,ppid=,nlwp=,rss=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	parent := make(map[int]int)
	var rows [][4]int
	for line := range strings.Lines(string(out)) {
		var row [4]int
		if _, err := fmt.Sscan(line, &row[0], &row[1], &row[2], &row[3]); err != nil {
			t.Fatalf("ps says %q: %v", line, err)
		}
		parent[row[0]] = row[1]
		rows = append(rows, row)
	}
	var sum totals
	for _, row := range rows {
		at := parent[row[0]]
		for at > 1 && at != os.Getpid() {
			at = parent[at]
		}
		if at == os.Getpid() && row[0] != cmd.Process.Pid {
			sum.processes++
			sum.threads += uint64(row[2])
			sum.rss += uint64(row[3]) * 1024
		}
	}
	return sum
}

func TestRealLeaderInZWithLiveThreadsKeepsItsNumbers(t *testing.T) {
	main := start(t, "leader:4")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for leaderState(t, main) != "Z" { // it has said that it is ready: it is about to
		<-tick.C
	}
	m := lookUntil(t, main, func(policy.Sample) bool { return true }).Measures
	if got := m[policy.Threads].Value; got < 5 {
		t.Errorf("threads: got %v, want at least 5", got)
	}
	if got := m[policy.FDs].Value; got < 3 {
		t.Errorf("fds: got %v, want at least 3", got)
	}
	if top := m[policy.Memory].Top; len(top) != 1 || top[0].Value == 0 {
		t.Errorf("memory: got top %v, want the leader with what its threads hold", top)
	}
	if got := m[policy.Zombies]; got.Value != 0 {
		t.Errorf("zombies: got %+v, want 0", got)
	}
}

func leaderState(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text[strings.LastIndexByte(string(text), ')')+2:])
	return rest[:1]
}

func TestRealOwnTreeWithoutApp(t *testing.T) {
	for _, main := range []int{0, os.Getpid()} {
		s := New(Options{FDs: true, MemoryMetric: "rss"})
		if got, want := readings(s.Look(main, 1)), "0 0 0 0 0"; got != want {
			t.Errorf("main %d: got %v, want %v", main, got, want)
		}
	}
}

func TestMachineTasksCountsThreads(t *testing.T) {
	s := New(Options{})
	tasks := func() policy.Reading {
		s.tree.lastPID()
		return s.tree.tasks
	}
	var before, after policy.Reading
	for range 10 { // as many of somebody else's may end meanwhile
		before = tasks()
		start(t, "threads:400")
		after = tasks()
		if before.Known && after.Known && after.Value >= before.Value+200 {
			return
		}
	}
	t.Errorf("got %v then %v, want about 400 more", before, after)
}

func TestTreeThatChangesAllTheTimeIsStillSeen(t *testing.T) {
	main := start(t, "fds:1")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				exec.Command("/bin/true").Run()
			}
		}
	}()
	s := New(Options{FDs: true})
	for i := range 100 {
		m := s.Look(main, uint64(i/10)).Measures
		if p := m[policy.Processes]; !p.Known || p.Value < 1 || p.Value > 2 {
			t.Errorf("got %s processes, want 1 or 2", reading(p.Reading))
		}
		if z := m[policy.Zombies]; !z.Known || z.Value != 0 {
			t.Errorf("got %s zombies, want 0", reading(z.Reading))
		}
	}
	close(stop)
	<-done
	if notes := s.Notes(); len(notes) > 0 {
		t.Errorf("got notes %q, want none: processes that vanish are normal", notes)
	}
}

func TestOutOfDescriptorsIsUnknownNotZero(t *testing.T) {
	main := start(t, "threads:3")
	s := New(Options{FDs: true})
	s.Look(main, 1)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	sample := s.Look(main, 1)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	for metric, m := range sample.Measures {
		if m.Known {
			t.Errorf("%v: got %v, want unknown", policy.Metric(metric), m.Value)
		}
	}
	if got := readings(s.Look(main, 1)); strings.Contains(got, "unknown") {
		t.Errorf("descriptors are there again, got %v", got)
	}
}
