package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// logging is a process that logs into a pipe of ours.
type logging struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *os.File
}

func startLogging(t *testing.T, role string) *logging {
	t.Helper()
	l := &logging{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0])}
	l.cmd.Env = append(os.Environ(), "REAPERD_TEST_LOG="+role)
	stdin, err := l.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	l.stdin, l.stdout, l.stderr, l.cmd.Stderr = stdin, bufio.NewReader(out), r, w
	if role == "broken" {
		r.Close()
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	timeout := time.AfterFunc(patience, func() { l.cmd.Process.Kill() })
	t.Cleanup(func() { timeout.Stop() })
	return l
}

// says reads one line of its stdout.
func (l *logging) says() string {
	l.t.Helper()
	line, err := l.stdout.ReadString('\n')
	if err != nil {
		l.t.Fatalf("got %q, %v, want a line", line, err)
	}
	return strings.TrimSpace(line)
}

// ends lets it end and gives the lines of its log.
func (l *logging) ends() []string {
	l.t.Helper()
	l.stdin.Close()
	text, err := io.ReadAll(l.stderr)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := l.cmd.Wait(); err != nil {
		l.t.Fatalf("%v\n%s", err, text)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestLogLinesAreTextOrJSON(t *testing.T) {
	lines := startLogging(t, "lines").ends()
	text := strings.Join(lines, "\n")
	if !regexp.MustCompile(`^\d{4}-\S+ \[INFO\]  reaperd: one:`).MatchString(text) || strings.Contains(text, "not this one") ||
		!strings.HasSuffix(text, "[WARN]  reaperd: two: n=2") {
		t.Errorf("got\n%s", text)
	}
	lines = startLogging(t, "json").ends()
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2: %q", len(lines), lines)
	}
	for i, want := range []map[string]any{{"@level": "info", "@message": "one", "name": "a\nb"}, {"@level": "warn", "@message": "two", "n": 2.0}} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatalf("%v: %s", err, lines[i])
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: got %v, want %v", key, got[key], value)
			}
		}
	}
}

func TestAFullQueueNeverBlocksAndWhatWasDroppedIsSaid(t *testing.T) {
	l := startLogging(t, "flood")
	if got := l.says(); got != "logged" { // while nobody reads
		t.Fatalf("got %q", got)
	}
	written, dropped := 0, 0
	said := regexp.MustCompile(`log lines were dropped: stderr was not read: lines=(\d+)$`)
	for _, line := range l.ends() {
		m := said.FindStringSubmatch(line)
		switch {
		case m != nil:
			n, _ := strconv.Atoi(m[1])
			dropped += n
		case strings.Contains(line, "reaperd: flood: i="):
			if want := "text=" + strings.Repeat("x", 200); !strings.HasSuffix(line, want) {
				t.Errorf("got a torn line %q", line)
			}
			written++
		case strings.HasSuffix(line, "reaperd: and on"):
			written++
		default:
			t.Errorf("got %q", line)
		}
	}
	if written+dropped != floodLines+1 {
		t.Errorf("got %d written and %d said to be dropped, want %d together", written, dropped, floodLines+1)
	}
	if dropped == 0 || written < logQueue {
		t.Errorf("got %d written, %d dropped, want at least the queue's %d written, and some dropped", written, dropped, logQueue)
	}
}

func TestFlushIsBoundedThoughNobodyReads(t *testing.T) {
	l := startLogging(t, "nobody reads")
	took, err := time.ParseDuration(l.says())
	if err != nil {
		t.Fatal(err)
	}
	if took < 50*time.Millisecond {
		t.Errorf("got %v, want 50ms at least", took)
	}
	if err := l.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestABrokenStderrHarmsNobody(t *testing.T) {
	if err := startLogging(t, "broken").cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestANonBlockingStderrLosesNothing: the app shares the descriptor and may have made it so.
func TestANonBlockingStderrLosesNothing(t *testing.T) {
	l := startLogging(t, "non-blocking")
	l.says()
	lines := l.ends()
	if len(lines) != 400 {
		t.Fatalf("got %d lines, want 400", len(lines))
	}
	for i, line := range lines {
		if want := "i=" + strconv.Itoa(i) + " text=" + strings.Repeat("x", 1000); !strings.HasSuffix(line, want) {
			t.Errorf("line %d: got %.80q…", i, line)
		}
	}
}
