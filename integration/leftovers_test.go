package integration

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Rows 35 and 40: what the main process leaves behind gets TERM and its time, wherever it is.
func TestLeftoversOfAnEndedAppFinish(t *testing.T) {
	t.Parallel()
	left := `"$LEAKY" -name left signals TERM=0@500ms`
	tests := []struct{ name, script string }{
		{"in the group of the app", left + ` &`},
		{"in a session of its own", `setsid ` + left + ` &`},
		{"a double-forked daemon", `(setsid ` + left + ` &);`},
		{"below a shell that is left behind", `sh -c '` + left + `; true' &`},
	}
	for _, tt := range tests {
		for _, notPID1 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, PID 1 %v", tt.name, !notPID1), func(t *testing.T) {
				t.Parallel()
				r := start(t, spec{App: sh(tt.script + ` exec "$LEAKY" signals 40=3`), NotPID1: notPID1})
				r.says("left ready")
				r.says("app ready")
				began := time.Now()
				r.signal(40)
				r.wants(3)
				took := time.Since(began)
				r.order(r.out, "app bye", "left signal 15", "left bye")
				if took < 500*time.Millisecond {
					t.Errorf("took %v, want the 0.5s that the leftover needs", took)
				}
			})
		}
	}
}

// Row 36: the app first, the others when it has ended, all in one budget.
func TestStopReachesTheAppFirstAndLeftoversAfterIt(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`setsid "$LEAKY" -name left signals TERM=0@300ms & exec "$LEAKY" signals TERM=4@300ms`),
		Flags: []string{"--grace", "60s"}})
	r.says("left ready")
	r.says("app ready")
	r.signal(syscall.SIGTERM)
	r.wants(4)
	r.order(r.out, "app signal 15", "app bye", "left signal 15", "left bye")
}

