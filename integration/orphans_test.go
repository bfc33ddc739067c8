package integration

import (
	"syscall"
	"testing"
	"time"
)

// Row 18.
func TestOrphansThatDieTogetherAreReaped(t *testing.T) {
	t.Parallel()
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: leaky("orphans", "500"), NotPID1: notPID1})
		r.says("leaked 500")
		eventually(t, "500 orphans of reaperd", func() bool { return len(r.children()) == 501 })
		r.signal(syscall.SIGUSR1)
		eventually(t, "the orphans to be gone", func() bool { return len(r.children()) == 1 })
		r.signal(syscall.SIGUSR2)
		r.wants(9)
		r.saysAtMost(1)
	}
}

// Row 19.
func TestMainEndingAmongOrphansKeepsItsCode(t *testing.T) {
	t.Parallel()
	for range count(6, 15) {
		r := start(t, spec{App: leaky("orphans", "60")})
		r.says("leaked 60")
		r.signal(syscall.SIGUSR2)
		r.wants(9)
	}
}

// Row 21.
func TestAStoppedAppIsNotAnEndedOne(t *testing.T) {
	t.Parallel()
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: leaky("signals", "USR1=7"), NotPID1: notPID1})
		r.says("ready")
		app := r.app()
		tell(t, app.PID, syscall.SIGSTOP)
		eventually(t, "the app to stop", func() bool { return processNow(app.PID).State == 'T' })
		never(t, 300*time.Millisecond, "a stopped app is taken for ended, or woken", func() bool {
			return r.ended() || processNow(app.PID).State != 'T'
		})
		tell(t, app.PID, syscall.SIGCONT)
		r.says("signal 18")
		r.signal(syscall.SIGUSR1)
		r.wants(7)
	}
}

// Row 23: what `docker exec` starts is no child of ours, but its orphans come to us.
func TestOrphansOfExecAreReaped(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=0")})
	r.says("ready")
	r.exec(t, sh(`for i in 1 2 3 4 5; do (sleep 0.1 &); done`)...).wait()
	eventually(t, "no zombie and no orphan", func() bool { return len(r.children()) == 1 })
	r.signal(syscall.SIGTERM)
	r.wants(0)
	r.saysAtMost(1)
}

// Row 27.
func TestNotBeingPID1MakesASubreaper(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("orphans", "3"), NotPID1: true})
	r.says("leaked 3")
	eventually(t, "orphans to be children of reaperd", func() bool { return len(r.children()) == 4 })
	r.signal(syscall.SIGTERM)
	r.wants(0)
	r.saysAtMost(1)
}

// Row 28.
func TestNestedReaperdPassesCodesAndSignals(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: append([]string{reaperdBin, "--"}, sh("exit 11")...)})
	r.wants(11)
	r = start(t, spec{App: append([]string{reaperdBin, "--"}, leaky("signals", "TERM=12@200ms")...)})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(12)
	if n := r.out.count("signal 15"); n != 1 {
		t.Errorf("got %d TERMs, want one", n)
	}
	r.saysAtMost(2)
}

// Row 59.
func TestKillOfReaperdReachesTheAppIfAsked(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "USR1=0"), NotPID1: true, Stay: true, Flags: []string{"--pdeathsig", "USR1"}})
	r.says("ready")
	r.signal(syscall.SIGKILL)
	r.says("signal 10")
	r.wants(128 + 9)

	r = start(t, spec{App: leaky("signals", "USR2=0"), NotPID1: true, Stay: true})
	r.says("ready")
	app := r.app()
	r.signal(syscall.SIGKILL)
	eventually(t, "the app to have another parent", func() bool { return processNow(app.PID).PPID == r.cmd.Process.Pid })
	if n := r.out.count("signal"); n != 0 {
		t.Errorf("got %q, want no signal: none was asked for", r.out)
	}
}

// The death of the thread that forked must not look like the death of reaperd.
func TestParentDeathSignalComesOnlyAtTheEndOfReaperd(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "USR1=1", "TERM=0"), NotPID1: true, Flags: []string{"--pdeathsig", "USR1"}})
	r.says("ready")
	never(t, time.Second, "the app gets its parent-death signal", func() bool { return r.out.count("signal 10") > 0 })
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// Row 60: a Procfile runner signals the whole group and reaperd itself.
func TestProcfileRunnerThatSignalsTwiceDrainsOnce(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=21@1s"), NotPID1: true, Under: []string{"setsid"}})
	r.says("ready")
	if processNow(r.pid).PGrp != r.pid {
		t.Fatal("reaperd does not lead its group")
	}
	tell(t, -r.pid, syscall.SIGTERM)
	r.signal(syscall.SIGTERM)
	r.wants(21)
	if n := r.out.count("signal 15"); n < 1 || n > 2 {
		t.Errorf("got %d TERMs, want one or two", n)
	}
	if n := r.out.count("bye"); n != 1 {
		t.Errorf("got %d ends, want one", n)
	}
}

// Rows 25 and 26, the counting: what is named in the log is tested with the limits.
func TestZombiesOfALiveParentAreLeftToIt(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("zombies", "50")})
	r.says("leaked 50")
	app := r.app()
	eventually(t, "all 50 children to be zombies", func() bool {
		zombies := 0
		for _, p := range descendants(app.PID) {
			if p.State == 'Z' {
				zombies++
			}
		}
		return zombies == 50
	})
	r.signal(syscall.SIGTERM)
	r.wants(0)
	r.saysAtMost(1)
}
