package idle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Bounds of one look.
const (
	mostDescriptors = 65536
	mostSockets     = 65536
	mostUnix        = 1 << 20 // bytes of /proc/net/unix
)

// address is where a socket is bound: a port of an IP address (all zero: any), or the path of a unix socket.
type address struct {
	family uint8
	ip     [16]byte
	port   uint16
	path   string
}

func (a address) String() string {
	if a.family == syscall.AF_UNIX {
		return a.path
	}
	return ":" + strconv.Itoa(int(a.port))
}

// anywhere is the address of a listener on the same port of any IP address.
func (a address) anywhere() address {
	a.ip = [16]byte{}
	return a
}

// socket is one that listens or is connected.
type socket struct {
	local     address
	listening bool
	inode     uint64 // 0: a connection that nobody has accepted yet
	traffic   Connection
}

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
		r.listeners = make(map[address]bool)
	}
	for _, s := range sockets {
		if s.listening && owned[s.inode] {
			r.listeners[s.local] = true
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
		if s.listening || s.inode == 0 || complete && !owned[s.inode] {
			continue
		}
		if r.listeners[s.local] || r.listeners[s.local.anywhere()] {
			s.traffic.Listener = s.local.String()
			found = append(found, s.traffic)
		}
	}
	return found, nil
}

// sockets are those of our network namespace, which is nearly always the app's too; if not, none will be found to be its.
func (r *reader) sockets(main int) ([]socket, error) {
	var all []socket
	for _, family := range []uint8{syscall.AF_INET, syscall.AF_INET6} {
		tcp, err := dumpTCP(family)
		if err != nil {
			return nil, fmt.Errorf("TCP sockets cannot be listed: %w", err)
		}
		all = append(all, tcp...)
	}
	text, err := r.unix(main)
	if err != nil {
		return nil, fmt.Errorf("unix sockets cannot be listed: %w", err)
	}
	return append(all, parseUnix(text)...), nil
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
			if inode, ok := socketInode(link); ok {
				inodes[inode] = true
			}
		}
	}
	return inodes, complete, nil
}

// socketInode reads the link "socket:[4711]".
func socketInode(link string) (uint64, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	return inode, err == nil
}

// parseUnix reads /proc/net/unix: Num, RefCount, Protocol, Flags, Type, St, Inode, Path. An accepted socket shows the path
// of the one that listens; its client has none. See net/unix/af_unix.c of Linux.
func parseUnix(text []byte) []socket {
	const listens, connected = 1 << 16, "03"
	var found []socket
	for line := range bytes.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		var fields [6]string // RefCount to Inode; the kernel pads the inode with blanks
		for i := range fields {
			rest = strings.TrimLeft(rest, " ")
			fields[i], rest, _ = strings.Cut(rest, " ")
		}
		flags, err1 := strconv.ParseUint(fields[2], 16, 32)
		inode, err2 := strconv.ParseUint(fields[5], 10, 64)
		if err1 != nil || err2 != nil || rest == "" {
			continue // the heading, or a socket without a path
		}
		listening := flags&listens != 0
		if listening || fields[4] == connected {
			found = append(found, socket{local: address{family: syscall.AF_UNIX, path: rest}, listening: listening, inode: inode})
		}
	}
	return found
}
