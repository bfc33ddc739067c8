package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// told is a hook that logs what it was told.
const told = `env | grep ^REAPERD_EVENT_ | sort | tr "\n" " "`

// allHooks is a [hooks] table with the same command for each; own tables follow.
func allHooks(command string) string {
	var b strings.Builder
	b.WriteString("[hooks]\n")
	for _, hook := range []string{"pre_start", "post_start", "on_warn", "on_trip", "pre_stop", "post_stop"} {
		fmt.Fprintf(&b, "%s = '''%s'''\n", hook, command)
	}
	return b.String()
}

// swarmOnce leaks processes in its first life and ends with 3 in the next; $ONCE is where it notes that.
const swarmOnce = `mkdir "$ONCE" 2>/dev/null && exec "$LEAKY" swarm 30; exec "$LEAKY" signals TERM=3`

func once(t *testing.T) []string { return []string{"ONCE=" + filepath.Join(t.TempDir(), "once")} }

const inPlace = "[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\n"

func TestHooksRunAtTheirMomentsAndAreTold(t *testing.T) {
	t.Parallel()
	for _, notPID1 := range []bool{false, true} {
		t.Run(fmt.Sprintf("PID 1 %v", !notPID1), func(t *testing.T) {
			t.Parallel()
			r := start(t, spec{App: sh(swarmOnce), Env: once(t), NotPID1: notPID1,
				Config: quick + limit("processes", "warn = 5; drain = 20") + inPlace + allHooks(told)})
			r.logs("hook=on_warn", "LEVEL=warn", "METRIC=processes", "LIMIT=5", "PID=", "WHO=", "WHO_PID=", "RESTARTS=0")
			r.logs("hook=on_trip", "LEVEL=drain", "METRIC=processes", "LIMIT=20", "WHO_PID=")
			r.logs("hook=post_start", "REAPERD_EVENT_RESTARTS=1")
			eventually(t, "the second life", func() bool { return r.out.count("app ready") == 2 })
			r.signal(syscall.SIGTERM)
			r.wants(3)
			r.logs("hook=pre_stop", "CAUSE=limit", "METRIC=processes", "LIMIT=20")
			r.logs("hook=post_stop", "CAUSE=limit", "METRIC=processes", "EXIT_CODE=0", "THEN=restart")
			r.logs("hook=pre_start", "CAUSE=limit", "RESTARTS=1")
			r.logs("hook=pre_stop", "CAUSE=stop", "RESTARTS=1")
			r.order(r.err, "NAME=pre_start", "started: ", "limit tripped", "draining: pre_stop", "NAME=pre_stop", "draining: stop", "drained for a limit",
				"NAME=post_stop", "restarting", "NAME=pre_start", "started: ", "stopping: pre_stop", "NAME=pre_stop", "stopping: signal=TERM",
				"stopped: code=3", "CAUSE=stop REAPERD_EVENT_EXIT_CODE=3")
		})
	}
}

