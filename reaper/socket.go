package reaper

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a listening socket of ours that a child takes over by the protocol of sd_listen_fds(3).
type Socket struct {
	FD   int    // with close-on-exec: nobody else is to get it
	Name string // in LISTEN_FDNAMES; may be empty, never holds a colon
}

// FirstSocket is the descriptor of the first; the others follow. It is SD_LISTEN_FDS_START.
const FirstSocket = 3

// listenEnv describes the sockets to the app. The stage puts its pid in: only then is it known.
func listenEnv(env []string, sockets []Socket) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "LISTEN_PID" || name == "LISTEN_PIDFDID" || name == "LISTEN_FDS" || name == "LISTEN_FDNAMES"
	})
	env = append(env, "LISTEN_PID=", "LISTEN_FDS="+strconv.Itoa(len(sockets)))
	var names []string
	for _, s := range sockets {
		names = append(names, cmp.Or(s.Name, "unknown")) // as sd_listen_fds_with_names(3) calls it
	}
	return append(env, "LISTEN_FDNAMES="+strings.Join(names, ":"))
}

// handed lists the descriptors of the sockets, for the fork and for the stage.
func handed(sockets []Socket) (fds []int, list string) {
	for i, s := range sockets {
		if i > 0 {
			list += ","
		}
		fds, list = append(fds, s.FD), list+strconv.Itoa(s.FD)
	}
	return fds, list
}

// takeSockets puts the listed descriptors to FirstSocket and above. First everything leaves those numbers, for any of
// them may have one that another is to get; so may the pipe, whose new number is returned.
func takeSockets(list string, pipe int) (int, error) {
	if list == "" {
		return pipe, nil
	}
	fds := []int{pipe}
	for _, word := range strings.Split(list, ",") {
		fd, err := strconv.Atoi(word)
		if err != nil {
			return pipe, syscall.EINVAL
		}
		fds = append(fds, fd)
	}
	for i, fd := range fds {
		high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, FirstSocket+len(fds)-1)
		if err != nil {
			return fds[0], err
		}
		syscall.Close(fd)
		fds[i] = high
	}
	for i, fd := range fds[1:] {
		if err := syscall.Dup3(fd, FirstSocket+i, 0); err != nil {
			return fds[0], err
		}
	}
	return fds[0], nil
}
