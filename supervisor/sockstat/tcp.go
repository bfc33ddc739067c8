package sockstat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// The kernel's own list of TCP sockets, asked for by netlink: what ss(8) shows. /proc/net/tcp would not do, for it does
// not tell when a connection was last used, and so not a kept-alive one from one whose answer is being made. A netlink
// socket reaches the kernel and nobody else, and needs no privilege; see sock_diag(7).

// Numbers of include/uapi/linux/{netlink,sock_diag,inet_diag,tcp_states}.h.
const (
	netlinkSockDiag  = 4
	sockDiagByFamily = 20
	inetDiagInfo     = 2
	tcpEstablished   = 1
	tcpCloseWait     = 8
	tcpListen        = 10

	requestSize = syscall.SizeofNlMsghdr + 8 + 48 // inet_diag_req_v2 with an inet_diag_sockid
	messageSize = 72                              // inet_diag_msg
)

var native = binary.NativeEndian

// mostSockets bounds one listing.
const mostSockets = 65536

// TCP lists the sockets of our network namespace that listen, are connected, or whose client has sent its last; those of
// one local port, or with 0 of all.
func TCP(family uint8, port uint16) ([]Socket, error) {
	// Not blocking: what the kernel has to say is there at once.
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, netlinkSockDiag)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	if err := syscall.Sendto(fd, request(family, port), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return nil, err
	}
	var found []Socket
	buf := make([]byte, 64<<10)
	for {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch m.Header.Type {
			case syscall.NLMSG_DONE, syscall.NLMSG_ERROR: // both begin with 0 or a negative error number
				if len(m.Data) >= 4 && native.Uint32(m.Data) != 0 {
					return nil, syscall.Errno(-int32(native.Uint32(m.Data)))
				}
				return found, nil
			case sockDiagByFamily:
				s, ok := parseDiag(m.Data)
				if !ok {
					return nil, errors.New("unexpected format")
				}
				found = append(found, s)
			}
		}
		if len(found) > mostSockets {
			return nil, fmt.Errorf("more than %d", mostSockets)
		}
	}
}

func request(family uint8, port uint16) []byte {
	b := make([]byte, requestSize)
	native.PutUint32(b[0:], requestSize)
	native.PutUint16(b[4:], sockDiagByFamily)
	native.PutUint16(b[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	b[16], b[17], b[18] = family, syscall.IPPROTO_TCP, 1<<(inetDiagInfo-1)
	native.PutUint32(b[20:], 1<<tcpEstablished|1<<tcpCloseWait|1<<tcpListen)
	binary.BigEndian.PutUint16(b[24:], port) // of inet_diag_sockid
	return b
}

// parseDiag reads an inet_diag_msg and the tcp_info that follows it.
func parseDiag(b []byte) (s Socket, ok bool) {
	if len(b) < messageSize {
		return Socket{}, false
	}
	s.Local.Family = b[0]
	s.Local.Port = binary.BigEndian.Uint16(b[4:])
	copy(s.Local.IP[:], b[8:24])
	s.Listening = b[1] == tcpListen
	s.Inode = uint64(native.Uint32(b[68:]))
	if s.Listening {
		return s, true
	}
	info := attribute(b[messageSize:], inetDiagInfo)
	const lastSent, lastReceived, segmentsIn, segmentsOut, end = 44, 52, 152, 156, 160 // of tcp_info, Linux 4.6
	if len(info) < end {
		return s, true
	}
	s.Traffic = Traffic{
		Known:         true,
		Unread:        native.Uint32(b[56:]) > 0,
		Unacked:       native.Uint32(b[60:]) > 0,
		Received:      native.Uint32(info[segmentsIn:]) > 0,
		Sent:          native.Uint32(info[segmentsOut:]) > 0,
		SinceReceived: time.Duration(native.Uint32(info[lastReceived:])) * time.Millisecond,
		SinceSent:     time.Duration(native.Uint32(info[lastSent:])) * time.Millisecond,
	}
	return s, true
}

// attribute finds one of a netlink message's attributes: length, type, value, each filled up to 4 bytes.
func attribute(b []byte, kind uint16) []byte {
	for len(b) >= 4 {
		size := int(native.Uint16(b))
		if size < 4 || size > len(b) {
			return nil
		}
		if native.Uint16(b[2:]) == kind {
			return b[4:size]
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}
