package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// asking is an app whose idleness a command must tell.
type asking struct{ command []string }

func (asking) Learn(int)                           {}
func (a asking) Look(time.Time, int) IdleAnswer    { return IdleAnswer{Ask: a.command} }
func (asking) Heard(_ time.Time, c int) IdleAnswer { return IdleAnswer{Known: c >= 0, Idle: c == 0} }

// confused panics when it is to look.
type confused struct{ asking }

func (confused) Look(time.Time, int) IdleAnswer { panic("idle") }

// drainsUntilIdle makes a limit trip at once, after which idle is waited for.
func drainsUntilIdle(c *Config, atMost time.Duration, check IdleChecker) {
	c.Plan.Drain.Idle, c.Plan.Drain.QuietTimeout = true, atMost
	c.Idle = func() IdleChecker { return check }
	watchThreads(c, func(_ int, generation uint64) policy.Sample { return threads(generation, 100) })
}

// TestNewsOfAnEarlierDrainIsStale: the app of this one has just been asked to go quiet.
func TestNewsOfAnEarlierDrainIsStale(t *testing.T) {
	plan := with(func(p *Plan) { p.Drain.Idle = true })
	l := &loop{Config: Config{Plan: plan, Log: logTo(&strings.Builder{})}, app: &app{machine: NewMachine(plan)}, walker: newWalker(reaper.New())}
	now := time.Now()
	l.machine.Begin(now)
	l.machine.Step(now, Started{7})
	l.machine.Step(now, trip)
	l.idleOver = make(chan struct{})
	idle := IdleAnswer{Idle: true, Known: true}
	l.onIdleNews(idleNews{over: make(chan struct{}), answer: idle})
	if got := l.machine.Phase(); got != Quiet {
		t.Errorf("after stale news: got phase %d, want still quiet", got)
	}
	l.onIdleNews(idleNews{over: l.idleOver, answer: idle})
	if got := l.machine.Phase(); got != Stopping {
		t.Errorf("after news: got phase %d, want stopping", got)
	}
}

func TestAnIdleCommandEndsTheQuietStage(t *testing.T) {
	supervised(t, "idle, says a command", `trap "exit 0" TERM; while :; do sleep 0.01; done`).
		ends(75, "idle: after=", "draining: stop")
}

// TestAnIdleCommandIsNotTheApp: what it says to the notify socket would count as the app's word, or be a stranger's.
func TestAnIdleCommandIsNotTheApp(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/app")
	supervised(t, "idle, says a command that has no notify socket", `trap "exit 0" TERM; while :; do sleep 0.01; done`).
		ends(75, "idle: after=", "draining: stop")
}

// TestOnlyOneAppIsAskedForQuiet: a stop ends the quiet stage of the old app and begins that of the new one.
func TestOnlyOneAppIsAskedForQuiet(t *testing.T) {
	before := make(chan struct{})
	l := &loop{app: &app{child: &reaper.Child{}}, idle: make(chan idleNews), idleOver: before}
	l.goQuiet(0)
	defer close(l.idleOver)
	select {
	case <-before:
	default:
		t.Error("got somebody who looks for ever, want them told that it is over")
	}
}

func TestABugInAnIdleCheckLeavesTheStageToItsDeadline(t *testing.T) {
	p := supervised(t, "looking for idle panics", `trap "exit 0" TERM; while :; do sleep 0.01; done`)
	p.ends(75, "the quiet stage failed", "draining: stop")
}

// asked starts a supervisor that waits for an idle command which never ends, and gives its pid.
func asked(t *testing.T, script string) (*supervisorProcess, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "asked")
	t.Setenv("ASKED", file)
	p := supervised(t, "an idle command hangs", script)
	var pid int
	poll(t, "the idle command", func() bool {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	return p, pid
}

func gone(pid int) bool {
	s := stat(pid)
	return s.PID == 0 || s.Zombie()
}

// TestAnIdleCommandIsNoLeftover: it is killed with the stage, and nobody waits for it.
func TestAnIdleCommandIsNoLeftover(t *testing.T) {
	began := time.Now()
	p, pid := asked(t, `until [ -s "$ASKED" ]; do sleep 0.01; done; exit 3`)
	p.ends(75, "drained for a limit, ending: code=3")
	poll(t, "the end of the idle command", func() bool { return gone(pid) })
	if took := time.Since(began); took > askFor-time.Second {
		t.Errorf("took %v, want no waiting for the idle command", took)
	}
	if log := p.stderr.String(); strings.Contains(log, "escalated") {
		t.Errorf("got %q, want no KILL", log)
	}
}

func TestAnIdleCommandDiesWithUs(t *testing.T) {
	p, pid := asked(t, "exec sleep 1000")
	p.gets(syscall.SIGKILL)
	poll(t, "the end of the idle command", func() bool { return gone(pid) })
	p.ended()
}
