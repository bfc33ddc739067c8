package integration

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Without configuration reaperd is as silent as tini when the app ends by itself.
func TestWithoutConfigurationNothingIsPrinted(t *testing.T) {
	t.Parallel()
	for _, app := range [][]string{sh("exit 0"), sh("exit 3"), sh("sleep 0.2 & exit 0"), sh(`setsid "$LEAKY" signals TERM=0 >/dev/null & sleep 0.2; exit 1`)} {
		for _, notPID1 := range []bool{false, true} {
			r := launch(t, spec{App: app, NotPID1: notPID1})
			r.wait(patience)
			r.silent()
			if r.out.String() != "" {
				t.Errorf("got %q on stdout, which is the app's", r.out)
			}
		}
	}
}

// An end that is not the app's own is one line.
func TestAnEndThatIsNotTheAppsOwnIsOneLine(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=0")})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
	if n := len(r.err.lines()); n != 1 || r.err.count("TERM", "code=0") != 1 {
		t.Errorf("got %q, want one line with signal and code", r.err)
	}
	r = launch(t, spec{App: leaky("die", "9")})
	r.wants(137)
	if n := len(r.err.lines()); n != 1 || r.err.count("KILL", "code=137") != 1 {
		t.Errorf("got %q, want one line with signal and code", r.err)
	}
}

func TestJSONLogsAreOneObjectALine(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: leaky("zombies", "20", "0", "na\"me\n"), Config: zombieLimit, Flags: []string{"--log-format", "json"}})
	r.wants(75)
	for _, line := range r.err.lines() {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
	}
	if r.err.count(`"metric":"zombies"`) != 1 {
		t.Errorf("got %q, want the trip", r.err)
	}
}

// Row 32: a stderr that is broken, or full and read by nobody, stops neither reaping nor forwarding nor the end.
func TestStderrThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, stderr := range map[string]func(*testing.T) *os.File{"broken": brokenPipe, "full": fullPipe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := sh(`trap 'echo got PIPE' PIPE; trap 'echo got USR1' USR1; trap 'exit 6' TERM
				"$LEAKY" -name orphans orphans 100 & echo ready; while :; do wait; done`)
			config := "[log]\nlevel = \"trace\"\n" + quick + limit("zombies", "warn = 1; drain = 1000")
			r := start(t, spec{App: app, Stderr: stderr(t), Config: config})
			r.says("orphans leaked 100")
			r.says("ready")
			for range 200 {
				r.signal(syscall.SIGWINCH)
				r.signal(syscall.SIGUSR1)
			}
			r.says("got USR1")
			r.signal(syscall.SIGTERM)
			r.wants(6)
			if r.out.count("got PIPE") != 0 {
				t.Error("the app got our SIGPIPE")
			}
		})
	}
}

func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	t.Cleanup(func() { write.Close() })
	return write
}

// fullPipe has a reader that never reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for {
			if _, err := syscall.Write(fds[1], []byte(strings.Repeat(".", size))); err != nil {
				break
			}
		}
	}
	// What reaperd inherits blocks, as any stderr does.
	if err := syscall.SetNonblock(fds[1], false); err != nil {
		t.Fatal(err)
	}
	write := os.NewFile(uintptr(fds[1]), "full pipe")
	t.Cleanup(func() { write.Close(); syscall.Close(fds[0]) })
	return write
}

// The descriptor is shared with the app: reaperd must not make it non-blocking.
func TestStderrStaysBlocking(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: sh(`grep ^flags /proc/self/fdinfo/2 >&1`), Config: "[log]\nlevel = \"trace\"\n"})
	r.wants(0)
	if line := r.out.line("flags"); line == "" || strings.HasSuffix(strings.TrimSpace(line), "4001") {
		t.Errorf("got %q, want no O_NONBLOCK", line)
	}
}

// Row 54, for a shorter time in quick mode, bounded at ten times the row's numbers.
func TestIdleCostsNextToNothing(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: []string{"sleep", "1000"}, Config: "[limits]\ninterval = \"1s\"\n[limits.threads]\ndrain = \"80%\"\n[limits.memory]\ndrain = \"80%\"\n"})
	r.app()
	d := time.Duration(count(5, 60)) * time.Second
	<-time.After(time.Second) // the start is not idleness
	threads := status(r.pid, "Threads")
	bestUnder(t, d/100+10*time.Millisecond, func() time.Duration { // a thousandth, failing at a hundredth
		ticks := cpuTicks(t, r.pid)
		<-time.After(d)
		return time.Duration(cpuTicks(t, r.pid)-ticks) * 10 * time.Millisecond
	})
	if now := status(r.pid, "Threads"); now != threads {
		t.Errorf("got %s threads, want the %s of before", now, threads)
	}
	if rss := kilobytes(t, r.pid, "VmRSS"); rss > 60<<10 {
		t.Errorf("got %d KiB of memory, want 6 MiB (failing at 60)", rss)
	}
	t.Logf("%d KiB, %s threads", kilobytes(t, r.pid, "VmRSS"), threads)
}
