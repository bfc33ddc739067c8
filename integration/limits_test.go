package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// quick is a [limits] table that looks often and acts at once.
const quick = "[limits]\ninterval = \"50ms\"\nmin_uptime = \"0s\"\n"

// limit is the table of one metric without patience, e.g. limit("threads", "drain = 20").
func limit(metric, levels string) string {
	return fmt.Sprintf("[limits.%s]\nfor = \"0s\"\n%s\n", metric, strings.ReplaceAll(levels, "; ", "\n"))
}

// Rows 45 and 47: one line that names metric, value, limit and process; a drain; 75 whatever the app's own code was.
func TestEachLimitDrainsAndEndsWith75(t *testing.T) {
	t.Parallel()
	tests := []struct {
		metric, levels string
		app            []string
	}{
		{"zombies", "drain = 15", leaky("zombies", "20")},
		{"threads", "drain = 60", leaky("threads", "70")},
		{"processes", "drain = 20", leaky("swarm", "30")},
		{"fds", "drain = 80", leaky("fds", "100")},
		{"memory", "drain = \"40MiB\"; metric = \"rss\"", leaky("memory", "64")},
	}
	for _, tt := range tests {
		for _, notPID1 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, PID 1 %v", tt.metric, !notPID1), func(t *testing.T) {
				t.Parallel()
				r := start(t, spec{App: tt.app, Config: quick + limit(tt.metric, tt.levels), NotPID1: notPID1})
				r.says("ready")
				r.wants(75)
				r.order(r.out, "app signal 15", "app bye")
				if n := r.err.count("metric=" + tt.metric); n != 1 {
					t.Errorf("got %d lines with metric=%s, want one", n, tt.metric)
				}
				for _, word := range []string{"value=", "limit=", "leaky"} {
					if r.err.count("metric="+tt.metric, word) != 1 {
						t.Errorf("got %q, want %q in it", r.err.line("metric="+tt.metric), word)
					}
				}
				if r.err.count("code=0", "exit_code=75") != 1 {
					t.Errorf("got %q, want a line with both codes", r.err)
				}
			})
		}
	}
}

// Row 45: two at once are one drain.
func TestTwoLimitsAtOnceDrainOnce(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("zombies", "40"), Config: quick + limit("zombies", "drain = 10") + limit("processes", "drain = 10")})
	r.wants(75)
	if n := r.out.count("signal 15"); n != 1 {
		t.Errorf("got %d TERMs, want one", n)
	}
	if n := r.err.count("exit_code=75"); n != 1 {
		t.Errorf("got %d ends, want one", n)
	}
}

// Row 25: the parent that does not wait is named, though it is not the main process.
func TestParentOfZombiesIsNamed(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name culprit zombies 20 0 proxy-gem & exec "$LEAKY" signals TERM=0`),
		Config: quick + limit("zombies", "drain = 20")})
	r.wants(75)
	line := r.err.line("metric=zombies")
	if !strings.Contains(line, "value=20") || !strings.Contains(line, "leaky") && !strings.Contains(line, "proxy-gem") {
		t.Errorf("got %q, want 20 zombies of the culprit", line)
	}
}

// Row 26: state Z with live threads is no zombie. Nor is a zombie that is our own to reap.
func TestALeaderThatExitedIsNoZombie(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name half leader & exec "$LEAKY" signals TERM=0`), Config: quick + limit("zombies", "drain = 1")})
	r.says("half leader gone")
	r.says("app ready")
	never(t, time.Second, "a process with live threads is taken for a zombie", func() bool {
		return r.err.count("metric=zombies") > 0
	})
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// Row 49: reaperd itself and what `docker exec` starts are not the app.
func TestOursAndTheirsAreNotCounted(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: []string{"sleep", "1000"}, Config: quick + limit("threads", "drain = 2") + limit("processes", "drain = 2") + limit("zombies", "drain = 1")})
	r.app()
	r.exec(t, leaky("threads", "40")...)
	r.exec(t, leaky("zombies", "10")...)
	never(t, 1500*time.Millisecond, "a limit trips for what is not the app", func() bool {
		return r.ended() || r.err.count("metric=") > 0
	})
	r.signal(syscall.SIGTERM)
	r.wants(143)
}

// Row 46: the app's own code wins over a limit that was crossed in the same moment; never both.
func TestAppThatEndsAtTheLimitIsJudgedOnce(t *testing.T) {
	t.Parallel()
	for range count(5, 25) {
		r := start(t, spec{App: leaky("zombies", "30"), Config: strings.Replace(quick, "50ms", "10ms", 1) + limit("zombies", "drain = 20")})
		r.says("ready")
		tell(t, r.pid, syscall.SIGUSR2)
		code, trips := r.wait(patience), r.err.count("metric=zombies")
		if !(code == 9 && trips == 0 || code == 75 && trips == 1) {
			t.Errorf("got code %d with %d trips, want 9 without or 75 with one", code, trips)
		}
		if n := r.err.count("escalated"); n != 0 {
			t.Errorf("got %q, want no KILL", r.err)
		}
	}
}

