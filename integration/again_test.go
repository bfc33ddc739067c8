package integration

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// A stop signal that the app ignores while it boots is sent again when it has a handler.
func TestAStopSignalThatWasLostAtTheStartIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ config, script string }{
		"WINCH, which is ignored by default": {"[drain]\nstop_signal = \"WINCH\"\n", `echo booting; sleep 1; exec "$LEAKY" signals WINCH=3`},
		"TERM, ignored by a shell":           {"[log]\nlevel = \"info\"\n", `trap "" TERM; echo booting; sleep 1; trap "echo app bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done`},
		"TERM, behind a wrapper":             {"[drain]\nmatch = '^\\S*sh -c trap'\n", `sh -c 'trap "" TERM; echo booting; sleep 1; trap "echo app bye; exit 3" TERM; while :; do sleep 0.05; done'; exit $?`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, spec{App: sh(tt.script), Config: tt.config})
			r.says("booting")
			r.signal(syscall.SIGTERM)
			r.wants(3)
			r.says("app bye")
			r.logs("the stop signal is sent again")
			if took := time.Since(r.began); took > 20*time.Second {
				t.Errorf("took %v, want a few seconds", took)
			}
		})
	}
}

// Where there was a handler there is never a second one, be the app as slow as it likes: it could mean "at once".
func TestAStopSignalThatWasHeardIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, app := range [][]string{
		leaky("signals", "TERM=3@2500ms"),
		// it resets its handler in the first one, as Node's process.once does, and sets another
		sh(`trap 'trap "" TERM; echo got it; sleep 1; trap "echo twice; exit 9" TERM; sleep 2; exit 3' TERM; echo ready; while :; do sleep 0.05; done`),
	} {
		r := start(t, spec{App: app, Config: "[log]\nlevel = \"info\"\n"})
		r.says("ready")
		r.signal(syscall.SIGTERM)
		r.wants(3)
		if n := r.err.count("sent again"); n != 0 || strings.Contains(r.out.String(), "twice") || r.out.count("signal 15") > 1 {
			t.Errorf("got %q and %q, want one TERM", r.out, r.err)
		}
	}
}
