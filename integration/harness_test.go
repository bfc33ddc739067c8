package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stage is the world reaperd is started in; see integration/apps/leaky/stage.go.
type stage struct {
	Keep      int      // inherited descriptors; what the test process itself was given stops here
	Proc      bool     `json:",omitempty"`
	HidePID   bool     `json:",omitempty"`
	ReadOnly  bool     `json:",omitempty"`
	UID       int      `json:",omitempty"`
	Limits    [][3]int `json:",omitempty"`
	Ignore    []int    `json:",omitempty"`
	Block     []int    `json:",omitempty"`
	Close     []int    `json:",omitempty"`
	Cgroups   []string `json:",omitempty"`
	NoCaps    bool     `json:",omitempty"`
	NoNewPriv bool     `json:",omitempty"`
	NoPrctl   bool     `json:",omitempty"`
}

// spec says what is started and how. The zero value is reaperd as PID 1 of a namespace, without any configuration.
type spec struct {
	Flags    []string // of reaperd
	App      []string // command after "--"
	Config   string   // TOML; written to a file that is given with --config
	Env      []string // beside PATH, HOME and LEAKY
	Dir      string
	NotPID1  bool     // below another PID 1
	Stay     bool     // with NotPID1: the other PID 1 stays until no process is left
	Under    []string // with NotPID1: a command that starts reaperd, instead of starting it directly
	TTY      *pty
	Stdin    *os.File
	Stderr   *os.File // instead of capturing it
	Extra    []*os.File
	Stage    stage
	NoReaper bool // App is started as it is: no reaperd
}

// running is a started reaperd with what it and its app have written.
type running struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *output
	done     chan struct{} // closed when the outermost process has been waited for
	pid      int           // of reaperd, as the host sees it
	began    time.Time     // before any of it ran
}

// lasted fails the test unless this long has passed since the very start. Measured from an event that the test has heard
// of, the time would be too short on a busy machine: it hears late.
func (r *running) lasted(least time.Duration) {
	r.t.Helper()
	if up := time.Since(r.began); up < least {
		r.t.Errorf("was over %v after the start, want %v at least", up, least)
	}
}

// start starts reaperd and returns once the binary itself runs.
func start(t *testing.T, s spec) *running {
	t.Helper()
	r := launch(t, s)
	r.pid = r.findReaperd(s)
	return r
}

// launch starts without waiting for the exec: for an end that may come at once.
func launch(t *testing.T, s spec) *running {
	t.Helper()
	needRoot(t)
	s.Stage.Proc, s.Stage.Keep = true, 3+len(s.Extra)
	world, err := json.Marshal(s.Stage)
	if err != nil {
		t.Fatal(err)
	}
	var argv []string
	if s.NotPID1 {
		argv = append(argv, leakyBin, "outer")
		if s.Stay {
			argv = append(argv, "-stay")
		}
	}
	argv = append(argv, leakyBin, "launch", string(world))
	argv = append(argv, s.Under...)
	argv = append(argv, s.command(t)...)

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = s.Dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/", "LEAKY=" + leakyBin, "REAPER=" + reaperdBin}, s.Env...)
	cmd.ExtraFiles = s.Extra
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Setsid: true}
	r := &running{t: t, cmd: cmd, done: make(chan struct{}), out: newOutput(), err: newOutput()}
	var ours []*os.File
	if s.Stdin != nil {
		cmd.Stdin = s.Stdin
	}
	if s.TTY != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.TTY.slave, s.TTY.slave, s.TTY.slave
		cmd.SysProcAttr.Setctty = true
		r.out = s.TTY.out
	} else {
		cmd.Stdout = r.out.pipe(t, &ours)
	}
	if s.Stderr != nil {
		cmd.Stderr = s.Stderr
	} else if s.TTY == nil {
		cmd.Stderr = r.err.pipe(t, &ours)
	}
	r.began = time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", argv, err)
	}
	for _, f := range ours {
		f.Close()
	}
	go func() {
		cmd.Wait()
		close(r.done)
	}()
	t.Cleanup(r.cleanup)
	return r
}

