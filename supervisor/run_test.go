package supervisor

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deaf ignores every stop and says when it does. It ends by itself, for a test that fails.
const deaf = `trap "" TERM INT; echo ready; for i in $(seq 6000); do sleep 0.01; done`

func TestTheAppsCodeIsOurs(t *testing.T) {
	supervised(t, "defaults", "exit 7").ends(7)
	supervised(t, "defaults", "kill -KILL $$").ends(137, "the app was killed by a signal")
}

func TestAnExitIsNoticedThoughItsSignalWasLost(t *testing.T) {
	supervised(t, "SIGCHLD is lost", "sleep 0.1; exit 7").ends(7)
}

func TestAStopIsPassedOnAndItsEndIsTheAppsOwn(t *testing.T) {
	p := supervised(t, "defaults", `trap "echo asked; exit 3" TERM; echo ready; while :; do sleep 0.01; done`)
	p.says("ready")
	p.gets(syscall.SIGTERM)
	p.says("asked")
	p.ends(3, "stopping: signal=TERM", "stopped: code=3")
}

func TestAStopBeforeTheAppRunsIsNotLost(t *testing.T) {
	for range 5 {
		p := supervised(t, "says when it begins", "sleep 1000")
		p.says("begun")
		p.gets(syscall.SIGTERM)
		p.ends(143)
	}
}

func TestWhatIsLeftGetsItsTimeAndThenWeEnd(t *testing.T) {
	p := supervised(t, "defaults", `
		trap "exit 4" USR1
		(trap "echo left; exit 0" TERM; echo ready; kill -USR1 $$; while :; do sleep 0.01; done) &
		wait`)
	p.says("ready") // and the main process ends
	p.says("left")
	p.ends(4)
}

func TestWhatIgnoresTheStopIsKilledInTheEnd(t *testing.T) {
	for range 5 {
		p := supervised(t, "short budget", "setsid sh -c '"+deaf+"' & "+deaf)
		p.says("ready")
		p.says("ready")
		began := time.Now()
		p.gets(syscall.SIGTERM)
		p.ends(137, "escalated to SIGKILL", "escalated=true")
		if took := time.Since(began); took < 290*time.Millisecond {
			t.Errorf("took %v, want the whole budget of 300ms", took)
		}
		// A second after KILL it gives up. A machine on which a look at all of /proc takes longer is too busy for this test.
		if strings.Contains(p.stderr.String(), "still there after SIGKILL") {
			continue
		}
		select {
		case _, open := <-p.lines: // stdout has its end: nobody is left who holds it
			if open {
				t.Error("an unexpected line")
			}
		case <-time.After(patience):
			t.Error("somebody is left who holds stdout")
		}
		return
	}
	t.Error("it has given up each time")
}

func TestWithoutABudgetAStopIsSIGKILL(t *testing.T) {
	p := supervised(t, "no budget", deaf)
	p.says("ready")
	p.gets(syscall.SIGTERM)
	p.ends(137)
}

func TestACrashLoopIsGivenUpOn(t *testing.T) {
	p := supervised(t, "always", "echo start; exit 5")
	for range 4 {
		p.says("start")
	}
	p.ends(5, "giving up: too many restarts")
}

// TestRestartsForALimit: each incarnation has to be killed, and the next one starts at once.
func TestRestartsForALimit(t *testing.T) {
	script := `for i in 1 2 3 4 5; do (trap "" TERM; sleep 1000) & done; ` + deaf
	p := supervised(t, "a limit, restart, impatiently", script)
	p.ends(75, "giving up")
	log := p.stderr.String()
	if tripped, killed := strings.Count(log, "limit tripped"), strings.Count(log, "the app was killed"); tripped != 5 || killed != 0 {
		t.Errorf("got %d trips and %d kills that nobody asked for, want 5 and 0\n%s", tripped, killed, log)
	}
}

func TestALimitEndsWithItsOwnCode(t *testing.T) {
	p := supervised(t, "a limit", `trap "exit 0" TERM; while :; do sleep 0.01; done`)
	p.ends(75, "limit tripped: metric=threads value=100 limit=50", "drained for a limit, ending")
}

func TestALookThatPanicsIsBlindAndHarmsNobody(t *testing.T) {
	p := supervised(t, "a look panics", `trap "exit 6" TERM; echo ready; while :; do sleep 0.01; done`)
	p.says("ready")
	p.gets(syscall.SIGTERM)
	p.ends(6)
}

func TestAWatcherThatPanicsHarmsNobody(t *testing.T) {
	p := supervised(t, "a look is not judged", `trap "exit 6" TERM; echo ready; while :; do sleep 0.01; done`)
	p.says("ready")
	p.says("looked")
	p.says("looked")
	p.gets(syscall.SIGTERM)
	p.ends(6, "the kernel was not asked", "a look was not judged")
}

// hears sends a signal until the app answers it with a line: one that comes in the very step that panics is lost, also
// when the app is up before its supervisor has heard of it.
func (p *supervisorProcess) hears(sig syscall.Signal, answer string) {
	p.t.Helper()
	poll(p.t, answer, func() bool {
		p.gets(sig)
		select {
		case line := <-p.lines:
			return line == answer
		default:
			return false
		}
	})
}

func TestAPlainInitTakesOverWhenTheLoopPanics(t *testing.T) {
	const takesOver = "goes on as a plain init"
	t.Run("the app keeps its code", func(t *testing.T) {
		supervised(t, "panics when started", "echo ready; exit 7").ends(7, takesOver)
	})
	t.Run("signals are forwarded, orphans reaped, TERM ends it", func(t *testing.T) {
		p := supervised(t, "panics when started", `(exit 1 &); trap "echo hup" HUP; trap "exit 8" TERM; echo ready; while :; do sleep 0.01; done`)
		p.says("ready")
		p.hears(syscall.SIGHUP, "hup")
		p.gets(syscall.SIGTERM)
		p.ends(8, takesOver)
	})
	t.Run("an app that ignores TERM is killed in the end", func(t *testing.T) {
		p := supervised(t, "panics when started", `trap "echo hup" HUP; `+deaf)
		p.says("ready")
		p.hears(syscall.SIGHUP, "hup")
		p.gets(syscall.SIGTERM)
		p.ends(137, takesOver)
	})
	t.Run("a stop that was under way goes on", func(t *testing.T) {
		p := supervised(t, "panics when stopping", `trap "exit 9" TERM; echo ready; while :; do sleep 0.01; done`)
		p.says("ready")
		p.gets(syscall.SIGTERM)
		p.ends(9, takesOver)
	})
	t.Run("and ends", func(t *testing.T) {
		p := supervised(t, "panics when stopping", deaf)
		p.says("ready")
		p.gets(syscall.SIGTERM)
		p.ends(137, takesOver)
	})
	t.Run("an app that has ended is not waited for", func(t *testing.T) {
		supervised(t, "panics when the app has ended", "exit 5").ends(5, takesOver)
	})
}

func TestAMissingCommandIsOneLine(t *testing.T) {
	p := process(t, "defaults", exec.Command(os.Args[0], "no-such-command"))
	p.ends(127, "executable not found in PATH")
}
