// Package servers runs reaperd's presets against the real servers they are for: Debian's packages, as PID 1 of a fresh
// PID namespace, under load. What a server does in flight is written to a journal by the app itself (../apps), so "no
// request and no job was lost" is the app's word and the client's together, not ours.
//
// REAPERD_TEST_BIN names another binary to test, REAPERD_LONG=1 asks for the full counts. The packages are listed in
// packages.txt. Namespaces need root: without it a test fails where CI is set and is skipped, loudly, elsewhere.
package servers

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy.
const patience = 90 * time.Second

// Where TestMain put the binaries.
var binaries struct{ reaperd, leaky, gowork, jvmwork string }

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel != nil && parallel.Value.String() == parallel.DefValue {
		parallel.Value.Set("5") // these tests mostly wait for other processes
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "reaperd-servers")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run these binaries
		return 0, err
	}
	b := &binaries
	b.reaperd, b.leaky, b.gowork, b.jvmwork = dir+"/reaperd", dir+"/leaky", dir+"/go-work", dir+"/jvm-work"
	programs := map[string]string{b.reaperd: "../../cmd/reaperd", b.leaky: "../apps/leaky", b.gowork: "../apps/go-work"}
	if other := os.Getenv("REAPERD_TEST_BIN"); other != "" {
		delete(programs, b.reaperd)
		if b.reaperd, err = filepath.EvalSymlinks(other); err != nil {
			return 0, err
		}
	}
	for to, pkg := range programs {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	if _, err := exec.LookPath("javac"); err == nil {
		if out, err := exec.Command("javac", "-d", b.jvmwork, "../apps/jvm-work/Work.java").CombinedOutput(); err != nil {
			return 0, fmt.Errorf("javac: %w\n%s", err, out)
		}
	}
	return m.Run(), nil
}

// long says whether the full counts were asked for.
func long() bool { return os.Getenv("REAPERD_LONG") == "1" }

// need ends the test where it cannot run: as a failure in CI, else as a loud skip.
func need(t *testing.T, programs ...string) {
	t.Helper()
	lacks := ""
	if os.Getuid() != 0 {
		lacks = "root, for PID namespaces"
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			lacks = p + " (see packages.txt)"
		}
	}
	switch {
	case lacks == "":
	case os.Getenv("CI") != "":
		t.Fatalf("needs %s", lacks)
	default:
		t.Skipf("NOT TESTED: needs %s", lacks)
	}
}

// world is what one test has for itself: a copy of a fixture as its directory, a loopback address and a journal.
type world struct {
	t       *testing.T
	dir     string
	address string // host:port
	journal string // a file that the app appends "begin ID" and "end ID" to
	up      string // what the server writes when it is fully up, if that is later than its first answer
	env     []string
}

// worlds numbers the worlds, so that each has a loopback address of its own: no two tests share a port, nor does a
// restarted server find its port taken by somebody's outgoing connection.
var worlds atomic.Uint32

func newWorld(t *testing.T, fixture string) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "world") // not t.TempDir: a path of a Unix socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { // servers drop root
		t.Fatal(err)
	}
	if fixture != "" {
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("../apps", fixture))); err != nil {
			t.Fatal(err)
		}
	}
	ip := make(net.IP, 4)
	binary.BigEndian.PutUint32(ip, 127<<24|uint32(os.Getpid()%0xffff)<<8|worlds.Add(1)%0xff+1)
	w := &world{t: t, dir: dir, address: ip.String() + ":8080", journal: filepath.Join(dir, "journal")}
	if err := os.WriteFile(w.journal, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.journal, 0o666); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir, "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
		"JOURNAL=" + w.journal, "ADDRESS=" + w.address, "DIRECTORY=" + dir, "FIXTURE=" + dir}
	return w
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// running is reaperd as PID 1 of a namespace, with what it and its app write.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *output
	done chan struct{} // closed when it has been waited for
}

// run starts reaperd with a configuration and a command.
func (w *world) run(config string, command ...string) *running {
	t := w.t
	t.Helper()
	w.write("reaperd.toml", config)
	cmd := exec.Command(binaries.leaky, append([]string{"launch", `{"Proc":true,"Keep":3}`,
		binaries.reaperd, "--config", filepath.Join(w.dir, "reaperd.toml"), "--"}, command...)...)
	cmd.Dir, cmd.Env = w.dir, w.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Setsid: true}
	r := &running{t: t, cmd: cmd, log: &output{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = r.log, r.log
	cmd.WaitDelay = patience // a descendant that outlived its namespace would hold the pipe: impossible, but bounded
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", command, err)
	}
	go func() {
		cmd.Wait()
		close(r.done)
	}()
	t.Cleanup(r.cleanup)
	return r
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// signal sends sig to reaperd from outside its namespace, as an engine does.
func (r *running) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(r.cmd.Process.Pid, sig); err != nil {
		r.t.Fatalf("send %v to reaperd: %v", sig, err)
	}
}

// wait gives the exit code, which has to come within the bound; an end by signal n is -n.
func (r *running) wait(within time.Duration) int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(within):
		r.t.Fatalf("still running after %v\nprocesses: %v", within, descendants(r.cmd.Process.Pid))
	}
	status := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

// endsGracefully fails the test unless the run ends with code and nothing had to be killed.
func (r *running) endsGracefully(code int) {
	r.t.Helper()
	if got := r.wait(patience); got != code {
		r.t.Errorf("exit code: got %d, want %d", got, code)
	}
	if r.log.count("escalated") > 0 {
		r.t.Error("escalated to SIGKILL, want a graceful end")
	}
}

// says waits until the log has at least n lines with text.
func (r *running) says(text string, n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%q in the log, %d times", text, n), func() bool {
		return r.log.count(text) >= n || r.ended()
	})
	if got := r.log.count(text); got < n {
		r.t.Fatalf("ended with %q in the log %d times, want %d", text, got, n)
	}
}

// cleanup ends everything: the end of a PID 1 is the end of its namespace.
func (r *running) cleanup() {
	if !r.ended() {
		syscall.Kill(r.cmd.Process.Pid, syscall.SIGKILL)
		<-r.done
	}
	if r.t.Failed() {
		r.t.Logf("log of reaperd and its app:\n%s", r.log.clipped())
	}
}

// helper starts a program beside the namespace that lives as long as the test: Redis, say.
func (w *world) helper(command ...string) {
	w.t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = w.dir, w.env
	if err := cmd.Start(); err != nil {
		w.t.Fatalf("start %v: %v", command, err)
	}
	w.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// do runs a program to its end and gives what it wrote.
func (w *world) do(command ...string) string {
	w.t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", command, err, out)
	}
	return string(out)
}

// output collects what a process writes, for polling.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) count(text string) int { return strings.Count(o.String(), text) }

func (o *output) clipped() string {
	s := o.String()
	const most = 12000
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "\n[...]\n" + s[len(s)-most/2:]
}

// eventually polls until claim is true.
func eventually(t *testing.T, what string, claim func() bool) {
	t.Helper()
	eventuallyWithin(t, patience, what, claim)
}

func eventuallyWithin(t *testing.T, bound time.Duration, what string, claim func() bool) {
	t.Helper()
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !claim() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited %v for %s", bound, what)
		}
	}
}
