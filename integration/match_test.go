package integration

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// matched is a configuration whose drain is for the fixture of that name, not for the shell before it.
func matched(name, more string) string {
	return fmt.Sprintf("[drain]\nmatch = '^\\S*leaky -name %s '\n%s\n", name, more)
}

// The stop signal of a platform goes to the server behind the shell, and the shell goes on to its end by itself.
func TestAStopIsForTheProcessThatMatches(t *testing.T) {
	t.Parallel()
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: sh(`"$LEAKY" -name server signals QUIT=4@300ms; echo server gave $?; exit 5`),
			Config: matched("server", "stop_signal = \"QUIT\""), NotPID1: notPID1})
		r.says("server ready")
		guest := r.exec(t, leaky("-name", "server", "signals")...) // of the same name, and none of the app
		eventually(t, "the shell of docker exec", func() bool { return strings.Contains(guest.out.String(), "ready") })
		r.signal(syscall.SIGTERM)
		r.says("server gave 4")
		r.wants(5)
		r.order(r.out, "server signal 3", "server bye", "server gave 4")
		if n := r.out.count("server signal 15"); n != 0 {
			t.Errorf("got %q, want no TERM", r.out)
		}
		if strings.Contains(guest.out.String(), "signal 3\n") {
			t.Errorf("the shell of docker exec got %q, want nothing", guest.out)
		}
		if n := r.err.count("drain.match", "signal=QUIT", "-name server"); n != 1 {
			t.Errorf("got %q, want a line that names the process", r.err)
		}
	}
}

// Quiet and stop of a drain for a limit, with idle told of the process that matches: the shell always has a child.
func TestADrainForALimitIsForTheProcessThatMatches(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name server zombies 20; exit 5`), Config: zombieLimit +
		matched("server", "quiet_signal = \"TSTP\"\nquiet_timeout = \"60s\"\n[drain.idle]\nno_children = true\nhold = \"0s\"")})
	r.says("server signal 20")
	r.says("server signal 15")
	r.wants(75)
	r.order(r.err, "draining: quiet", "drain.match: signal=TSTP", "idle: after=", "drain.match: signal=TERM", "code=5")
}

// Nobody matches: the main process is asked, as without match.
func TestWhereNothingMatchesTheMainProcessIsAsked(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=6"), Config: "[drain]\nmatch = 'puma \\d'\n"})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(6)
	r.logs("no process matches drain.match", "main process", "signal=TERM")
}

// The one nearest to the main process, and of those the oldest, is asked.
func TestTheNearestAndOldestOfThoseThatMatchIsAsked(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`
		sh -c '"$LEAKY" -name deep signals TERM=1; true' &
		sleep 0.1
		"$LEAKY" -name old signals TERM=0 &
		sleep 0.1
		"$LEAKY" -name young signals TERM=1 &
		wait $!; wait`),
		Config: "[drain]\nmatch = 'leaky -name (deep|old|young) '\nstop_timeout = \"4s\"\n"})
	for _, name := range []string{"deep", "old", "young"} {
		r.says(name + " ready")
	}
	r.signal(syscall.SIGTERM)
	r.says("old bye")
	r.says("young signal 15") // at the last call, with everybody
	r.order(r.out, "old bye", "young signal 15")
	r.wait(patience)
}

// A wrapper that dies early (Heroku signals everybody) does not bring TERM to a server that finishes its work on QUIT.
func TestAServerThatWasAskedIsNotAskedAgainWhenItsWrapperDies(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name server signals USR1=0 TERM=9; true`), Config: matched("server", "stop_signal = \"QUIT\"")})
	r.says("server ready")
	wrapper := r.app().PID
	server := descendants(wrapper)[0].PID
	r.signal(syscall.SIGTERM)
	r.says("server signal 3")
	tell(t, wrapper, syscall.SIGKILL)
	never(t, time.Second, "TERM", func() bool { return r.out.count("server signal 15") > 0 })
	tell(t, server, syscall.SIGUSR1) // its work is done
	r.wants(137)
	r.order(r.out, "server signal 10", "server bye")
}

// A quiet signal that only somebody behind the main process handles is not sent, and the log says what would help.
func TestAQuietSignalForSomebodyElseGivesAHint(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name server zombies 20; true`), Config: zombieLimit + "[drain]\nquiet_signal = \"TSTP\"\n"})
	r.wants(75)
	r.logs("quiet skipped", "-name server", "drain.match")
	if n := r.out.count("signal 20"); n != 0 {
		t.Errorf("got %q, want no TSTP", r.out)
	}
}

// Signals that are merely passed on are for the main process, whatever matches.
func TestForwardedSignalsAreNotMatched(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`trap 'echo shell got it' USR1; "$LEAKY" -name server signals TERM=0 & echo up; wait; wait`), Config: matched("server", "")})
	r.says("server ready")
	r.says("up")
	r.signal(syscall.SIGUSR1)
	r.says("shell got it")
	r.signal(syscall.SIGTERM)
	r.wants(0)
	if n := r.out.count("server signal 10"); n != 0 {
		t.Errorf("got %q, want no USR1", r.out)
	}
}

// The trap: an expression that is not anchored finds the wrapper, whose command line holds the name of the server.
func TestAMatchOfTheWrapperItselfIsSaid(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name server signals TERM=0; true`), Config: "[drain]\nmatch = 'server'\n"})
	r.logs("drain.match also matches the command itself")
	r.says("server ready")
	r.signal(syscall.SIGTERM)
	r.wants(143)
	r.logs("drain.match: signal=TERM", "/bin/sh -c")
}
