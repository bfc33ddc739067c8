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

// obeyed is a child that does what it is told, and says when it is done.
type obeyed struct {
	t   *testing.T
	pid int
	in  *os.File
	out *bufio.Reader
}

func obey(t *testing.T) *obeyed {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"=obey:0")
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	o := &obeyed{t: t, pid: cmd.Process.Pid, in: w, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		cmd.Process.Kill()
		w.Close()
		cmd.Wait()
	})
	o.order("nothing", 0)
	return o
}

// order gives an order and waits until it is done. The answer is that of the order.
func (o *obeyed) order(what string, n int) string {
	o.t.Helper()
	fmt.Fprintln(o.in, what, n)
	answer, err := o.out.ReadString('\n')
	if err != nil {
		o.t.Fatalf("order %q: %v", what, err)
	}
	return strings.TrimSpace(answer)
}

// playObedient is the child.
func playObedient() {
	var threads chan struct{}
	var children []int
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		at := strings.LastIndexByte(in.Text(), ' ')
		what := in.Text()[:at]
		n, _ := strconv.Atoi(in.Text()[at+1:])
		answer := "done"
		switch what {
		case "threads":
			threads = holdUntil(n)
		case "end threads":
			close(threads)
		case "fork in threads": // each child is in the list of the thread that forked it, and of no other
			for range n {
				forked := make(chan int)
				go func() {
					runtime.LockOSThread()
					forked <- sleeper()
					select {}
				}()
				children = append(children, <-forked)
			}
		case "fork":
			children = append(children, sleeper())
		case "daemon": // whose parent ends at once
			exec.Command("/bin/sh", "-c", "sleep 1000 & exit 0").Run()
		case "kill children":
			for _, pid := range children {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		case "reap children":
			for _, pid := range children {
				syscall.Wait4(pid, nil, 0, nil)
			}
			children = nil
		case "pid":
			answer = strconv.Itoa(children[n])
		}
		fmt.Println(answer)
	}
}

func sleeper() int {
	pid, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "1000"}, nil)
	if err != nil {
		panic(err)
	}
	return pid
}

// holdUntil makes n threads that end when the channel is closed.
func holdUntil(n int) chan struct{} {
	running, end := make(chan struct{}), make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			running <- struct{}{}
			<-end
		}()
		<-running
	}
	return end
}

// watched looks at a child and all that is below the test.
type watched struct {
	*obeyed
	s *Sampler
}

func watch(t *testing.T, opts Options) watched {
	t.Helper()
	o := obey(t)
	s := New(opts)
	t.Cleanup(s.Close)
	return watched{o, s}
}

// until looks until the readings of one metric are as wanted.
func (w watched) until(metric policy.Metric, want func(uint64) bool) policy.Measure {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		m := w.s.Look(w.pid, 1).Measures[metric]
		if m.Known && want(m.Value) {
			return m
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%v are still %v, notes %q", metric, reading(m.Reading), w.s.Notes())
		}
	}
}

func exactly(n uint64) func(uint64) bool { return func(v uint64) bool { return v == n } }

// steady looks often enough for descriptors to be kept and for newborns to count as old.
func (w watched) steady() policy.Sample {
	w.t.Helper()
	tick := time.NewTicker(hatching)
	defer tick.Stop()
	for range 4 {
		w.s.Look(w.pid, 1)
		<-tick.C
	}
	return w.s.Look(w.pid, 1)
}

func TestRealChildrenForkedByAnyThreadAreFound(t *testing.T) {
	for name, descriptors := range map[string]int{"kept descriptors": 0, "no room for descriptors": 1} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, Options{Descriptors: descriptors})
			w.steady()
			w.order("fork in threads", 7)
			w.until(policy.Processes, exactly(8))
			w.order("kill children", 0)
			w.until(policy.Zombies, exactly(7))
			w.order("reap children", 0)
			w.until(policy.Zombies, exactly(0))
			w.until(policy.Processes, exactly(1))
		})
	}
}

func TestRealThreadsThatComeAndGoAreSeen(t *testing.T) {
	w := watch(t, Options{})
	before := w.steady().Measures[policy.Threads].Value
	w.order("threads", 30)
	if got := w.s.Look(w.pid, 1).Measures[policy.Threads].Value; got < before+20 { // some it had already
		t.Errorf("got %d threads at the very next look, want about %d", got, before+30)
	}
	w.steady()
	w.order("end threads", 0)
	w.until(policy.Threads, func(v uint64) bool { return v <= before+5 })
}

func TestRealFDsAreCountedOften(t *testing.T) {
	w := watch(t, Options{FDs: true})
	before := w.steady().Measures[policy.FDs].Value
	other := start(t, "fds:100")
	m := w.until(policy.FDs, func(v uint64) bool { return v >= before+90 })
	if len(m.Top) == 0 || m.Top[0].PID != other {
		t.Errorf("got top %v, want pid %d first", m.Top, other)
	}
}