// The app is signalled when pre_stop has ended, and gone when post_stop begins.
func TestWhatIsWaitedForIsWaitedFor(t *testing.T) {
	t.Parallel()
	story := filepath.Join(t.TempDir(), "story")
	note := func(what string) string {
		return fmt.Sprintf(`sleep 0.3; echo "%s $REAPERD_EVENT_EXIT_SIGNAL" >> %s`, what, story)
	}
	r := start(t, spec{
		App: sh(fmt.Sprintf(`echo app >> %s; trap 'echo asked >> %s; trap - TERM; kill $$' TERM; echo up; while :; do sleep 0.01; done`, story, story)),
		Config: fmt.Sprintf("[hooks]\npre_start = '''%s'''\npre_stop = '''%s'''\npost_stop = '''%s'''\n",
			note("pre_start"), note("pre_stop"), note("post_stop")),
	})
	r.says("up")
	r.signal(syscall.SIGTERM)
	r.wants(143)
	text, _ := os.ReadFile(story)
	if got, want := string(text), "pre_start \napp\npre_stop \nasked\npost_stop TERM\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every hook hangs, with children that ignore TERM, in sessions and groups of their own.
func TestHooksThatHangAreKilledAndChangeNothing(t *testing.T) {
	t.Parallel()
	const hang = `trap "" TERM; sleep 1001 & timeout 1002 sleep 1003 & setsid -w sleep 1004 & for i in 1 2 3 4 5 6 7 8; do (while :; do sleep 0.01; done) & done; wait`
	for _, notPID1 := range []bool{false, true} {
		t.Run(fmt.Sprintf("PID 1 %v", !notPID1), func(t *testing.T) {
			t.Parallel()
			r := start(t, spec{App: sh(swarmOnce), Env: once(t), NotPID1: notPID1, Stay: notPID1, // until no process is left
				Config: quick + limit("processes", "warn = 5; drain = 20") + inPlace + allHooks(hang) + "timeout = \"300ms\"\n"})
			eventually(t, "the second life", func() bool { return r.out.count("app ready") == 2 })
			r.signal(syscall.SIGTERM)
			r.wants(3)
			for hook, n := range map[string]int{"pre_start": 2, "on_warn": 1, "on_trip": 1, "pre_stop": 2, "post_stop": 2} {
				if got := r.err.count("hook killed: it took too long", "hook="+hook, "timeout="); got != n {
					t.Errorf("%s: got %d lines that it was killed, want %d", hook, got, n)
				}
			}
			if n := r.err.count("escalated"); n > 0 {
				t.Errorf("got %s, want no KILL of the app", r.err)
			}
		})
	}
}

func TestHooksThatFailAreSaidAndChangeNothing(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("exit", "7"), Config: "[hooks]\npre_start = 'exit 3'\npost_stop = 'kill -9 $$'\n"})
	r.wants(7)
	r.logs("hook failed", "hook=pre_start", "code=3", "pid=")
	r.logs("hook failed", "hook=post_stop", "signal=KILL")
}

// A hook's processes are not the app's: they trip nothing, are not in a drain, and end when reaperd does.
func TestHooksAreNotTheApp(t *testing.T) {
	t.Parallel()
	const busy = `trap "echo asked" TERM; for i in $(seq 40); do sleep 1000 & done; echo forked; while :; do sleep 0.05; done`
	for _, ignores := range []bool{false, true} {
		for _, notPID1 := range []bool{false, true} {
			t.Run(fmt.Sprintf("ignores TERM %v, PID 1 %v", ignores, !notPID1), func(t *testing.T) {
				t.Parallel()
				hook := busy
				if !ignores {
					hook = strings.Replace(busy, `"echo asked"`, `"echo asked; exit"`, 1)
				}
				grow := filepath.Join(t.TempDir(), "grow")
				app := fmt.Sprintf(`mkdir "$ONCE" 2>/dev/null || exec "$LEAKY" signals TERM=3; until [ -e %s ]; do sleep 0.05; done; exec "$LEAKY" swarm 30`, grow)
				r := start(t, spec{App: sh(app), Env: once(t), NotPID1: notPID1, Stay: notPID1,
					Config: quick + limit("processes", "drain = 20") + limit("threads", "kill = 60") + inPlace + "[hooks]\npost_start = '''" + hook + "'''\n"})
				r.logs("hook output", "forked")
				if err := os.WriteFile(grow, nil, 0o644); err != nil {
					t.Fatal(err)
				}
				line := r.logs("limit tripped")
				var value int
				fmt.Sscanf(regexp.MustCompile(`value=\d+`).FindString(line), "value=%d", &value)
				if value < 20 || value > 31 {
					t.Errorf("got %q, want 20 to 31 processes: those of the app alone", line)
				}
				r.says("bye")
				r.logs("hook skipped: it still runs", "hook=post_start") // the drain has not touched it
				eventually(t, "the second life", func() bool { return r.out.count("app ready") == 2 })
				if n := r.err.count("hook output", "asked"); n > 0 {
					t.Errorf("got %s, want no signal for the hook", r.err)
				}
				r.signal(syscall.SIGTERM)
				r.wants(3)
				r.logs("hook output", "asked")
				r.logs("a hook ends with reaperd", "hook=post_start")
			})
		}
	}
}

