package integration

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

const overlapping = zombieLimit + "[restart]\non_limit = \"restart\"\noverlap = true\n"

// successors is an app whose first incarnation is one command and every later one another.
func successors(t *testing.T, first, later string) spec {
	t.Helper()
	state := t.TempDir()
	if err := os.Chmod(state, 0o777); err != nil { // for any user
		t.Fatal(err)
	}
	return spec{App: sh(`if mkdir "$STATE/first" 2>/dev/null; then ` + first + `; else ` + later + `; fi`), Env: []string{"STATE=" + state}}
}

const (
	leakingApp = `exec "$LEAKY" -name old zombies 20`
	soundApp   = `exec "$LEAKY" -name new notify USR1:READY=1 TERM=4`
)

// The old app serves until the next one has said that it is ready, and its end is not ours.
func TestTheNextAppIsReadyBeforeTheOldOneGoes(t *testing.T) {
	t.Parallel()
	s := successors(t, leakingApp, `exec "$LEAKY" -name new notify READY=1 TERM=4`)
	s.Config = overlapping + "ready = \"notify\"\n"
	r := start(t, s)
	r.logs("overlap: the other app is gone")
	r.order(r.err, "limit tripped", "overlap: starting the next app", "the next app is ready", "draining: stop", "the other app is gone: code=0")
	r.says("old bye")
	r.order(r.out, "new socket", "old signal 15", "old bye")
	r.says("new ready")
	r.signal(syscall.SIGUSR1) // it is the main one
	r.says("new signal 10")
	r.signal(syscall.SIGTERM)
	r.wants(4)
	if n := r.out.count("old signal 10"); n != 0 {
		t.Error("the old app got a signal for the main one")
	}
}

// A URL that only the next app answers says when it is ready.
func TestTheNextAppIsReadyWhenItAnswers(t *testing.T) {
	t.Parallel()
	s := successors(t, leakingApp, `sleep 1; exec "$LEAKY" -name new web unix "$STATE/up.sock" 0`)
	state := strings.TrimPrefix(s.Env[0], "STATE=")
	s.Config = overlapping + fmt.Sprintf("ready = \"http+unix://%s/up.sock/up\"\n", state)
	r := start(t, s)
	r.logs("overlap: the other app is gone: code=0")
	r.order(r.err, "overlap: the next app has started", "the next app is ready", "draining: stop")
	r.says("old bye")
	r.order(r.out, "new ready", "old signal 15")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// Until it is ready the old one stays the main one, for signals too.
func TestAnAppThatIsNotReadyYetIsNotTheMainOne(t *testing.T) {
	t.Parallel()
	s := successors(t, leakingApp, soundApp)
	s.Config = overlapping + "ready = \"notify\"\n"
	r := start(t, s)
	r.logs("overlap: the next app has started")
	r.says("new ready")
	r.signal(syscall.SIGWINCH)
	r.says("old signal 28")
	r.signal(syscall.SIGTERM) // for both
	r.says("new signal 15")
	r.wants(0)
	r.order(r.out, "old signal 15", "old bye")
	if n := r.out.count("new signal 28"); n != 0 {
		t.Error("the next app got a signal for the main one")
	}
	if line := r.err.line("stopped: code=0"); line == "" {
		t.Error("no last word of the main app's end")
	}
}

// One that never becomes ready goes again, with all that it has started, and the old one serves on.
func TestTheOldAppStaysIfTheNextOneNeverBecomesReady(t *testing.T) {
	t.Parallel()
	const left = `"$LEAKY" -name left -mark "$STATE/left" signals TERM=0 & until [ -e "$STATE/left" ]; do sleep 0.01; done; `
	for name, later := range map[string]string{
		"it hangs": left + `exec "$LEAKY" -name new signals TERM=0`,
		"it ends":  left + `exit 3`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := successors(t, leakingApp, later)
			s.Config = overlapping + "ready = \"notify\"\nready_timeout = \"2s\"\ndelay = \"30s\"\n"
			r := start(t, s)
			r.logs("overlap: the next app never became ready, the old one stays", "again_in=30s")
			r.logs("overlap: the other app is gone")
			r.says("left bye")
			r.signal(syscall.SIGUSR1)
			r.says("old signal 10")
			if n := r.out.count("old signal 15"); n != 0 {
				t.Error("the old app was asked to stop")
			}
			r.signal(syscall.SIGTERM)
			r.wants(0)
		})
	}
}

// A daemon that the old app has left behind goes with it; what belongs to the next one stays.
func TestWhatTheOldAppLeavesBehindGoesAndNothingElse(t *testing.T) {
	t.Parallel()
	s := successors(t,
		`(setsid "$LEAKY" -name daemon -mark "$STATE/daemon" signals TERM=0 &) ; until [ -e "$STATE/daemon" ]; do sleep 0.01; done; `+leakingApp,
		`(setsid "$LEAKY" -name helper signals TERM=0 &) ; `+soundApp)
	s.Config = overlapping + "ready = \"700ms\"\n"
	r := start(t, s)
	r.logs("overlap: the other app is gone")
	r.says("daemon bye")
	r.says("helper ready")
	if n := r.out.count("helper signal 15"); n != 0 {
		t.Error("a process of the next app was asked to stop")
	}
	r.signal(syscall.SIGTERM)
	r.wants(4)
	r.says("helper bye")
}

// A stop while the old app drains is for both, and the code is the main one's.
func TestAStopWhileTheOldAppDrainsIsForBoth(t *testing.T) {
	t.Parallel()
	s := successors(t, leakingApp, soundApp)
	s.Config = overlapping + "ready = \"100ms\"\n[drain]\nquiet_signal = \"TSTP\"\nquiet_timeout = \"60s\"\n"
	r := start(t, s)
	r.says("old signal 20")
	r.says("new ready")
	r.signal(syscall.SIGTERM)
	r.wants(4)
	r.order(r.out, "old signal 20", "old signal 15", "old bye")
}

// A crash of the old app makes the next one the main one at once.
func TestTheNextAppTakesOverFromOneThatEnds(t *testing.T) {
	t.Parallel()
	s := successors(t, leakingApp, soundApp)
	s.Config = overlapping + "ready = \"notify\"\n"
	r := start(t, s)
	r.says("new ready")
	r.signal(syscall.SIGUSR2) // ends the old one
	r.logs("overlap: the old app goes before the next one is ready")
	r.logs("overlap: the other app is gone", "code=9")
	r.signal(syscall.SIGTERM)
	r.wants(4)
	if n := strings.Count(r.out.String(), "new ready"); n != 1 {
		t.Errorf("got %d starts of the next app, want one", n)
	}
}

// Without room for two the old app goes first: 110 zombies, reaperd and a fresh app besides are over 90% of 150 slots.
func TestWithoutRoomTheOldAppGoesFirst(t *testing.T) {
	t.Parallel()
	s := successors(t, `exec "$LEAKY" -name old zombies 110`, soundApp)
	s.Config = quick + limit("zombies", "drain = 110") + limit("threads", "warn = \"99%\"") + "[restart]\non_limit = \"restart\"\noverlap = true\nready = \"notify\"\n"
	s.Stage = stage{Limits: [][3]int{{rlimitNproc, 150, 150}}, UID: newUID()}
	r := start(t, s)
	r.logs("overlap: the old app goes first", "RLIMIT_NPROC")
	r.logs("restarting")
	r.says("new ready")
	r.order(r.out, "old bye", "new ready")
	r.signal(syscall.SIGTERM)
	r.wants(4)
}
