package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/supervisor/sockstat"
)

// hint says what an error of bind(2) means here, and who is in the way.
func hint(s Socket, err error) string {
	v6 := s.Address.Family == unix.AF_INET6
	switch {
	case errors.Is(err, unix.EADDRINUSE), errors.Is(err, errListening):
		if who := holders(listeners(s.Address)); len(who) > 0 {
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

// listeners are the inodes of the sockets that listen on a port, or at a path.
func listeners(a sockstat.Address) map[uint64]bool {
	var all []sockstat.Socket
	if a.Family == unix.AF_UNIX {
		text, _ := os.ReadFile("/proc/net/unix")
		all = sockstat.Unix(text)
	} else {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			tcp, _ := sockstat.TCP(family, a.Port)
			all = append(all, tcp...)
		}
	}
	found := map[uint64]bool{}
	for _, s := range all {
		if s.Listening && s.Local.Path == a.Path {
			found[s.Inode] = true
		}
	}
	return found
}

// mostNamed bounds a list of processes for people.
const mostNamed = 3

// holders names processes that have any of the sockets open, other than ourselves: "puma[57]".
func holders(inodes map[uint64]bool) []string {
	var named []string
	files, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, dir := range files {
		pid, err := strconv.Atoi(strings.Split(dir, "/")[2])
		if err != nil || pid == os.Getpid() || !hasAny(pid, inodes) {
			continue
		}
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if named = append(named, fmt.Sprintf("%s[%d]", strings.TrimSpace(string(comm)), pid)); len(named) == mostNamed {
			break
		}
	}
	return named
}

// hasAny says whether a process has any of the sockets open, as far as we may see.
func hasAny(pid int, inodes map[uint64]bool) bool {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		link, _ := os.Readlink(dir + e.Name())
		if inode, ok := sockstat.Inode(link); ok && inodes[inode] {
			return true
		}
	}
	return false
}