// command is the argv of reaperd and its app.
func (s spec) command(t *testing.T) []string {
	t.Helper()
	if s.NoReaper {
		return s.App
	}
	argv := append([]string{reaperdBin}, s.Flags...)
	if s.Config != "" {
		argv = append(argv, "--config", writeConfig(t, s.Config))
	}
	if s.App == nil {
		return argv
	}
	return append(append(argv, "--"), s.App...)
}

func writeConfig(t *testing.T, toml string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // other users read it
		t.Fatal(err)
	}
	path := filepath.Join(dir, "reaperd.toml")
	if err := os.WriteFile(path, []byte(toml), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// leaky is a command line of the fixture.
func leaky(args ...string) []string { return append([]string{leakyBin}, args...) }

// sh is a shell script as a command. $LEAKY is the fixture.
func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

// findReaperd waits until the binary under test runs, or all is over.
func (r *running) findReaperd(s spec) int {
	r.t.Helper()
	if s.NoReaper {
		return r.cmd.Process.Pid
	}
	found := 0
	eventually(r.t, "reaperd to run", func() bool {
		if r.ended() {
			return true
		}
		if !s.NotPID1 {
			if exe(r.cmd.Process.Pid) == reaperdBin {
				found = r.cmd.Process.Pid
			}
			return found != 0
		}
		for _, p := range descendants(r.cmd.Process.Pid) {
			if exe(p.PID) == reaperdBin {
				found = p.PID
				return true
			}
		}
		return false
	})
	return found
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// signal sends sig to reaperd, from outside its namespace.
func (r *running) signal(sig syscall.Signal) {
	r.t.Helper()
	if !tell(r.t, r.pid, sig) {
		r.t.Fatalf("no reaperd to send %v to", sig)
	}
}

// tell sends a signal to one process, or to a group (negative), and says whether there was one. It never sends to 0 or
// -1: those are ourselves and everybody.
func tell(t *testing.T, pid int, sig syscall.Signal) bool {
	t.Helper()
	if pid >= -1 && pid <= 1 {
		return false
	}
	err := syscall.Kill(pid, sig)
	if err != nil && err != syscall.ESRCH {
		t.Fatalf("send %v to %d: %v", sig, pid, err)
	}
	return err == nil
}

// wait gives the exit code, which has to come within the bound; an end by signal n is -n.
func (r *running) wait(within time.Duration) int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(within):
		r.t.Fatalf("still running after %v\n%s", within, r.picture())
	}
	r.out.closed(r.t)
	r.err.closed(r.t)
	status := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

// wants fails the test unless the run ends with code.
func (r *running) wants(code int) {
	r.t.Helper()
	if got := r.wait(patience); got != code {
		r.t.Fatalf("got exit code %d, want %d", got, code)
	}
}

// cleanup ends everything: the end of a PID 1 is the end of its namespace.
func (r *running) cleanup() {
	picture := r.picture()
	if !r.ended() {
		syscall.Kill(r.cmd.Process.Pid, syscall.SIGKILL)
		select {
		case <-r.done:
		case <-time.After(patience):
			r.t.Errorf("did not end even by SIGKILL")
		}
	}
	if r.t.Failed() {
		r.t.Logf("%s\n%s", strings.Join(r.cmd.Args[1:], " "), picture)
	}
}

// picture is what there is to see when a test fails.
func (r *running) picture() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stdout:\n%s\nstderr:\n%s\n", clip(r.out.String()), clip(r.err.String()))
	if !r.ended() {
		fmt.Fprintf(&b, "processes:\n%v\n", append([]process{processNow(r.cmd.Process.Pid)}, descendants(r.cmd.Process.Pid)...))
	}
	return b.String()
}

func clip(s string) string {
	const most = 6000
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "\n[...]\n" + s[len(s)-most/2:]
}

// needRoot ends the test where namespaces cannot be made.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("needs root for PID namespaces")
	}
	t.Skip("NOT TESTED: needs root for PID namespaces (run the tests as root)")
}
