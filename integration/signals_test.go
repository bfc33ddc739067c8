package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// forwardable is every signal from 1 to 31 that has to arrive, in an order that keeps the app alive: INT and TERM,
// which start a stop, are last. PROF is swallowed by the Go runtime; the terminal's have tests of their own.
func forwardable() []int {
	not := []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGTSTP, syscall.SIGTTIN,
		syscall.SIGTTOU, syscall.SIGURG, syscall.SIGPROF, syscall.SIGPIPE, syscall.SIGINT, syscall.SIGTERM}
	var all []int
	for sig := 1; sig <= 31; sig++ {
		if !slices.Contains(not, syscall.Signal(sig)) {
			all = append(all, sig)
		}
	}
	return append(all, int(syscall.SIGINT), int(syscall.SIGTERM))
}

// Rows 8 and 9: each arrives, and arrives once.
func TestSignalsAreForwardedOnce(t *testing.T) {
	t.Parallel()
	all := forwardable()
	for sig := 64; sig >= 35; sig-- {
		all = slices.Insert(all, 0, sig)
	}
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: leaky("signals"), NotPID1: notPID1})
		r.says("ready")
		for _, sig := range all {
			r.signal(syscall.Signal(sig))
			r.says(fmt.Sprintf("signal %d", sig))
		}
		for _, sig := range all {
			got := 0
			for _, line := range r.out.lines() {
				if line == fmt.Sprintf("app signal %d", sig) {
					got++
				}
			}
			// A drain sends CONT after its TERM: a stopped process could not act on it.
			if got != 1 && !(sig == int(syscall.SIGCONT) && got <= 3) {
				t.Errorf("got signal %d %d times, want once (PID 1: %v)", sig, got, !notPID1)
			}
		}
	}
}

// Row 10: the Go runtime sends SIGURG to its own threads; the app must never see one. Row 11: nor one of a user, nor
// SIGCHLD, nor SIGPIPE, which may be our own.
func TestOwnSignalsOfReaperdAreNotForwarded(t *testing.T) {
	t.Parallel()
	app := sh(`trap 'echo got URG' URG; trap 'echo got PIPE' PIPE; trap 'echo got CHLD' CHLD
		trap 'echo got WINCH' WINCH; trap 'echo got USR1' USR1; trap 'exit 3' USR2
		sleep 1000 & echo ready; while :; do wait; done`)
	r := start(t, spec{App: app, Config: "[limits]\ninterval = \"10ms\"\n[limits.threads]\ndrain = 100000\n"})
	r.says("ready")
	for i := range count(1000, 4000) {
		r.signal(syscall.SIGWINCH)
		if i%100 == 0 {
			r.signal(syscall.SIGURG)
			r.signal(syscall.SIGCHLD)
			r.signal(syscall.SIGPIPE)
		}
	}
	r.says("got WINCH")
	r.signal(syscall.SIGUSR1) // all that came before has been dealt with
	r.says("got USR1")
	r.signal(syscall.SIGUSR2)
	r.wants(3)
	for _, sig := range []string{"URG", "PIPE", "CHLD"} {
		if n := r.out.count("got " + sig); n != 0 {
			t.Errorf("the app got %s %d times, want none", sig, n)
		}
	}
}

// Row 12.
func TestSignalsFromInsideAreForwarded(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`trap 'exit 4' HUP; kill -HUP $PPID; sleep 1000 & wait`)})
	r.wants(4)
}

// Row 13.
func TestManySignalsLoseNothing(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "USR1=7")})
	r.says("ready")
	for range 200 {
		r.signal(syscall.SIGTERM)
	}
	r.says("signal 15")
	r.signal(syscall.SIGUSR1)
	r.wants(7)
	if n := r.out.count("bye"); n != 1 {
		t.Errorf("app ended %d times, want once", n)
	}
}

