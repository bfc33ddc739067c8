// Package notify is the socket on which the app tells how it is: sd_notify(3), which Puma, Sidekiq, gunicorn and others
// speak. It receives and says who sent; what a message means is not decided here.
//
// The socket has a path and no abstract name: Ruby's libraries (Sidekiq's own, and the sd_notify gem that Puma uses)
// know only paths. Its file is open to all, for the app may have dropped its user, so whoever finds it may send, and the
// credentials that the kernel adds to each message tell who it was.
package notify

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dirs is where the file of the socket may be, best first. A container with a read-only root has /dev/shm, which any
// user may write to.
var Dirs = []string{"/run", "/dev/shm", "/tmp"}

// maxDatagram is systemd's own bound (NOTIFY_BUFFER_MAX, which is PIPE_BUF). A longer one is passed over.
const maxDatagram = 4096

// Socket is an open socket and its file.
type Socket struct {
	Path string // what NOTIFY_SOCKET must say

	file *os.File
	raw  syscall.RawConn
	proc string
	self int

	buffer  [maxDatagram]byte
	control []byte
}

// Open makes the socket in the first of the directories that takes it. Call it before the app starts.
func Open(dirs []string) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s := &Socket{proc: "/proc", self: os.Getpid()}
	// Room for the credentials alone. What else the app sends along, descriptors above all, the kernel then drops: none
	// ever comes to us, none can leak. The one of BARRIER=1, whose end its sender waits for, ends so in its turn, when
	// all that came before it has been dealt with.
	s.control = make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	s.file = os.NewFile(uintptr(fd), "notify socket") // non-blocking: whoever waits for it holds no thread
	if s.raw, err = s.file.SyscallConn(); err == nil {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err == nil {
			s.Path, err = bind(fd, dirs)
		}
	}
	if err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

// bind gives the socket a name that nobody can have taken before, in one of the directories.
func bind(fd int, dirs []string) (path string, err error) {
	name := fmt.Sprintf("/reaperd-%d-%016x.sock", os.Getpid(), rand.Uint64())
	var failed []string
	for _, dir := range dirs {
		path := dir + name
		if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
			if err = unix.Chmod(path, 0o666); err == nil { // past the umask
				return path, nil
			}
			os.Remove(path)
			return "", fmt.Errorf("chmod %s: %w", path, err)
		}
		failed = append(failed, fmt.Sprintf("%s (%v)", dir, err))
	}
	return "", fmt.Errorf("no directory takes a socket: %s", strings.Join(failed, ", "))
}

// Relay passes on what the service manager above us, whose socket to names, waits for. A message that it does not take is
// lost: nothing here may wait.
func (s *Socket) Relay(to string, m Message) {
	text := m.above()
	if text == "" {
		return
	}
	s.raw.Control(func(fd uintptr) {
		unix.Sendto(int(fd), []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: to})
	})
}

// Close closes the socket and removes its file. A Next that waits returns os.ErrClosed.
func (s *Socket) Close() {
	s.file.Close()
	os.Remove(s.Path)
}

// Next waits for the next message. After an error other than os.ErrClosed it can be called again. One goroutine may call
// it.
func (s *Socket) Next() (Message, error) {
	for {
		n, pid, err := s.receive()
		if err != nil {
			return Message{}, err
		}
		if n < 0 {
			continue
		}
		m := parse(string(s.buffer[:n]))
		if m == (Message{}) {
			continue
		}
		m.PID, m.Child = pid, s.child(pid)
		return m, nil
	}
}

// receive waits for one datagram and gives its length, negative if it is not worth reading, and its sender.
func (s *Socket) receive() (length, pid int, err error) {
	var control, flags int
	waitErr := s.raw.Read(func(fd uintptr) bool {
		for {
			length, control, flags, _, err = unix.Recvmsg(int(fd), s.buffer[:], s.control, unix.MSG_CMSG_CLOEXEC)
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	switch {
	case waitErr != nil:
		return 0, 0, os.ErrClosed // nothing else ends the waiting
	case err != nil:
		return 0, 0, fmt.Errorf("recvmsg: %w", err)
	case flags&unix.MSG_TRUNC != 0:
		return -1, 0, nil
	}
	return length, sender(s.control[:control]), nil
}

// sender is the pid in the credentials, as our PID namespace knows it; 0 if it does not.
func sender(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for i := range messages {
		if c, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return int(c.Pid)
		}
	}
	return 0
}
