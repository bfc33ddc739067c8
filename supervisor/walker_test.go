package supervisor

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
	"github.com/reaperd/reaperd/reaper/procstat"
)

// below starts a shell script as a child of the test and waits for its first line.
func below(t *testing.T, script string) *supervisorProcess {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	p := process(t, "", cmd)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	p.says("ready")
	return p
}

// stat is what /proc says of a process; the zero value if it is gone.
func stat(pid int) procstat.Stat {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	s, _ := procstat.Parse(text)
	return s
}

func term(w *walker, roots bool) walked {
	return w.walk(walkOrder{Walk: Walk{Signal: policy.SIGTERM, Roots: roots}, epoch: w.epoch.Load()})
}

// next is the next line of the app's.
func (p *supervisorProcess) next() string {
	p.t.Helper()
	line := ""
	poll(p.t, "a line", func() bool {
		select {
		case line = <-p.lines:
			return true
		default:
			return false
		}
	})
	return line
}

const counting = `trap "echo asked" TERM; trap "echo continued" CONT; echo ready; while :; do sleep 0.01; done`

func TestTERMIsSentOnceWithCONTAfterIt(t *testing.T) {
	p := below(t, counting)
	w := newWalker(reaper.New())
	if got := term(w, false); got != (walked{}) {
		t.Fatalf("got %+v", got)
	}
	if first, second := p.next(), p.next(); first != "asked" || second != "continued" {
		t.Errorf("got %q and %q, want asked and continued", first, second)
	}
	term(w, false)
	term(w, true)
	p.gets(syscall.SIGCONT)
	if got := p.next(); got != "continued" {
		t.Errorf("got %q, want no second TERM", got)
	}
	w.walk(walkOrder{Walk: Walk{Signal: policy.SIGTERM, Again: true}, epoch: w.epoch.Load()})
	if got := p.next(); got != "asked" {
		t.Errorf("got %q, want another TERM from the last call", got)
	}
}

func TestAStoppedProcessIsContinuedForItsTERM(t *testing.T) {
	p := below(t, counting)
	p.gets(syscall.SIGSTOP)
	poll(t, "stopped", func() bool { return stat(p.cmd.Process.Pid).State == 'T' })
	term(newWalker(reaper.New()), false)
	lines := []string{p.next(), p.next()}
	slices.Sort(lines)
	if want := []string{"asked", "continued"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

func TestRootsAreOurChildrenAndNotTheirs(t *testing.T) {
	p := below(t, `trap "echo parent" TERM; sh -c 'trap "echo child" TERM; echo ready; while :; do sleep 0.01; done' & while :; do sleep 0.01; done`)
	w := newWalker(reaper.New())
	term(w, true)
	if got := p.next(); got != "parent" {
		t.Errorf("got %q, want parent", got)
	}
	term(w, false)
	if got := p.next(); got != "child" {
		t.Errorf("got %q, want child: it had none yet, and its parent had", got)
	}
	w.walk(walkOrder{Walk: Walk{Signal: policy.SIGKILL, Freeze: true}, epoch: w.epoch.Load()})
	if _, open := <-p.lines; open { // both are gone: nobody holds the pipe
		t.Error("a line after KILL")
	}
}

func TestTheWalkerForgetsTheGone(t *testing.T) {
	p := below(t, `trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done`)
	w := newWalker(reaper.New())
	id := identity{p.cmd.Process.Pid, stat(p.cmd.Process.Pid).Start}
	w.asked[identity{id.pid, id.start - 1}] = true // an earlier process with this pid
	term(w, true)
	if len(w.asked) != 1 || !w.asked[id] {
		t.Errorf("got %v asked, want only %v", w.asked, id)
	}
	p.ends(0)
	term(w, true)
	if len(w.asked) != 0 {
		t.Errorf("got %v still remembered, want nobody", w.asked)
	}
}

func TestACancelledOrderReachesNobody(t *testing.T) {
	w := newWalker(reaper.New())
	w.order(walkOrder{Walk: Walk{Signal: policy.SIGKILL}})
	w.cancel() // and the next incarnation starts
	p := below(t, `trap "exit 3" TERM; echo ready; while :; do sleep 0.01; done`)
	if got := w.walk(<-w.orders); got != (walked{}) {
		t.Fatalf("got %+v", got)
	}
	w.order(walkOrder{Walk: Walk{Signal: policy.SIGTERM}}) // an order of its own does
	w.walk(<-w.orders)
	p.ends(3)
}

func TestTheNewestOrderReplacesOneThatHasNotBegun(t *testing.T) {
	w := newWalker(reaper.New())
	w.order(walkOrder{Walk: Walk{Signal: policy.SIGTERM, Roots: true}})
	w.order(walkOrder{Walk: Walk{Signal: policy.SIGTERM}})
	w.order(walkOrder{Walk: Walk{Signal: policy.SIGKILL}})
	if got := <-w.orders; got.Signal != policy.SIGKILL {
		t.Errorf("got %+v, want KILL", got)
	}
	if len(w.orders) != 0 {
		t.Errorf("got %d orders more, want none", len(w.orders))
	}
}

// TestALateWalkDoesNotSignalTheNextIncarnation: without /proc the group is what is signalled, but only in a drain.
func TestALateWalkDoesNotSignalTheNextIncarnation(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", counting)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := process(t, "", cmd)
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	p.says("ready")
	c := Config{Plan: defaults(), Log: logTo(io.Discard)}
	l := &loop{Config: c, app: &app{machine: NewMachine(c.Plan), group: cmd.Process.Pid}, said: map[string]bool{}}
	l.machine.Begin(epoch)
	l.machine.Step(epoch, Started{cmd.Process.Pid})
	blind := walked{err: syscall.ENOENT}
	l.onWalked(blind)
	p.gets(syscall.SIGCONT)
	if got := p.next(); got != "continued" {
		t.Errorf("running: got %q, want no signal but CONT", got)
	}
	l.machine.Step(epoch, sig(0, policy.SIGTERM))
	l.onWalked(blind)
	if got := p.next(); got != "asked" {
		t.Errorf("draining: got %q, want TERM", got)
	}
}

// A bug in a walk must not cost the app its PID 1.
func TestABugInAWalkIsAWalkThatCouldNotBeDone(t *testing.T) {
	w := newWalker(nil)
	if got := w.safely(walkOrder{Walk: Walk{Signal: policy.SIGTERM}}); got.err == nil {
		t.Errorf("got %+v, want an error", got)
	}
}
