package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// report is what `leaky report` prints about itself.
type report struct {
	Argv, Env            []string
	Cwd                  string
	PID, PPID, PGrp, SID int
	Foreground           int
	FDs                  []int
}

func (r *running) report() report {
	r.t.Helper()
	r.wants(0)
	var got report
	if err := json.Unmarshal([]byte(r.out.String()), &got); err != nil {
		r.t.Fatalf("report: %v", err)
	}
	return got
}

// Row 6.
func TestArgumentsAndEnvironmentArePassedAsTheyAre(t *testing.T) {
	t.Parallel()
	args := []string{"report", "-a", "--", "-g", "", "x y", "new\nline", "\xff\xfe", "--version"}
	env := []string{"PATH=/usr/bin:/bin", "EMPTY=", "LINES=one\ntwo", "BYTES=\xff", "=odd", "EQUALS=a=b"}
	r := launch(t, spec{App: leaky(args...), Env: env})
	got := r.report()
	if want := 1 + len(args); len(got.Argv) != want {
		t.Errorf("got argv %q, want %d words", got.Argv, want)
	}
	// The bytes are compared in /proc: JSON would repair what is not UTF-8.
	r = start(t, spec{App: append([]string{"sh", "-c", "sleep 1000; exit 0"}, args...), Env: env})
	app := r.app()
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", app.PID))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(append([]string{"sh", "-c", "sleep 1000; exit 0"}, args...), "\x00") + "\x00"; string(cmdline) != want {
		t.Errorf("got argv %q, want %q", cmdline, want)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", app.PID))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range env {
		if !slices.Contains(strings.Split(string(environ), "\x00"), want) {
			t.Errorf("got environment %q, want %q in it", environ, want)
		}
	}
}

// Row 56.
func TestReaperdLeavesTheDirectoryItsAppStaysIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	restart := "[restart]\non_exit = \"on-failure\"\n"
	for config, want := range map[string]string{"": "/", restart: dir} {
		r := start(t, spec{App: leaky("signals"), Dir: dir, Config: config})
		r.says("ready")
		app := r.app()
		if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", app.PID)); cwd != dir {
			t.Errorf("the app is in %q, want %q", cwd, dir)
		}
		eventually(t, "reaperd to be in "+want, func() bool {
			cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", r.pid))
			return cwd == want
		})
	}
}

// A relative config path and a relative command mean the directory we were started in.
func TestRelativePathsMeanTheDirectoryWeWereStartedIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeExecutable(t, dir+"/app", "#!/bin/sh\nexit 3\n", 0o755)
	if err := os.WriteFile(dir+"/r.toml", []byte("exit_remap = [\"3:4\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := launch(t, spec{Flags: []string{"-c", "r.toml"}, App: []string{"./app"}, Dir: dir})
	r.wants(4)
}

// Row 31.
func TestClosedStandardDescriptors(t *testing.T) {
	t.Parallel()
	for _, closed := range [][]int{{0}, {1}, {2}, {0, 1, 2}} {
		r := launch(t, spec{App: sh("exit 5"), Stage: stage{Close: closed}})
		r.wants(5)
	}
}

// Row 33, and its other half: where a restart is possible every incarnation gets the descriptor.
func TestInheritedDescriptorsGoToTheApp(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	r := start(t, spec{App: sh(`exec 3>&-; echo hello >&5; exec 5>&-; echo closed; exec "$LEAKY" signals`),
		Extra: []*os.File{devNull(t), devNull(t), write}})
	write.Close()
	r.says("closed")
	far := newOutput()
	far.collect(read)
	far.closed(t) // reaperd holds no copy that would keep the pipe open
	if got := far.String(); got != "hello\n" {
		t.Errorf("got %q through descriptor 5, want hello", got)
	}
	if fds := openPipes(r.pid); len(fds) > 3 {
		t.Errorf("reaperd holds pipes %v", fds)
	}
}

func TestEveryIncarnationGetsTheInheritedDescriptors(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	r := start(t, spec{App: sh(`echo hello >&3; exit 1`), Extra: []*os.File{write},
		Config: "[restart]\non_exit = \"on-failure\"\ndelay = \"10ms\"\nburst = 2\n"})
	write.Close()
	far := newOutput()
	far.collect(read)
	r.wants(1)
	far.closed(t)
	if n := far.count("hello"); n < 2 {
		t.Errorf("got %d greetings, want one of every incarnation", n)
	}
}

// Only what was inherited goes to the app: nothing of reaperd's own leaks.
func TestNoDescriptorOfReaperdLeaks(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"", "[limits.threads]\ndrain = 1000\n[restart]\non_limit = \"restart\"\n"} {
		got := launch(t, spec{App: leaky("report"), Config: config, Extra: []*os.File{devNull(t)}}).report()
		if !slices.Equal(got.FDs, []int{0, 1, 2, 3}) {
			t.Errorf("the app has descriptors %v, want 0 to 3", got.FDs)
		}
	}
}

// Row 34.
func TestListenPidNamesTheApp(t *testing.T) {
	t.Parallel()
	env := func(pid string) []string { return []string{"LISTEN_PID=" + pid, "LISTEN_FDS=1"} }
	got := launch(t, spec{App: leaky("report"), Env: env("1"), Extra: []*os.File{devNull(t)}}).report()
	if want := fmt.Sprintf("LISTEN_PID=%d", got.PID); !slices.Contains(got.Env, want) {
		t.Errorf("got %q, want %s", got.Env, want)
	}
	if !slices.Contains(got.Env, "LISTEN_FDS=1") || !slices.Contains(got.FDs, 3) {
		t.Errorf("got %q and descriptors %v, want LISTEN_FDS=1 and 3", got.Env, got.FDs)
	}
	got = launch(t, spec{App: leaky("report"), Env: env("77")}).report()
	if !slices.Contains(got.Env, "LISTEN_PID=77") {
		t.Errorf("got %q, want the LISTEN_PID of somebody else left alone", got.Env)
	}
	for _, tt := range []struct {
		app  []string
		code int
	}{{[]string{"/no/such/file"}, 127}, {[]string{"/etc/passwd"}, 126}, {sh("exit 9"), 9}} {
		r := launch(t, spec{App: tt.app, Env: env("1"), Extra: []*os.File{devNull(t)}})
		r.wants(tt.code)
	}
}

// The limit that Go raises at its start is not what the app gets.
func TestDescriptorLimitIsTheOneReaperdFound(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: sh("ulimit -n; ulimit -Hn"), Stage: stage{Limits: [][3]int{{syscall.RLIMIT_NOFILE, 100, 200}}}})
	r.wants(0)
	if got := r.out.lines(); !slices.Equal(got, []string{"100", "200"}) {
		t.Errorf("got %v, want 100 and 200", got)
	}
}

func devNull(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// openPipes lists the pipes that a process holds.
func openPipes(pid int) []string {
	var pipes []string
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if to, _ := os.Readlink(dir + "/" + e.Name()); strings.HasPrefix(to, "pipe:") && !slices.Contains(pipes, to) {
			pipes = append(pipes, to)
		}
	}
	return pipes
}
