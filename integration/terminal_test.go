package integration

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	ctrlC         = "\x03"
	ctrlZ         = "\x1a"
	ctrlBackslash = "\x1c"
)

func (r *running) appHasForeground(tty *pty) {
	r.t.Helper()
	app := r.app()
	// And to run: a key that comes before CONT would be taken back by it.
	eventually(r.t, "the app to have the foreground", func() bool {
		return tty.foreground() == app.PGrp && processNow(app.PID).State != 'T'
	})
}

// Keyboard signals go to the app, once, and not to reaperd as well.
func TestKeyboardSignalsGoToTheApp(t *testing.T) {
	t.Parallel()
	for _, notPID1 := range []bool{false, true} {
		tty := newPTY(t)
		r := start(t, spec{App: leaky("signals", "USR1=3"), NotPID1: notPID1, TTY: tty})
		r.says("ready")
		r.appHasForeground(tty)
		tty.types(ctrlC)
		r.says("signal 2")
		tty.types(ctrlBackslash)
		r.says("signal 3")
		r.signal(syscall.SIGUSR1)
		r.wants(3)
		for _, sig := range []string{"app signal 2", "app signal 3"} {
			n := 0
			for _, line := range r.out.lines() {
				if strings.HasSuffix(line, sig) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("got %q, want one %q", r.out, sig)
			}
		}
	}
}

// A person has stopped it: no restart, leftovers are drained, the code is the app's.
func TestAppStoppedFromTheKeyboardIsNotRestarted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		app  []string
		key  string
		code int
	}{
		{"by INT", sh(`echo re''ady; exec sleep 1000`), ctrlC, 130},
		{"by QUIT", sh(`echo re''ady; exec sleep 1000`), ctrlBackslash, 131},
		{"exiting 130 by itself", leaky("signals", "INT=130"), ctrlC, 130},
		{"exiting 131 by itself", leaky("signals", "QUIT=131"), ctrlBackslash, 131},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tty := newPTY(t)
			r := start(t, spec{App: tt.app, TTY: tty, Config: "[restart]\non_exit = \"always\"\ndelay = \"10ms\"\n"})
			r.says("ready")
			r.appHasForeground(tty)
			tty.types(tt.key)
			r.wants(tt.code)
			if n := r.out.count("ready"); n != 1 {
				t.Errorf("got %d starts, want one", n)
			}
		})
	}
}

// Row 22 as PID 1: nobody could wake us, so a keyboard stop is answered with CONT.
func TestKeyboardStopAsPID1IsAnsweredWithCont(t *testing.T) {
	t.Parallel()
	tty := newPTY(t)
	r := start(t, spec{App: sh(`trap 'echo got CONT' CONT; sleep 1000 & echo ready; while :; do wait; done`), TTY: tty})
	r.says("ready")
	r.appHasForeground(tty)
	tty.types(ctrlZ)
	r.says("got CONT")
	app := r.app()
	eventually(t, "the app to run on", func() bool { return processNow(app.PID).State != 'T' })
	r.says("CONT", "reaperd")
	if tty.foreground() != app.PGrp {
		t.Error("the app has lost the foreground")
	}
}

// shell starts an interactive bash on a terminal, in which reaperd is then typed.
func shell(t *testing.T) (*running, *pty) {
	t.Helper()
	tty := newPTY(t)
	r := start(t, spec{NoReaper: true, App: []string{"bash", "--norc", "--noprofile", "-i"}, TTY: tty, Env: []string{"PS1=prompt> ", "TERM=dumb"}})
	r.says("prompt>")
	return r, tty
}

// find makes the reaperd that the shell has started the one that signals go to.
func (r *running) find() {
	r.t.Helper()
	eventually(r.t, "reaperd below the shell", func() bool {
		for _, p := range descendants(r.cmd.Process.Pid) {
			if exe(p.PID) == reaperdBin {
				r.pid = p.PID
				return true
			}
		}
		return false
	})
}

// Row 22, not PID 1: Ctrl-Z stops both, fg continues both.
func TestCtrlZAndFgBelowAShell(t *testing.T) {
	t.Parallel()
	r, tty := shell(t)
	tty.types("$REAPER -- $LEAKY signals TERM=5; echo co''de=$?\n")
	r.says("app ready")
	r.find()
	r.appHasForeground(tty)
	app := r.app()
	stopsByKey(t, r, tty, app)
	tty.types("fg\n")
	r.says("signal 18")
	r.appHasForeground(tty)
	if processNow(r.pid).State == 'T' {
		t.Error("reaperd is still stopped")
	}
	r.signal(syscall.SIGTERM)
	r.says("app bye")
	r.says("code=5")
	tty.types("exit 0\n")
	r.wants(0)
}

// stopsByKey: this app stops by TSTP's default.
func stopsByKey(t *testing.T, r *running, tty *pty, app process) {
	t.Helper()
	// The fixture catches TSTP and prints it, so its group is stopped the way a shell would: by STOP after it.
	tty.types(ctrlZ)
	r.says("signal 20")
	tell(t, app.PID, syscall.SIGSTOP)
	eventually(t, "reaperd to stop with its app", func() bool { return processNow(r.pid).State == 'T' })
	r.says("Stopped")
	eventually(t, "the shell to have the foreground", func() bool { return tty.foreground() == r.cmd.Process.Pid })
}

