package integration

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

func TestRestartAfterALimitIsInPlace(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit + "[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\nburst = 2\n"})
	r.wants(75) // the burst is used up; a limit ended it
	if n := r.out.count("app ready"); n != 3 && n != 2 {
		t.Errorf("got %d starts, want the first and its restarts", n)
	}
	r.logs("giving up", "burst=2")
}

// The whole story of a trip, its drain and the restart is under ten lines.
func TestTheStoryIsUnderTenLines(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: onceLeaky(t), Config: zombieLimit +
		"[drain]\nquiet_signal = \"TSTP\"\nquiet_timeout = \"100ms\"\n[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\n"})
	eventually(t, "a second start", func() bool { return r.err.count("reaperd: started") == 2 })
	if lines := r.err.lines(); len(lines) >= 10 {
		t.Errorf("got %d lines, want under ten:\n%s", len(lines), r.err)
	}
	for _, words := range [][]string{{"metric=zombies", "value=20", "limit=20", "for=", "top="}, {"TSTP"}, {"TERM", "kill_in="}, {"code=0"}, {"restart"}} {
		if r.err.count(words...) == 0 {
			t.Errorf("got %s, want a line with %q", r.err, words)
		}
	}
}

func TestOnExitDecidesAboutARestart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, onExit string
		code         int
		again        bool
	}{
		{"never, failed", "never", 1, false},
		{"never, ended well", "never", 0, false},
		{"on-failure, failed", "on-failure", 1, true},
		{"on-failure, ended well", "on-failure", 0, false},
		{"always, failed", "always", 1, true},
		{"always, ended well", "always", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := launch(t, spec{App: sh(fmt.Sprintf("echo up; exit %d", tt.code)),
				Config: "[restart]\nburst = 3\ndelay = \"10ms\"\non_exit = \"" + tt.onExit + "\"\n"})
			r.wants(tt.code) // also after giving up: the code is the app's own
			n := 0
			for _, line := range r.out.lines() {
				if line == "up" {
					n++
				}
			}
			if again := n > 1; again != tt.again {
				t.Errorf("got %d starts, want a restart: %v", n, tt.again)
			}
			if tt.again && r.err.count("giving up") != 1 {
				t.Errorf("got %q, want it to say that it gives up", r.err)
			}
		})
	}
}

// The pause doubles; it is what keeps a crashing app from eating the machine.
func TestRestartsBackOff(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: sh("exit 1"), Config: "[restart]\non_exit = \"always\"\nburst = 4\ndelay = \"100ms\"\nmax_delay = \"10s\"\n"})
	r.wants(1)
	r.lasted(600 * time.Millisecond) // pauses that grow from 100ms
}

func TestStopWhileWaitingToRestartEndsWithTheLastCode(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh("exit 3"), Config: "[restart]\non_exit = \"always\"\ndelay = \"1h\"\nmax_delay = \"1h\"\n"})
	r.logs("restarting")
	r.signal(syscall.SIGTERM)
	r.wants(3)
}

// Orphans are reaped and signals answered while there is no app.
func TestNothingIsLeftBetweenTwoLives(t *testing.T) {
	t.Parallel()
	script := `setsid "$LEAKY" -name left signals TERM=0 & exec "$LEAKY" signals USR1=1`
	r := start(t, spec{App: sh(script), Config: "[restart]\non_exit = \"always\"\ndelay = \"1h\"\nmax_delay = \"1h\"\n"})
	r.says("left ready")
	r.says("app ready")
	tell(t, r.app().PID, syscall.SIGUSR1)
	r.logs("restarting")
	if left := r.children(); len(left) != 0 {
		t.Errorf("got %v, want nothing of the last life", left)
	}
	r.order(r.out, "left ready", "left signal 15", "left bye")
}

// A failed start after the first is a failure to be retried, not the end.
func TestCommandThatVanishesIsRetried(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app := dir + "/app"
	write := func() { writeScript(t, app, "#!/bin/sh\necho up\nrm \"$0\"\nexit 1\n") }
	write()
	r := start(t, spec{App: []string{app}, Config: "[restart]\non_exit = \"always\"\ndelay = \"50ms\"\nburst = 1000\n"})
	r.says("up")
	r.logs("start failed")
	write()
	eventually(t, "a start after the failed one", func() bool { return r.out.count("up") == 2 })
}

// The limit lies below what the app needs: said once, and then it rests. Not a loop of kills.
func TestLimitBelowTheBaselineRests(t *testing.T) {
	t.Parallel()
	config := "[limits]\ninterval = \"500ms\"\nmin_uptime = \"1s\"\n" + limit("threads", "drain = 20") +
		"[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\nburst = 50\n"
	r := start(t, spec{App: leaky("threads", "40"), Config: config})
	r.logs("metric=threads", "baseline")
	starts := r.out.count("app ready")
	never(t, 3*time.Second, "another drain", func() bool { return r.out.count("app ready") > starts })
	if starts > 10 { // two trips, or a few more where a busy machine made looks late
		t.Errorf("got %d starts, want two trips and then rest", starts)
	}
	if n := r.err.count("baseline"); n != 1 {
		t.Errorf("got %d lines, want it said once\n%s", n, r.err)
	}
}
