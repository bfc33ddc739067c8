package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Quiet ends as soon as the app is idle: here, when the job that its main process forked has ended.
func TestQuietEndsWhenTheAppIsIdle(t *testing.T) {
	t.Parallel()
	release := filepath.Join(t.TempDir(), "release")
	job := fmt.Sprintf(`(while ! [ -e %s ]; do sleep 0.05; done; echo job done) & wait; exec sleep 1000`, release)
	r := start(t, spec{App: sh(job), Config: quick + "[limits.processes]\nfor = \"0s\"\ndrain = 2\n" +
		"[drain]\nquiet_timeout = \"60s\"\n[drain.idle]\nno_children = true\nhold = \"0s\"\n"})
	r.logs("draining: quiet")
	if err := os.WriteFile(release, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.wants(75)
	r.order(r.out, "job done")
	r.order(r.err, "draining: quiet", "idle: after=", "draining: stop")
}

// A command is asked while all else says idle; one that never says so leaves the deadline to end the stage.
func TestAnIdleCommandThatSaysBusyLastsUntilTheDeadline(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit +
		"[drain]\nquiet_timeout = \"2s\"\n[drain.idle]\ncommand = [\"false\"]\n"})
	r.logs("draining: quiet")
	r.wants(75)
	r.lasted(2 * time.Second)
	if line := r.err.line("idle: after="); line != "" {
		t.Errorf("got %q, want no idle", line)
	}
}

func TestAnIdleCommandThatIsMissingIsAMistakeAtStart(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("exit", "0"), Config: "[drain.idle]\ncommand = [\"no-such-command\"]\n"})
	r.wants(125)
	r.logs("no-such-command", "neither beside reaperd nor in PATH")
}

// At the ceiling no command can be started: it cannot tell, the deadline ends quiet, and reaperd lives.
func TestAnIdleCommandAtTheCeilingLeavesQuietToItsDeadline(t *testing.T) {
	for _, w := range ceilings(t, 400) {
		t.Run(w.name, func(t *testing.T) {
			r := start(t, spec{App: leaky("ceiling", "200", "now", "41=0"), Stage: w.stage,
				Config: "[drain]\nquiet_timeout = \"2s\"\n[drain.idle]\ncommand = [\"true\"]\n" +
					quick + limit("threads", "drain = \"90%\"")})
			r.says("full")
			r.logs("cannot tell whether the app is idle")
			flood(r)
			r.says("signal 15")
			r.signal(41)
			r.wants(75)
		})
	}
}
