// Package sockstat reads what the kernel tells about sockets: which listen, which are connected, who holds them. It opens
// none but the one by which the kernel is asked, and decides nothing.
package sockstat

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Address is where a socket is bound: a port of an IP address (all zero: any), or the path of a unix socket.
type Address struct {
	Family uint8
	IP     [16]byte
	Port   uint16
	Path   string
}

// String is short, for people: ":3000", "/run/app.sock".
func (a Address) String() string {
	if a.Family == syscall.AF_UNIX {
		return a.Path
	}
	return ":" + strconv.Itoa(int(a.Port))
}

// Anywhere is the address of a listener on the same port of any IP address.
func (a Address) Anywhere() Address {
	a.IP = [16]byte{}
	return a
}

// Socket is one that listens or is connected.
type Socket struct {
	Local     Address
	Listening bool
	Inode     uint64 // 0: a connection that nobody has accepted yet
	Traffic   Traffic
}

// Traffic is what the kernel tells about a TCP connection.
type Traffic struct {
	Known                    bool // of a unix socket it tells nothing
	Unread, Unacked          bool // bytes that were not read, bytes that the far end has not got
	Received, Sent           bool // whether there was any data
	SinceReceived, SinceSent time.Duration
}

// Inode reads the link of a descriptor, "socket:[4711]".
func Inode(link string) (uint64, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	return inode, err == nil
}

// Unix reads /proc/net/unix: Num, RefCount, Protocol, Flags, Type, St, Inode, Path. An accepted socket shows the path
// of the one that listens; its client has none. See net/unix/af_unix.c of Linux.
func Unix(text []byte) []Socket {
	const listens, connected = 1 << 16, "03"
	var found []Socket
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
			found = append(found, Socket{Local: Address{Family: syscall.AF_UNIX, Path: rest}, Listening: listening, Inode: inode})
		}
	}
	return found
}