// Row 14: main has begun, and waits for its configuration. How early a TERM may come before that is in bench.
func TestAnEarlyTermIsNeverLost(t *testing.T) {
	for range count(8, 20) {
		config := filepath.Join(t.TempDir(), "fifo")
		if err := syscall.Mkfifo(config, 0o600); err != nil {
			t.Fatal(err)
		}
		r := start(t, spec{App: []string{"sleep", "1000"}, Flags: []string{"--config", config}})
		var fifo *os.File
		eventually(t, "reaperd to read its configuration", func() bool {
			var err error
			fifo, err = os.OpenFile(config, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			return err == nil
		})
		r.signal(syscall.SIGTERM)
		fifo.Close()
		r.wants(143)
	}
}

// Row 15: the app's exec is held up by a lease on its file; TERM, and a signal that does not stop, come in between.
func TestSignalsBetweenForkAndExecArriveAfterIt(t *testing.T) {
	t.Parallel()
	held := holdExec(t, "#!/bin/sh\nexec \"$LEAKY\" signals TERM=6@100ms\n")
	r := start(t, spec{App: []string{held.path}})
	held.await()
	r.signal(syscall.SIGTERM)
	never(t, 200*time.Millisecond, "reaperd ends before its app began", r.ended)
	held.release()
	// TERM may come before the app has its handler: then it dies of it, and that is not lost either.
	if got := r.wait(patience); got != 6 && got != 143 {
		t.Errorf("got exit code %d, want 6 or 143", got)
	}
}

// A signal that the configuration makes a stop is as precious as TERM: RTMIN+3 is the STOPSIGNAL of systemd images.
func TestConfiguredStopSignalIsNotLostBeforeTheAppRuns(t *testing.T) {
	t.Parallel()
	held := holdExec(t, "#!/bin/sh\nexec \"$LEAKY\" signals 37=6 TERM=7\n")
	r := start(t, spec{App: []string{held.path}, Config: "[drain]\nstop_on = [\"RTMIN+3\"]\nstop_signal = \"TERM\"\n"})
	held.await()
	r.signal(37)
	held.release()
	if got := r.wait(patience); got != 7 && got != 143 {
		t.Errorf("got exit code %d, want 7 or 143", got)
	}
}

// Row 58.
func TestSignalsAreRewritten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		flags []string
		send  syscall.Signal
		want  int // 0: nothing arrives
	}{
		{"by name", []string{"--rewrite", "TERM:QUIT"}, syscall.SIGTERM, 3},
		{"by name with SIG", []string{"--rewrite", "SIGTERM:SIGQUIT"}, syscall.SIGTERM, 3},
		{"by number", []string{"--rewrite", "15:3"}, syscall.SIGTERM, 3},
		{"to a real-time signal", []string{"--rewrite", "TERM:RTMIN+3"}, syscall.SIGTERM, 37},
		{"from a real-time signal", []string{"--rewrite", "37:USR2"}, 37, 12},
		{"of a signal that does not stop", []string{"--rewrite", "HUP:USR1"}, syscall.SIGHUP, 10},
		{"dropped", []string{"--rewrite", "TERM:0"}, syscall.SIGTERM, 0},
		{"one of several", []string{"--rewrite", "TERM:QUIT", "--rewrite", "HUP:USR1"}, syscall.SIGHUP, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, spec{App: leaky("signals", "QUIT=5"), Flags: tt.flags})
			r.says("ready")
			r.signal(tt.send)
			if tt.want != 0 {
				r.says(fmt.Sprintf("signal %d", tt.want))
			} else {
				r.signal(syscall.SIGUSR1)
				r.says("signal 10")
			}
			if slices.Contains(r.out.lines(), fmt.Sprintf("app signal %d", int(tt.send))) {
				t.Errorf("the app also got the signal itself")
			}
		})
	}
}

// With -g the group of the app gets it, without only the main process.
func TestGroupForwarding(t *testing.T) {
	t.Parallel()
	script := `"$LEAKY" -name child signals & exec "$LEAKY" -name main signals`
	for _, group := range []bool{false, true} {
		var flags []string
		if group {
			flags = []string{"-g"}
		}
		r := start(t, spec{App: sh(script), Flags: flags})
		r.says("main ready")
		r.says("child ready")
		r.signal(syscall.SIGHUP)
		r.says("main signal 1")
		if group {
			r.says("child signal 1")
		} else {
			r.signal(syscall.SIGUSR1)
			r.says("main signal 10")
			if r.out.count("child signal") != 0 {
				t.Error("the child got a signal that was for the main process")
			}
		}
	}
}

// The main process leads a process group of its own.
func TestAppHasItsOwnProcessGroup(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals")})
	r.says("ready")
	if app := r.app(); app.PGrp != app.PID {
		t.Errorf("got process group %d, want %d", app.PGrp, app.PID)
	}
}

// Row 16, as the issue has it: HUP and INT found ignored stay ignored in the app, and are not forwarded.
func TestIgnoredHupAndIntStayIgnored(t *testing.T) {
	t.Parallel()
	world := stage{Ignore: []int{1, 2}}
	r := launch(t, spec{App: []string{"grep", "SigIgn", "/proc/self/status"}, Stage: world})
	r.wants(0)
	if got := strings.TrimSpace(r.out.String()); got != "SigIgn:\t0000000000000003" {
		t.Errorf("got %q, want HUP and INT and nothing else", got)
	}
	r = start(t, spec{App: leaky("signals", "TERM=0"), Stage: world}) // this app catches both again
	r.says("ready")
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGINT)
	r.signal(syscall.SIGUSR1)
	r.says("signal 10")
	if got := r.out.lines(); slices.Contains(got, "app signal 1") || slices.Contains(got, "app signal 2") {
		t.Errorf("got %q, want no HUP and no INT", r.out)
	}
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// Row 17, without HUP, INT and TERM: the Go runtime unblocks those before main, and nothing tells that they were blocked.
func TestSignalMaskIsTheOneReaperdFound(t *testing.T) {
	t.Parallel()
	for _, blocked := range [][]int{nil, {10, 21}, {12, 20, 21, 22, 28, 40}} {
		r := launch(t, spec{App: []string{"grep", "^Sig", "/proc/self/status"}, Stage: stage{Block: blocked}})
		r.wants(0)
		var want uint64
		for _, sig := range blocked {
			want |= bit(sig)
		}
		for field, mask := range map[string]uint64{"SigBlk": want, "SigIgn": 0} {
			if line := fmt.Sprintf("%s:\t%016x", field, mask); r.out.count(line) != 1 {
				t.Errorf("got %q, want %q in it", r.out, line)
			}
		}
	}
}

// Row 24.
func TestExitCodeIsKnownThoughSigchldWasIgnored(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: sh("exit 6"), Stage: stage{Ignore: []int{int(syscall.SIGCHLD)}}})
	r.wants(6)
}
