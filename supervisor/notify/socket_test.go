package notify

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy.
const patience = 30 * time.Second

// roleEnv makes the test binary an app instead, which sends its arguments.
const roleEnv = "NOTIFY_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	var err error
	switch role {
	case "":
		os.Exit(m.Run())
	case "says":
		err = says(os.Args[1:])
	case "says from below":
		err = app("says", os.Args[1:]...).Run()
	case "sends descriptors":
		err = sendsDescriptors(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func app(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	return cmd
}

// says stays until its input ends: who is gone when it is heard cannot be told from anybody else.
func says(texts []string) error {
	err := send(os.Getenv("NOTIFY_SOCKET"), texts, nil)
	io.Copy(io.Discard, os.Stdin)
	return err
}

func send(to string, texts []string, control []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, text := range texts {
		if err := unix.Sendmsg(fd, []byte(text), control, &unix.SockaddrUnix{Name: to}, 0); err != nil {
			return err
		}
	}
	return nil
}

// sendsDescriptors sends as many as the kernel takes, all of them the write end of one pipe, and returns when nobody has
// one any more: what sd_notify_barrier(3) waits for.
func sendsDescriptors(text string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	const most = 253 // SCM_MAX_FD
	fds := make([]int, most)
	for i := range fds {
		fds[i] = int(w.Fd())
	}
	if err := send(os.Getenv("NOTIFY_SOCKET"), []string{text}, unix.UnixRights(fds...)); err != nil {
		return err
	}
	w.Close()
	_, err = io.ReadAll(r)
	return err
}

func open(t *testing.T) *Socket {
	t.Helper()
	s, err := Open([]string{t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Setenv("NOTIFY_SOCKET", s.Path)
	return s
}

// next gives the next message, which has to come.
func (s *Socket) next(t *testing.T) Message {
	t.Helper()
	if err := s.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	m, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEachMessageComesWithTheChildThatSentIt(t *testing.T) {
	s := open(t)
	for _, role := range []string{"says", "says from below"} {
		cmd := app(role, "READY=1", strings.Repeat("STATUS=too long\n", maxDatagram), "X_OTHER=1", "STOPPING=1")
		cmd.Stdin = nil
		stay, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []Message{{Ready: true}, {Stopping: true}} {
			got := s.next(t)
			if got.PID <= 0 || (got.PID == cmd.Process.Pid) != (role == "says") {
				t.Errorf("%s: got pid %d, the child is %d", role, got.PID, cmd.Process.Pid)
			}
			want.PID, want.Child = got.PID, cmd.Process.Pid
			if got != want {
				t.Errorf("%s: got %+v, want %+v", role, got, want)
			}
		}
		stay.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhoIsNoChildIsNobody(t *testing.T) {
	s := open(t)
	if err := send(s.Path, []string{"READY=1"}, nil); err != nil { // as ourselves
		t.Fatal(err)
	}
	if got, want := s.next(t), (Message{Ready: true, PID: os.Getpid()}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, pid := range []int{0, 1, os.Getppid()} {
		if got := s.child(pid); got != 0 {
			t.Errorf("pid %d: got the child %d, want none", pid, got)
		}
	}
}

func TestWithoutProcAChildItselfIsStillKnown(t *testing.T) {
	s := open(t)
	s.proc = t.TempDir()
	cmd := app("says", "READY=1")
	cmd.Stdin = nil // at its end
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got := s.next(t); got.Child != cmd.Process.Pid {
		t.Errorf("got %+v, want the child %d", got, cmd.Process.Pid)
	}
}

func TestAChainThatBreaksOrTurnsInACircleEnds(t *testing.T) {
	proc := t.TempDir()
	for pid, parent := range map[int]int{10: 11, 11: 10, 20: 21} {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		stat := fmt.Sprintf("%d (a) S %d %d%s", pid, parent, pid, strings.Repeat(" 1", 20))
		if err := os.WriteFile(dir+"/stat", []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &Socket{proc: proc, self: 5}
	for _, pid := range []int{10, 20} {
		if got := s.child(pid); got != 0 {
			t.Errorf("pid %d: got the child %d, want none", pid, got)
		}
	}
}

// A sender of BARRIER=1 waits until its descriptor is closed, and none that is sent along may stay with us.
func TestDescriptorsThatAreSentAlongAreClosedAtOnce(t *testing.T) {
	s := open(t)
	before := descriptors(t)
	cmd := app("sends descriptors", "BARRIER=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer over.Stop()
	heard := make(chan Message)
	go func() {
		m, _ := s.Next()
		heard <- m
	}()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the sender still waits: %v", err)
	}
	if err := app("sends descriptors", "READY=1").Run(); err != nil {
		t.Error(err)
	}
	select {
	case m := <-heard:
		if !m.Ready {
			t.Errorf("got %+v, want ready", m)
		}
	case <-time.After(patience):
		t.Fatal("heard nothing")
	}
	if after := descriptors(t); after != before {
		t.Errorf("got %d descriptors, want %d as before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestTheFirstDirectoryThatTakesItIsUsed(t *testing.T) {
	bad, good := filepath.Join(t.TempDir(), "missing"), t.TempDir()
	old := unix.Umask(0o077)
	s, err := Open([]string{bad, good})
	unix.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.Path)
	if err != nil || filepath.Dir(s.Path) != good || info.Mode() != os.ModeSocket|0o666 {
		t.Errorf("got %s, %v, %v, want a socket in %s that all may write to", s.Path, info, err, good)
	}
	s.Close()
	if _, err := os.Stat(s.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want its file gone", err)
	}
	if _, err := s.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
	if _, err := Open([]string{bad}); err == nil || !strings.Contains(err.Error(), bad+" (no such file or directory)") {
		t.Errorf("got %v, want why %s does not take it", err, bad)
	}
}

func TestCloseWakesWhoWaits(t *testing.T) {
	s := open(t)
	got := make(chan error)
	go func() {
		_, err := s.Next()
		got <- err
	}()
	s.Close()
	select {
	case err := <-got:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v, want %v", err, os.ErrClosed)
		}
	case <-time.After(patience):
		t.Fatal("it still waits")
	}
}