// A wrapper that dies of TERM at once must not cut its server's drain: `sh -c 'puma; true'`.
func TestServerBehindAShellMayFinish(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name server signals TERM=0@500ms; true`)})
	r.says("server ready")
	r.signal(syscall.SIGTERM)
	r.wants(143)
	r.order(r.out, "server signal 15", "server bye")
}

// Row 37.
func TestAppThatIgnoresTermIsKilledWhenTheBudgetEnds(t *testing.T) {
	t.Parallel()
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: leaky("signals"), Flags: []string{"--grace", "2s"}, NotPID1: notPID1})
		r.says("ready")
		began := time.Now()
		r.signal(syscall.SIGTERM)
		r.wants(137)
		if took := time.Since(began); took < 2*time.Second {
			t.Errorf("killed after %v, want 2s", took)
		}
		r.logs("escalated")
	}
}

// The clock starts at the arrival of the first TERM. Row 39: another one never restarts it.
func TestRepeatedTermDoesNotRestartTheClock(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals"), Flags: []string{"--grace", "1500ms"}})
	r.says("ready")
	began := time.Now()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !r.ended() && time.Since(began) < patience { // with a new clock each time it would not end before that
		tell(t, r.pid, syscall.SIGTERM)
		<-ticker.C
	}
	if took := time.Since(began); !r.ended() || took < 1500*time.Millisecond {
		t.Errorf("killed after %v, want 1.5s", took)
	}
	r.wants(137)
}

// Row 39: a second INT, a second or more after the first, is somebody who has lost patience.
func TestSecondIntKills(t *testing.T) {
	t.Parallel()
	twoAtOnce := func() (*running, time.Duration) {
		r := start(t, spec{App: leaky("signals"), Flags: []string{"--grace", "60s"}})
		r.says("ready")
		began := time.Now()
		r.signal(syscall.SIGINT)
		r.says("signal 2")
		tell(t, r.pid, syscall.SIGINT) // at once: Heroku, foreman and terminals signal twice
		return r, time.Since(began)
	}
	r, took := twoAtOnce()
	for took > 500*time.Millisecond { // that was not at once: a busy machine
		r, took = twoAtOnce()
	}
	never(t, 1100*time.Millisecond, "two INTs at once kill", r.ended)
	r.signal(syscall.SIGINT)
	r.wants(137)
}

// Row 38: grace is an upper bound, never a sleep.
func TestDrainEndsWhenNothingIsLeft(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=0@100ms"), Flags: []string{"--grace", "10m"}})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// Row 41: an orphan that appears while draining is drained too.
func TestOrphansMadeWhileDrainingAreDrained(t *testing.T) {
	t.Parallel()
	script := `trap '(setsid "$LEAKY" -name late signals TERM=0@300ms &); exit 5' TERM
		echo app ready; while :; do sleep 1000 & wait; done`
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: sh(script), NotPID1: notPID1, Flags: []string{"--grace", "10s"}})
		r.says("app ready")
		// Between its fork and its exec a child of this shell takes TERM for a signal with a trap, and loses it.
		eventually(t, "sleep", func() bool { return len(sleeps(r)) == 1 })
		r.signal(syscall.SIGTERM)
		if got := r.wait(patience); got != 5 {
			t.Errorf("got exit code %d, want 5", got)
		}
		// It may die of TERM before it has its handler; what it may not do is outlive the drain or be killed.
		if n := r.err.count("escalated"); n != 0 {
			t.Errorf("got %q, want no KILL", r.err)
		}
	}
}

// Row 42: processes that change their pid all the time and do not care for TERM.
func TestForkBombIsEmptiedBeforeTheDeadline(t *testing.T) {
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: leaky("comets", "4", "60"), Flags: []string{"--grace", "1s"}, NotPID1: notPID1})
		r.says("ready")
		r.signal(syscall.SIGTERM)
		r.wants(137)
		if n := r.err.count("cannot be killed"); n != 0 {
			t.Errorf("got %q, want an empty tree", r.err)
		}
	}
}

// Row 43.
func TestStoppedProcessesDoNotHangADrain(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`sleep 1000 & setsid sleep 1000 & exec "$LEAKY" signals TERM=3`), Flags: []string{"--grace", "60s"}})
	r.says("ready")
	eventually(t, "two sleeps", func() bool { return len(sleeps(r)) == 2 })
	for _, p := range append(sleeps(r), r.app()) {
		tell(t, p.PID, syscall.SIGSTOP)
	}
	r.signal(syscall.SIGTERM)
	r.wants(3) // CONT follows TERM
}

func sleeps(r *running) []process {
	var found []process
	for _, p := range descendants(r.pid) {
		if p.Comm == "sleep" {
			found = append(found, p)
		}
	}
	return found
}

// What the main process leaves behind is held to the kill levels too: here it grows once nobody waits for it.
func TestTheKillLimitEndsTheWaitForLeftovers(t *testing.T) {
	t.Parallel()
	app := sh(`trap "" TERM; (while kill -0 $$ 2>/dev/null; do sleep 0.01; done; for i in $(seq 40); do sleep 1000 & done; wait) & exit 3`)
	r := start(t, spec{App: app, Flags: []string{"--grace", "10m"}, Config: quick + limit("processes", "kill = 30")})
	r.wants(3)
	r.logs("kill limit tripped", "metric=processes")
	r.logs("had to be killed")
}

// Row 44: a task that even SIGKILL does not take away (here: held by a debugger) is named and left.
func TestUnkillableProcessIsNamedAndLeft(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name held signals & exec "$LEAKY" signals TERM=0`), NotPID1: true, Flags: []string{"--grace", "1s"}})
	r.says("held ready")
	r.says("app ready")
	var held process
	for _, p := range descendants(r.app().PID) {
		held = p
	}
	pid := innerPID(t, held.PID)
	release := hold(t, held.PID)
	began := time.Now()
	r.signal(syscall.SIGTERM)
	ended := within(patience, func() bool { return exe(r.pid) != reaperdBin })
	release() // the PID namespace cannot end before
	if !ended {
		t.Fatalf("still running after %v", patience)
	}
	r.wants(0)
	if took := time.Since(began); took < time.Second {
		t.Errorf("took %v, want the budget and a few seconds", took)
	}
	if r.err.count(fmt.Sprintf("pid=%d ", pid), "state=") == 0 {
		t.Errorf("got %q, want pid %d and its state named", r.err, pid)
	}
}

// hold keeps a process from running its signal handlers, and from vanishing when it is killed, as a debugger does.
func hold(t *testing.T, pid int) (release func()) {
	t.Helper()
	const seize = 0x4206
	seized, done, left := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		// The tracer is one thread; what it traces is released when it ends.
		runtime.LockOSThread()
		_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, seize, uintptr(pid), 0, 0, 0, 0)
		if errno != 0 {
			seized <- errno
			return
		}
		seized <- nil
		<-done
	}()
	if err := <-seized; err != nil {
		t.Fatalf("hold %d: %v", pid, err)
	}
	return func() { close(done); <-left }
}