// What a hook writes can neither break a line nor flood the log.
func TestOutputOfAHookIsLogged(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("exit", "0"), Config: "[hooks]\n" +
		`pre_start = '''printf 'out\n\033[31mred\000\377 "q"\n'; echo err >&2; head -c 3000 /dev/zero | tr "\\0" x; echo; seq 5000; head -c 100000 /dev/urandom'''` + "\n"})
	r.wants(0)
	r.logs("hook output", "hook=pre_start", "pid=", "line=out")
	r.logs("hook output", "line=err")
	r.logs("hook output", `\x1b[31mred\x00\xff`)
	r.logs("hook output", strings.Repeat("x", 1000)+"...")
	r.logs("hook output was dropped: too many lines", "hook=pre_start", "lines=")
	for _, c := range r.err.String() {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Fatalf("got %q in the log, want what can be printed", c)
		}
	}
	for _, line := range r.err.lines() {
		if len(line) > 5000 {
			t.Errorf("got a line of %d bytes", len(line))
		}
	}
}

// A daemon that a hook leaves behind holds its output open, and nobody waits for it.
func TestADaemonOfAHookIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r := start(t, spec{App: leaky("exit", "5"), Config: "[hooks]\npre_start = 'setsid sleep 1000 & echo left'\npre_start_timeout = \"10m\"\n"})
	r.wants(5)
	if took := time.Since(began); took > patience {
		t.Errorf("took %v, want no waiting", took)
	}
}

func TestAHookHasNothingOfTheApps(t *testing.T) {
	t.Parallel()
	held, writes, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	defer writes.Close()
	r := start(t, spec{App: sh(`readlink /proc/$$/fd/3; exec "$LEAKY" signals TERM=0`), Extra: []*os.File{writes},
		Config: "[hooks]\npre_start = [\"readlink\", \"/proc/self/fd/3\"]\n" +
			"post_start = 'echo in: $(readlink /proc/$$/fd/0), group: $(cut -d\" \" -f5,6 /proc/$$/stat) $$'\n"})
	r.logs("hook failed", "hook=pre_start", "code=1") // there is none
	r.says("pipe:")
	line := r.logs("hook output", "hook=post_start")
	match := regexp.MustCompile(`in: /dev/null, group: (\d+) (\d+) (\d+)`).FindStringSubmatch(line)
	if match == nil || match[1] != match[3] || match[2] != match[3] {
		t.Errorf("got %q, want nothing to read, and a group and session of its own", line)
	}
	r.says("app ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// In a dry run on_trip runs, and can know.
func TestADryRunRunsOnTrip(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("swarm", "30"), Flags: []string{"--dry-run"}, Config: quick + limit("processes", "drain = 20") + allHooks(told)})
	r.logs("hook=on_trip", "REAPERD_EVENT_DRY_RUN=1", "METRIC=processes")
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
	if r.err.count("hook=pre_stop", "CAUSE=limit") > 0 || r.err.count("hook=on_trip", "hook output") != 1 {
		t.Errorf("got %s, want on_trip once and nothing drained", r.err)
	}
}

// A stop while pre_start runs: the app is never started, and post_stop still cleans up.
func TestAStopWhilePreStartRuns(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh("echo app"), Config: "[hooks]\npre_start = 'echo begun; sleep 1000'\npre_start_timeout = \"10m\"\npost_stop = 'echo cleaned'\n"})
	r.logs("hook output", "begun")
	r.signal(syscall.SIGTERM)
	r.wants(143)
	r.logs("hook output", "cleaned")
	if got := r.out.String(); got != "" {
		t.Errorf("got %q, want no app", got)
	}
}

// The budget of a stop is kept by hooks that hang, and the platform's KILL does not come first.
func TestHooksFitIntoTheBudgetOfAStop(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=4"), Config: "[drain]\nstop_timeout = \"6s\"\n[hooks]\ntimeout = \"10m\"\npre_stop = 'sleep 1000'\npost_stop = 'sleep 1000'\n"})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(4)
	r.logs("stopping: pre_stop", "for=3s", "shortened_from=10m0s")
	r.logs("hook killed", "hook=pre_stop")
}

func TestAHookThatIsMissingIsAMistakeWithAllOthers(t *testing.T) {
	t.Parallel()
	config := "drain.timeout = \"0s\"\n[hooks]\npre_stop = [\"no-such-command\"]\n"
	for _, flags := range [][]string{nil, {"check"}} {
		r := start(t, spec{Flags: flags, Config: config})
		r.wants(125)
		r.logs("reaperd.toml:1: drain.timeout: \"0s\" is too short")
		r.logs("reaperd.toml:3: hooks.pre_stop: \"no-such-command\" is neither beside reaperd nor in PATH")
	}
}
