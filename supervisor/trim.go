package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// trim lets go of the pages of our own binary, most of which only the start has needed: a sixth of what reaperd holds.
// They are clean, and what is needed after all is mapped again from the page cache; see madvise(2), MADV_DONTNEED.
func trim() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := syscall.Open("/proc/self/maps", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(maps)
	var buf [1024]byte // the binary comes first
	n, err := syscall.Read(maps, buf[:])
	if err != nil {
		return
	}
	for line := range bytes.Lines(buf[:n]) {
		// 00400000-00611000 r-xp 00000000 fe:00 10002594      /usr/local/bin/reaperd
		fields := bytes.Fields(line)
		if len(fields) != 6 || fields[1][1] == 'w' || string(fields[5]) != self {
			continue
		}
		from, to, _ := bytes.Cut(fields[0], []byte("-"))
		start, err := strconv.ParseUint(string(from), 16, 64)
		end, err2 := strconv.ParseUint(string(to), 16, 64)
		if err == nil && err2 == nil {
			syscall.Syscall(syscall.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
		}
	}
}
