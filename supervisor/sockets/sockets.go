// Package sockets holds listening sockets for the app: it binds them once and keeps them open while the app restarts, so
// that whoever connects meanwhile waits in the backlog. It never accepts, reads or writes; the app does, to which package
// reaper hands them over.
package sockets

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/supervisor/sockstat"
)

// Socket is one that is wanted.
type Socket struct {
	Address sockstat.Address // AF_INET, AF_INET6 or AF_UNIX
	Mode    uint32           // of a unix socket's file
	Backlog int              // 0: the longest that the kernel allows (net.core.somaxconn)
	Text    string           // as the user wrote it
}

// Held are sockets that listen.
type Held struct {
	sockets []held

	mu  sync.Mutex // a look must not meet another file under a number of ours
	fds []int      // nil: let go
}

type held struct {
	Socket
	inode uint64
	file  unix.Stat_t // of a unix socket: what was bound, whatever lies at its path by now
}

// BindError is why one of the sockets cannot be held.
type BindError struct {
	Index int // of the socket
	Text  string
	Err   error // may be nil
	Hint  string
}

func (e *BindError) Error() string {
	s := "cannot listen on " + e.Text
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap gives the error of the system.
func (e *BindError) Unwrap() error { return e.Err }

// Hold binds all sockets, or none. The error is a *BindError.
func Hold(wanted []Socket) (*Held, error) {
	h := &Held{}
	for i, s := range wanted {
		one, fd, err := hold(s)
		if err != nil {
			h.Remove()
			h.LetGo()
			return nil, &BindError{Index: i, Text: s.Text, Err: err, Hint: hint(s, err)}
		}
		h.sockets, h.fds = append(h.sockets, one), append(h.fds, fd)
	}
	return h, nil
}

// FDs are the descriptors in order, with close-on-exec.
func (h *Held) FDs() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.fds)
}

// LetGo closes our copies, for good: from then on whether anybody listens is the app's affair alone.
func (h *Held) LetGo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, fd := range h.fds {
		unix.Close(fd)
	}
	h.fds = nil
}

// Remove removes the files of unix sockets, unless somebody else has bound there since.
func (h *Held) Remove() {
	for _, s := range h.sockets {
		var now unix.Stat_t
		if s.Address.Family == unix.AF_UNIX && unix.Lstat(s.Address.Path, &now) == nil && now.Ino == s.file.Ino && now.Dev == s.file.Dev {
			unix.Unlink(s.Address.Path)
		}
	}
}

func hold(s Socket) (one held, fd int, err error) {
	fd, err = unix.Socket(int(s.Address.Family), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return held{}, -1, err
	}
	one, err = listen(fd, s)
	if err != nil {
		unix.Close(fd)
	}
	return one, fd, err
}

func listen(fd int, s Socket) (held, error) {
	bind := bindTCP
	if s.Address.Family == unix.AF_UNIX {
		bind = bindUnix
	}
	if err := bind(fd, s); err != nil {
		return held{}, err
	}
	backlog := s.Backlog
	if backlog == 0 {
		backlog = 1<<16 - 1 // the kernel takes what it allows
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return held{}, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return held{}, err
	}
	one := held{Socket: s, inode: stat.Ino}
	if s.Address.Family != unix.AF_UNIX {
		return one, nil
	}
	return one, unix.Lstat(s.Address.Path, &one.file)
}

func bindTCP(fd int, s Socket) error {
	a := s.Address
	// What an earlier reaperd's connections left in TIME_WAIT is no reason to refuse.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	// A connection is ready to be accepted when its first bytes are there, or after a second. Else a server that stops
	// cuts those that it has accepted and that have not said anything yet: under load Puma 5.6 loses one in most restarts.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1); err != nil {
		return err
	}
	if a.Family == unix.AF_INET {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(a.Port), Addr: [4]byte(a.IP[:4])})
	}
	if a == a.Anywhere() { // with IPv4, whatever net.ipv6.bindv6only says: that is what [::] means to Puma, gunicorn and node
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return err
		}
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(a.Port), Addr: a.IP})
}

var (
	errNoSocket  = errors.New("a file that is no socket is in the way")
	errListening = errors.New("somebody listens there already")
)

// bindUnix binds in the place of a file that was left behind, but not of one where somebody listens.
func bindUnix(fd int, s Socket) error {
	path := s.Address.Path
	bind := func() error {
		// The file has its mode from its first moment on. Nothing else makes files now.
		umask := unix.Umask(int(^s.Mode & 0o777))
		defer unix.Umask(umask)
		return unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	err := bind()
	if !errors.Is(err, unix.EADDRINUSE) {
		return err
	}
	var there unix.Stat_t
	if err := unix.Lstat(path, &there); err != nil {
		return err
	}
	if there.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return errNoSocket
	}
	if err := deserted(path); err != nil {
		return err
	}
	if err := unix.Unlink(path); err != nil {
		return fmt.Errorf("a socket that was left behind cannot be removed: %w", err)
	}
	return bind()
}

// deserted asks the only one who knows: a listener may be in another network namespace, whose sockets are not ours to
// list. One that is there sees a client that leaves at once.
func deserted(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return nil
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPROTOTYPE): // the backlog is full, another type
		return errListening
	}
	return fmt.Errorf("a socket is there, and whether somebody listens cannot be told: %w", err)
}
