package sampler

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

const namespaceEnv = "SAMPLER_TEST_NAMESPACE"

// alone runs the test once more, as PID 1 of a PID namespace with a /proc of its own: nobody else forks there. It says
// whether this is that run.
func alone(t *testing.T, mountOptions string) bool {
	t.Helper()
	if os.Getenv(namespaceEnv) != "" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("proc", "/proc", "proc", 0, mountOptions); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Getuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("needs root, to make a PID namespace")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func TestAloneSteadyLookAllocatesNothing(t *testing.T) {
	if !alone(t, "") {
		return
	}
	w := watch(t, Options{FDs: true})
	w.order("fork in threads", 20)
	w.until(policy.Processes, exactly(21))
	w.steady()
	if got := testing.AllocsPerRun(100, func() { w.s.Look(w.pid, 1) }); got > 0 {
		t.Errorf("got %v allocations a look, want none", got)
	}
}

func TestAloneOrphansAreOurs(t *testing.T) {
	if !alone(t, "") {
		return
	}
	w := watch(t, Options{})
	w.steady()
	w.order("daemon", 0)
	w.until(policy.Processes, exactly(2))
	w.order("daemon", 0)
	w.until(policy.Processes, exactly(3))
}

// giveOut makes the kernel give out a pid next, to whoever is next.
func giveOut(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
		t.Fatal(err)
	}
}

func TestAlonePidsThatComeRoundAreFound(t *testing.T) {
	if !alone(t, "") {
		return
	}
	w := watch(t, Options{})
	w.steady()
	text, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		t.Fatal(err)
	}
	const room, children = 20, 40 // threads of the runtimes take pids too
	last := int(parseNumber(text).Value) - room
	w.order("fork in threads", 1)
	w.until(policy.Processes, exactly(2))
	w.steady()
	giveOut(t, last)
	w.steady()
	// Pids go to the threads of the children's parent as well: some children come before the turn, some after.
	w.order("fork in threads", children)
	w.until(policy.Processes, exactly(2+children))
	if high, err := strconv.Atoi(w.order("pid", 1)); err != nil || high < last {
		t.Errorf("got pid %d, want one from %d on: nothing has come round", high, last)
	}
	if low, err := strconv.Atoi(w.order("pid", children)); err != nil || low > 1000 {
		t.Errorf("got pid %d, want a small one: nothing has come round", low)
	}
	w.order("kill children", 0)
	w.until(policy.Zombies, exactly(1+children))
}

// TestAloneALoadavgThatIsNotTheKernelsIsNotTrusted: lxcfs mounts one over it whose last pid is one of the host.
func TestAloneALoadavgThatIsNotTheKernelsIsNotTrusted(t *testing.T) {
	if !alone(t, "") {
		return
	}
	other := filepath.Join(t.TempDir(), "loadavg")
	if err := os.WriteFile(other, []byte("0.00 0.00 0.00 1/100 4000000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(other, "/proc/loadavg", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	w := watch(t, Options{})
	w.steady()
	w.order("fork in threads", 7)
	w.until(policy.Processes, exactly(8))
	w.order("kill children", 0)
	w.until(policy.Zombies, exactly(7))
}

func TestAloneAPidUsedAgainIsAnotherProcess(t *testing.T) {
	if !alone(t, "") {
		return
	}
	o := obey(t)
	for _, descriptors := range []int{0, 1} {
		w := watched{o, New(Options{Descriptors: descriptors})}
		w.order("fork", 1)
		w.until(policy.Processes, exactly(2))
		w.steady()
		pid, err := strconv.Atoi(w.order("pid", 0))
		if err != nil {
			t.Fatal(err)
		}
		before := w.s.tree.known[pid]
		w.order("kill children", 0)
		w.order("reap children", 0)
		for try := 0; ; try++ {
			giveOut(t, pid)
			w.order("fork", 1)
			if w.order("pid", 0) == strconv.Itoa(pid) {
				break
			}
			w.order("kill children", 0) // a thread of somebody had it
			w.order("reap children", 0)
			if try == 50 {
				t.Fatalf("pid %d is not given out again", pid)
			}
		}
		w.until(policy.Processes, exactly(2))
		if p := w.s.tree.known[pid]; p == nil || p == before {
			t.Errorf("got %+v for pid %d, want a new process", p, pid)
		}
		w.order("kill children", 0)
		w.until(policy.Zombies, exactly(1))
		w.order("reap children", 0)
		w.s.Close()
	}
}