// Nothing is asked of the tree at the kill level, and it does not wait for `for`.
func TestKillLevelKillsAtOnce(t *testing.T) {
	t.Parallel()
	config := "[limits]\ninterval = \"50ms\"\nmin_uptime = \"1h\"\n[limits.zombies]\nfor = \"1h\"\nkill = 20\n"
	r := start(t, spec{App: leaky("zombies", "30"), Config: config})
	r.wants(75)
	if n := r.out.count("signal 15"); n != 0 {
		t.Errorf("got %q, want no TERM", r.out)
	}
	r.logs("metric=zombies", "limit=20")
}

func TestNoDrainBeforeMinUptime(t *testing.T) {
	t.Parallel()
	config := "[limits]\ninterval = \"50ms\"\nmin_uptime = \"2s\"\n" + limit("zombies", "warn = 5; drain = 10")
	r := start(t, spec{App: leaky("zombies", "30"), Config: config})
	r.says("leaked 30")
	r.logs("metric=zombies", "limit=5") // warn counts from the start
	r.wants(75)
	r.lasted(2 * time.Second)
}

// A breach shorter than `for` is none.
func TestABreachMustLast(t *testing.T) {
	t.Parallel()
	warned := filepath.Join(t.TempDir(), "warned")
	config := quick + "[limits.zombies]\nwarn = 10\ndrain = 10\nfor = \"4s\"\n[hooks]\non_warn = 'touch " + warned + "'\n"
	r := start(t, spec{App: sh(`"$LEAKY" -name leak zombies 30 & until [ -e "$WARNED" ]; do sleep 0.05; done; kill $!; wait; exec "$LEAKY" signals USR1=3`),
		Env: []string{"WARNED=" + warned}, Config: config})
	r.logs("limit warning", "metric=zombies") // the breach has begun
	r.says("app ready")                       // and ended
	never(t, 5*time.Second, "a drain", func() bool { return r.err.count("limit tripped") > 0 })
	r.signal(syscall.SIGUSR1)
	r.wants(3)
}

// endsChild ends the one child of the app that has a name.
func (r *running) endsChild(comm string) {
	r.t.Helper()
	for _, p := range descendants(r.app().PID) {
		if p.Comm == comm && p.State != 'Z' {
			tell(r.t, p.PID, syscall.SIGTERM)
			return
		}
	}
	r.t.Fatalf("no %s below the app", comm)
}

func TestAWarningIsSaidOnceUntilItClears(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name one zombies 30; "$LEAKY" -name two zombies 30; exit 3`), Config: quick + limit("zombies", "warn = 10")})
	r.logs("[WARN]", "metric=zombies")
	r.endsChild("leaky")
	r.says("two leaked 30")
	<-time.After(500 * time.Millisecond) // ten looks
	r.endsChild("leaky")
	r.wants(3)
	if n := r.err.count("[WARN]", "metric=zombies"); n != 1 { // the second is within 10 minutes of the first
		t.Errorf("got %d warnings, want one\n%s", n, r.err)
	}
}

// A percentage is of the nearest ceiling, which is named.
func TestPercentOfPidsMax(t *testing.T) {
	t.Parallel()
	group := newPidsGroup(t, 100)
	r := start(t, spec{App: leaky("swarm", "45"), Stage: stage{Cgroups: group.join()}, Config: quick + limit("processes", "drain = \"50%\"")})
	r.wants(75)
	r.logs("metric=processes", "pids.max", "50%")
}

func TestPercentOfRlimitNproc(t *testing.T) {
	t.Parallel()
	uid := newUID()
	r := start(t, spec{App: leaky("swarm", "70"), Config: quick + limit("threads", "drain = \"75%\""),
		Stage: stage{UID: uid, Limits: [][3]int{{rlimitNproc, 120, 120}}}})
	r.wants(75)
	r.logs("metric=threads", "RLIMIT_NPROC", fmt.Sprint(uid))
}

// Row 52: a name made to confuse a parser and a terminal.
func TestNamesFromTheAppAreEscaped(t *testing.T) {
	t.Parallel()
	for _, comm := range []string{"a) R 1 (b", "x\ny [INFO]", "\x1b[31mred", "\xff\xfe"} {
		r := start(t, spec{App: leaky("zombies", "20", "0", comm), Config: quick + limit("zombies", "drain = 15")})
		r.wants(75)
		for _, line := range r.err.lines() {
			if !strings.Contains(line, "reaperd") || slices.ContainsFunc([]byte(line), func(b byte) bool { return b < ' ' || b > '~' }) {
				t.Errorf("name %q: got line %q", comm, line)
			}
		}
	}
}
