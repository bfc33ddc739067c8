package reaper

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// listening gives n sockets that listen, each with the number of its inode, which their copies share.
func listening(t *testing.T, n int) (sockets []Socket, inodes []string) {
	t.Helper()
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		fd := int(file.Fd())
		link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			t.Fatal(err)
		}
		sockets, inodes = append(sockets, Socket{FD: fd, Name: fmt.Sprintf("s%d", i)}), append(inodes, link)
	}
	return sockets, inodes
}

// seen is what a child says of itself: its variables that begin with LISTEN_ and its descriptors above 2.
func seen(t *testing.T, r *sweeper, c Command) (env, fds []string, pid int) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "seen")
	c.Argv = []string{"/bin/sh", "-c", `{ env | grep ^LISTEN_; for f in /proc/$$/fd/*; do echo "${f##*/} $(readlink "$f")"; done | grep socket:; } > ` + out}
	c.Env = append(c.Env, "PATH="+os.Getenv("PATH"))
	child, err := r.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer child.Release()
	wait(t, child)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "LISTEN_") {
			env = append(env, line)
		} else if line != "" {
			fds = append(fds, line)
		}
	}
	slices.Sort(env)
	return env, fds, child.PID
}

func TestSocketsAreHandedOverFromDescriptor3On(t *testing.T) {
	r := sweeping(t)
	sockets, inodes := listening(t, 3)
	slices.Reverse(sockets) // the last one has a lower number than it is to get in the child: none may be trodden on
	slices.Reverse(inodes)
	sockets[1].Name = ""
	for range 2 { // a second start gets the same
		env, fds, pid := seen(t, r, Command{Sockets: sockets, Env: []string{"LISTEN_PID=1", "LISTEN_FDS=7", "LISTEN_FDNAMES=x"}})
		wantEnv := []string{"LISTEN_FDNAMES=s2:unknown:s0", "LISTEN_FDS=3", fmt.Sprintf("LISTEN_PID=%d", pid)}
		if !slices.Equal(env, wantEnv) {
			t.Errorf("got %q, want %q", env, wantEnv)
		}
		wantFDs := []string{"3 " + inodes[0], "4 " + inodes[1], "5 " + inodes[2]}
		if !slices.Equal(fds, wantFDs) {
			t.Errorf("got %q, want %q and no other socket", fds, wantFDs)
		}
	}
	// Nobody else gets them, nor their names.
	for _, helper := range []bool{false, true} {
		if env, fds, _ := seen(t, r, Command{Helper: helper}); len(env)+len(fds) > 0 {
			t.Errorf("helper %v: got %q and %q, want nothing", helper, env, fds)
		}
	}
}

func TestSocketsStayOursToGiveAgain(t *testing.T) {
	sockets, _ := listening(t, 2)
	before := descriptors(t)
	r := sweeping(t)
	seen(t, r, Command{Sockets: sockets})
	for _, s := range sockets {
		if flags, err := unix.FcntlInt(uintptr(s.FD), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d: got flags %d and %v, want it open and close-on-exec", s.FD, flags, err)
		}
	}
	if after := descriptors(t); strings.Count(after, "socket:") != strings.Count(before, "socket:") {
		t.Errorf("got %s, want the sockets of before, %s", after, before)
	}
}

func TestASocketThatIsNotOpenFailsTheStart(t *testing.T) {
	_, err := sweeping(t).Start(Command{Argv: []string{"true"}, Env: os.Environ(), Sockets: []Socket{{FD: 1 << 15}}})
	if err == nil || !strings.Contains(err.Error(), syscall.EBADF.Error()) {
		t.Errorf("got %v, want %v", err, syscall.EBADF)
	}
}

// The stage moves sockets, and treads on nothing that was inherited above them.
func TestInheritedDescriptorsBesideSockets(t *testing.T) {
	r := sweeping(t)
	sockets, inodes := listening(t, 2)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	inherited, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	out := filepath.Join(t.TempDir(), "fds")
	child, err := r.Start(Command{Argv: []string{"/bin/sh", "-c", fmt.Sprintf(`for n in 3 4 %d; do readlink /proc/$$/fd/$n; done > %s`, inherited, out)},
		Env: os.Environ(), Sockets: sockets})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Release()
	wait(t, child)
	text, _ := os.ReadFile(out)
	if got, want := string(text), inodes[0]+"\n"+inodes[1]+"\n/dev/null\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
