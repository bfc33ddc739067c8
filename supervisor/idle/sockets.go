package idle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/reaperd/reaperd/supervisor/sockstat"
)

// Bounds of one look.
const (
	mostDescriptors = 65536
	mostUnix        = 1 << 20 // bytes of /proc/net/unix
)

var errHidden = errors.New("the app's descriptors cannot be read (needs the same user or CAP_SYS_PTRACE)")

// connections are those that came in where the app listens, or listened at an earlier look, and were accepted. What waits
// to be accepted is no work of this app: it is the next one's if the socket is held for it, and lost if not.
//
// Where a worker's descriptors may not be read (another user's, without CAP_SYS_PTRACE), all connections to the listening
// sockets of the others count, whoever has accepted them.
func (r *reader) connections(members []member, main int) ([]Connection, error) {
	// Sockets first: of a connection that is accepted in between, the descriptor must be seen.
	sockets, err := r.sockets(main)
	if err != nil {
		return nil, err
	}
	owned, complete, err := r.owned(members)
	if err != nil {
		return nil, err
	}
	if r.listeners == nil {
		r.listeners = make(map[sockstat.Address]bool)
	}
	for _, s := range sockets {
		if s.Listening && owned[s.Inode] {
			r.listeners[s.Local] = true
		}
	}
	switch {
	case len(r.listeners) == 0 && !complete:
		return nil, errHidden
	case len(r.listeners) == 0:
		return nil, errors.New("the app has not been seen to listen on any socket")
	}
	var found []Connection
	for _, s := range sockets {
		if s.Listening || s.Inode == 0 || complete && !owned[s.Inode] {
			continue
		}
		if r.listeners[s.Local] || r.listeners[s.Local.Anywhere()] {
			found = append(found, connection(s))
		}
	}
	return found, nil
}

func connection(s sockstat.Socket) Connection {
	t := s.Traffic
	return Connection{
		Listener: s.Local.String(), Traffic: t.Known, Unread: t.Unread, Unacked: t.Unacked,
		Received: t.Received, Sent: t.Sent, SinceReceived: t.SinceReceived, SinceSent: t.SinceSent,
	}
}

// sockets are those of our network namespace, which is nearly always the app's too; if not, none will be found to be its.
func (r *reader) sockets(main int) ([]sockstat.Socket, error) {
	var all []sockstat.Socket
	for _, family := range []uint8{syscall.AF_INET, syscall.AF_INET6} {
		tcp, err := sockstat.TCP(family, 0)
		if err != nil {
			return nil, fmt.Errorf("TCP sockets cannot be listed: %w", err)
		}
		all = append(all, tcp...)
	}
	text, err := r.unix(main)
	if err != nil {
		return nil, fmt.Errorf("unix sockets cannot be listed: %w", err)
	}
	return append(all, sockstat.Unix(text)...), nil
}

// unix is the text of the list of unix sockets: short in a container, long on a desktop.
func (r *reader) unix(main int) ([]byte, error) {
	path := filepath.Join(r.proc, strconv.Itoa(main), "net/unix")
	for size := 16 << 10; size <= mostUnix; size *= 8 {
		text, err := read(path, make([]byte, size))
		if err != nil || len(text) < size {
			return text, err
		}
	}
	return nil, errors.New("too many")
}

// owned are the inodes of the sockets that the processes hold. It is not complete if some may not be looked into.
func (r *reader) owned(members []member) (inodes map[uint64]bool, complete bool, err error) {
	inodes, complete = make(map[uint64]bool), true
	left := mostDescriptors
	for _, m := range members {
		dir := filepath.Join(r.proc, strconv.Itoa(m.PID), "fd")
		list, err := names(dir, left)
		switch {
		case gone(err):
			continue
		case errors.Is(err, os.ErrPermission):
			complete = false
			continue
		case err != nil:
			return nil, false, fmt.Errorf("descriptors cannot be listed: %w", err)
		}
		left -= len(list)
		for _, fd := range list {
			link, err := os.Readlink(filepath.Join(dir, fd))
			if errors.Is(err, os.ErrPermission) {
				complete = false
				break
			}
			if inode, ok := sockstat.Inode(link); ok {
				inodes[inode] = true
			}
		}
	}
	return inodes, complete, nil
}
