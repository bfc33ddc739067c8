package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/reaper/procstat"
	"github.com/reaperd/reaperd/supervisor/sockstat"
)

// hint says what an error of bind(2) means here, and who is in the way.
func hint(s Socket, err error) string {
	v6 := s.Address.Family == unix.AF_INET6
	switch {
	case errors.Is(err, unix.EADDRINUSE), errors.Is(err, errListening):
		if who := holders(listeners(s.Address), nil); len(who) > 0 {
			return "by " + strings.Join(who, ", ")
		}
		return "by nobody who can be seen from here: another user's process, or another container's"
	case errors.Is(err, unix.EACCES) && s.Address.Port > 0 && s.Address.Port < 1024:
		return "a port below 1024 needs CAP_NET_BIND_SERVICE"
	case v6 && errors.Is(err, unix.EAFNOSUPPORT), v6 && s.Address == s.Address.Anywhere() && errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Sprintf("there is no IPv6 here: want tcp://0.0.0.0:%d", s.Address.Port)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "no interface here has that address"
	case s.Address.Path != "" && errors.Is(err, unix.ENOENT):
		return "there is no directory " + filepath.Dir(s.Address.Path)
	}
	return ""
}

// listeners are the inodes of the sockets that listen where they are in each other's way with an address.
func listeners(a sockstat.Address) map[uint64]sockstat.Address {
	found := map[uint64]sockstat.Address{}
	for _, s := range list(a) {
		if s.Listening && (s.Local == a || a.Path == "" && (a == a.Anywhere() || s.Local == s.Local.Anywhere())) {
			found[s.Inode] = s.Local
		}
	}
	return found
}

// list is what the kernel lists of an address: all unix sockets, or those of TCP with its port, or with 0 of any.
func list(a sockstat.Address) []sockstat.Socket {
	if a.Family == unix.AF_UNIX {
		text, _ := os.ReadFile("/proc/net/unix")
		return sockstat.Unix(text)
	}
	var all []sockstat.Socket
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		tcp, _ := sockstat.TCP(family, a.Port)
		all = append(all, tcp...)
	}
	return all
}

// mostNamed bounds a list of processes for people.
const mostNamed = 3

// holders names processes that have any of the sockets open, other than ourselves: "puma[57]". With a choice of
// processes it also says which socket: "puma[57] on :9292".
func holders(sockets map[uint64]sockstat.Address, choice func(pid int) bool) []string {
	var named []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if pid == os.Getpid() || len(named) == mostNamed || choice != nil && !choice(pid) {
			continue
		}
		inodes, _ := inodesOf(pid)
		i := slices.IndexFunc(inodes, func(inode uint64) bool { _, found := sockets[inode]; return found })
		if i < 0 {
			continue
		}
		comm, _ := os.ReadFile(dir + "/comm")
		name := fmt.Sprintf("%s[%d]", strings.TrimSpace(string(comm)), pid)
		if choice != nil {
			name += " on " + sockets[inodes[i]].String()
		}
		named = append(named, name)
	}
	return named
}

// below says whether a process descends from us.
func below(pid int) bool {
	for range 64 { // parents are read one after another: two could seem to be each other's
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		s, ok := procstat.Parse(text)
		if err != nil || !ok || s.PPID == 0 {
			return false
		}
		if pid = s.PPID; pid == os.Getpid() {
			return true
		}
	}
	return false
}

// inodesOf are those of the sockets that a process has open.
func inodesOf(pid int) ([]uint64, error) {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var inodes []uint64
	for _, e := range entries {
		link, err := os.Readlink(dir + e.Name())
		if errors.Is(err, os.ErrPermission) {
			return nil, err
		}
		if inode, ok := sockstat.Inode(link); ok {
			inodes = append(inodes, inode)
		}
	}
	return inodes, nil
}