// Twice, with an app that stops by the key itself.
func TestCtrlZOfASimpleApp(t *testing.T) {
	t.Parallel()
	r, tty := shell(t)
	tty.types("$REAPER -- sh -c 'echo app re''ady; exec sleep 1000'; echo co''de=$?\n")
	r.says("app ready")
	r.find()
	for range 2 {
		r.appHasForeground(tty)
		tty.types(ctrlZ)
		eventually(t, "reaperd to stop with its app", func() bool { return processNow(r.pid).State == 'T' })
		eventually(t, "the shell to have the foreground", func() bool { return tty.foreground() == r.cmd.Process.Pid })
		tty.types("fg\n")
	}
	r.appHasForeground(tty)
	tty.types(ctrlC)
	eventually(t, "reaperd to be gone", func() bool { return processNow(r.pid).PID == 0 })
	eventually(t, "the shell to have the foreground", func() bool { return tty.foreground() == r.cmd.Process.Pid })
}

// Row 30.
func TestInTheBackgroundTheTerminalIsLeftAlone(t *testing.T) {
	t.Parallel()
	r, tty := shell(t)
	tty.types("$REAPER -- $LEAKY signals TERM=5 &\n")
	r.says("app ready")
	r.find()
	never(t, 300*time.Millisecond, "the foreground is taken, or reaperd is stopped", func() bool {
		return tty.foreground() != r.cmd.Process.Pid || processNow(r.pid).State == 'T'
	})
	r.signal(syscall.SIGTERM)
	r.says("app bye")
	tty.types("wait $!; echo co''de=$?\n")
	r.says("code=5")
	if tty.foreground() != r.cmd.Process.Pid {
		t.Error("the shell has lost the foreground")
	}
}

// bg: a job that was stopped goes on without the terminal, and gets it by fg.
func TestBgAndFg(t *testing.T) {
	t.Parallel()
	r, tty := shell(t)
	tty.types("$REAPER -- sh -c 'echo app re''ady; exec sleep 1000'\n")
	r.says("app ready")
	r.find()
	r.appHasForeground(tty)
	tty.types(ctrlZ)
	eventually(t, "reaperd to stop with its app", func() bool { return processNow(r.pid).State == 'T' })
	tty.types("bg\n")
	app := r.app()
	eventually(t, "both to run in the background", func() bool {
		return processNow(r.pid).State != 'T' && processNow(app.PID).State != 'T'
	})
	never(t, 300*time.Millisecond, "the foreground is taken, or one is stopped", func() bool {
		return tty.foreground() != r.cmd.Process.Pid || processNow(r.pid).State == 'T' || processNow(app.PID).State == 'T'
	})
	// A shell sends no CONT to a job that runs: until the app asks for the terminal our group has it, and forwards.
	tty.types("fg\n")
	eventually(t, "the job to be in the foreground", func() bool { return tty.foreground() != r.cmd.Process.Pid })
	tty.types(ctrlC)
	eventually(t, "reaperd to be gone", func() bool { return processNow(r.pid).PID == 0 })
}

// Row 29: a shell as the app.
func TestInteractiveShellAsTheApp(t *testing.T) {
	t.Parallel()
	tty := newPTY(t)
	r := start(t, spec{App: []string{"bash", "--norc", "--noprofile", "-i"}, TTY: tty, Env: []string{"PS1=prompt> ", "TERM=dumb"}})
	r.says("prompt>")
	r.appHasForeground(tty)
	tty.types("sleep 1000\n")
	eventually(t, "sleep", func() bool { return len(sleeps(r)) == 1 })
	job := sleeps(r)[0]
	eventually(t, "sleep in the foreground", func() bool { return tty.foreground() == job.PGrp && job.PGrp != r.app().PGrp })
	tty.types(ctrlC)
	eventually(t, "only the job to be gone", func() bool { return len(sleeps(r)) == 0 })
	tty.types("echo co''de=$?\n")
	r.says("code=130")
	tty.types("exit 7\n")
	r.wants(7)
	if slices.ContainsFunc(r.out.lines(), func(l string) bool { return strings.Contains(l, "job control") }) {
		t.Errorf("got %q, want job control", r.out)
	}
}

// The terminal goes back to whoever had it, though we are in the background when we give it.
func TestTerminalIsRestored(t *testing.T) {
	t.Parallel()
	tty := newPTY(t)
	r := start(t, spec{NotPID1: true, TTY: tty, Under: []string{"sh", "-c", `"$@"; echo co"de=$?"; exec sleep 1000`, "sh"}, App: leaky("signals", "TERM=4")})
	r.says("ready")
	r.appHasForeground(tty)
	r.signal(syscall.SIGTERM)
	r.says("code=4")
	if got := tty.foreground(); got != r.cmd.Process.Pid {
		t.Errorf("group %d has the foreground, want %d", got, r.cmd.Process.Pid)
	}
}
