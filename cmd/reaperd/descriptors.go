package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// inheritedDescriptors are those above 2 that whoever started us meant for the app. Go opens everything with
// close-on-exec, so what lacks it is not ours. Without /proc they stay open: no worse than any other init.
func inheritedDescriptors() []int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var inherited []int
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			inherited = append(inherited, fd)
		}
	}
	return inherited
}
