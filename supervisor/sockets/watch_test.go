package sockets

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched is one incarnation's watch with a clock of its own. The app is a process that has the sockets open or not.
type watched struct {
	t    *testing.T
	held *Held
	main int
	look func(time.Time) ([][]any, time.Duration)
	now  time.Time
}

func watching(t *testing.T, has bool, wanted ...Socket) *watched {
	t.Helper()
	h, err := Hold(wanted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Remove)
	t.Cleanup(h.LetGo)
	app := exec.Command("sleep", "1000")
	for _, fd := range h.FDs() {
		if has {
			app.ExtraFiles = append(app.ExtraFiles, copyOf(t, fd))
		}
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		app.Process.Kill()
		app.Wait()
	})
	return &watched{t, h, app.Process.Pid, h.Watch(app.Process.Pid), time.Now()}
}

// copyOf is a descriptor that can be closed.
func copyOf(t *testing.T, fd int) *os.File {
	t.Helper()
	other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(other), "held")
	t.Cleanup(func() { file.Close() })
	return file
}

// looks looks as often as it is asked to, for a while, and gives the stories and the time to the next look.
func (w *watched) looks(d time.Duration) (stories [][]any, next time.Duration) {
	for until := w.now.Add(d); ; w.now = w.now.Add(next) {
		var told [][]any
		told, next = w.look(w.now)
		if stories = append(stories, told...); next == 0 || w.now.Add(next).After(until) {
			return stories, next
		}
	}
}

func connect(t *testing.T, s Socket) net.Conn {
	t.Helper()
	network, address := "unix", s.Address.Path
	if address == "" {
		network, address = "tcp", s.Text[len("tcp://"):]
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintln(conn, "hello") // until then a connection by TCP is not there for the app
	return conn
}

// accept accepts one connection from a held socket, as the app would.
func (w *watched) accept(i int) {
	w.t.Helper()
	l, err := net.FileListener(copyOf(w.t, w.held.FDs()[i]))
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close(); l.Close() })
}

func ofBothKinds(t *testing.T) []Socket {
	return []Socket{tcp(own(4)), atPath(filepath.Join(t.TempDir(), "app.sock"), 0o600)}
}

func TestNobodyWaitsAndLooksBecomeSeldom(t *testing.T) {
	w := watching(t, true, ofBothKinds(t)...)
	if stories, next := w.looks(time.Hour); len(stories) != 0 || next != seldom {
		t.Errorf("got %v and the next look in %v, want nothing and %v", stories, next, seldom)
	}
}

func TestAnAppThatHasClosedItsSocketIsToldOfAtOnce(t *testing.T) {
	s := ofBothKinds(t)
	w := watching(t, false, s...)
	stories, next := w.look(w.now)
	want := [][]any{
		{"socket", s[0].Text, "why", "it has closed it", "listen_pid", w.main},
		{"socket", s[1].Text, "why", "it has closed it", "listen_pid", w.main},
	}
	if fmt.Sprint(stories) != fmt.Sprint(want) || next != 0 {
		t.Errorf("got %v and %v, want %v and no other look", stories, next, want)
	}
}

func TestClientsThatNobodyAcceptsAreToldOfOnce(t *testing.T) {
	s := ofBothKinds(t)
	w := watching(t, true, s...)
	connect(t, s[0])
	connect(t, s[1])
	if stories, next := w.looks(unserved - time.Second); len(stories) != 0 || next != soon {
		t.Errorf("got %v and the next look in %v, want patience", stories, next)
	}
	stories, next := w.looks(time.Hour)
	if len(stories) != 2 || next != 0 || !slices.Contains(stories[0], any("no connection was accepted")) {
		t.Errorf("got %v and %v, want one story a socket", stories, next)
	}
}

func TestABusyAppServesItsSockets(t *testing.T) {
	s := append(ofBothKinds(t), tcp(fmt.Sprintf("[::]:%d", port())))
	w := watching(t, true, s...)
	for i := range s {
		if s[i].Address.Port == uint16(port()) {
			s[i].Text = fmt.Sprintf("tcp://127.0.0.1:%d", port()) // IPv4 on an IPv6 socket
		}
		connect(t, s[i])
		connect(t, s[i])
		w.accept(i) // one of the two
	}
	if stories, next := w.looks(time.Hour); len(stories) != 0 || next != 0 {
		t.Errorf("got %v and %v, want nothing, for good", stories, next)
	}
}

func TestClientsThatWaitForAWhileAreNoStory(t *testing.T) {
	s := ofBothKinds(t)[:1]
	w := watching(t, true, s...)
	for range 3 {
		conn := connect(t, s[0])
		w.looks(unserved / 2)
		w.accept(0)
		conn.Close()
	}
	if stories, _ := w.looks(time.Hour); len(stories) != 0 {
		t.Errorf("got %v, want nothing", stories)
	}
}

func TestWhoListensInsteadIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", own(5))
	if err != nil {
		t.Fatal(err)
	}
	file, _ := l.(*net.TCPListener).File()
	other := exec.Command("sleep", "1000")
	other.ExtraFiles = []*os.File{file}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	file.Close()
	l.Close()
	w := watching(t, false, ofBothKinds(t)[:1]...)
	stories, _ := w.look(w.now)
	if want := fmt.Sprintf("sleep[%d] on :3001", other.Process.Pid); len(stories) != 1 || !slices.Contains(stories[0], any(want)) {
		t.Errorf("got %v, want %q", stories, want)
	}
}

func TestSocketsThatWereLetGoAreNoStory(t *testing.T) {
	s := ofBothKinds(t)
	w := watching(t, true, s...)
	connect(t, s[0])
	w.held.LetGo()
	if stories, _ := w.looks(time.Hour); len(stories) != 0 {
		t.Errorf("got %v, want nothing", stories)
	}
}
