package sampler

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of packages os and syscall take paths as strings and allocate for each; these take bytes that end in NUL.

// openAt opens a path below a directory; readOnly or pathOnly.
func openAt(dir int, path []byte, flags int) (int, error) {
	for {
		fd, _, errno := syscall.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])), uintptr(flags), 0, 0, 0)
		if errno == 0 {
			return int(fd), nil
		}
		if errno != syscall.EINTR {
			return -1, errno
		}
	}
}

const (
	readOnly = unix.O_RDONLY | unix.O_CLOEXEC
	pathOnly = unix.O_PATH | unix.O_CLOEXEC // without the right to read, and without the kernel's buffers
	listing  = readOnly | unix.O_DIRECTORY
)

// readAt reads an open file of /proc or a cgroup from its beginning, which makes the kernel write it anew. Such a file
// comes whole in one call if buf is large enough.
func readAt(fd int, buf []byte) ([]byte, error) {
	for {
		n, err := syscall.Pread(fd, buf, 0)
		if err == nil {
			return buf[:n], nil
		}
		if err != syscall.EINTR {
			return nil, err
		}
	}
}

// The calls made at every look never wait, so that the Go scheduler need not know of them: telling it would cost an eighth
// of a look, and wake its monitor, a thread of its own, which costs an idle app more than the look.

func readNow(fd int, buf []byte) ([]byte, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return buf[:n], nil
}

func statNow(fd int32, st *syscall.Stat_t) error {
	if _, _, errno := syscall.RawSyscall(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(st)), 0); errno != 0 {
		return errno
	}
	return nil
}

// readOnce opens, reads and closes a file.
func readOnce(dir int, path, buf []byte) ([]byte, error) {
	fd, err := openAt(dir, path, readOnly)
	if err != nil {
		return nil, err
	}
	text, err := readAt(fd, buf)
	syscall.Close(fd)
	return text, err
}

// sizeAt gives st_size.
func sizeAt(dir int, path []byte, st *unix.Statx_t) (uint64, error) {
	_, _, errno := syscall.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&path[0])), 0, unix.STATX_SIZE, uintptr(unsafe.Pointer(st)), 0)
	if errno != 0 {
		return 0, errno
	}
	return st.Size, nil
}

// eachName calls f with every name of an open directory, until f says that it has enough.
func eachName(dir int, buf []byte, f func(name []byte) bool) error {
	for {
		n, err := syscall.ReadDirent(dir, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		// struct linux_dirent64: inode and offset of 8 bytes each, length of 2, type of 1, name.
		for rest := buf[:n]; len(rest) > 19; {
			length := int(uint16(rest[16]) | uint16(rest[17])<<8)
			if length < 20 || length > len(rest) {
				return nil
			}
			name := rest[19:length]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			if !f(name) {
				return nil
			}
			rest = rest[length:]
		}
	}
}

// digits gives the number that a name of /proc is, and 0 for a name that is none.
func digits(name []byte) (n int) {
	if len(name) == 0 || len(name) > 10 || name[0] == '0' {
		return 0
	}
	for _, c := range name {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// below writes "PID/rest"; rest ends in NUL.
func (p *pathBuffer) below(pid int, rest string) []byte {
	return append(strconv.AppendInt(p[:0], int64(pid), 10), rest...)
}

// pathBuffer is room for a path below /proc.
type pathBuffer [64]byte

// file is a file that is read at every look. It stays open, for pread costs a quarter of open, read and close.
type file struct {
	name  string // empty: there is no such file
	open  bool
	quick bool // it is the kernel's own, not one of lxcfs or another server that may hang
	fd    int
}

func keep(name string) file { return file{name: name} }

// keepIfThere is keep of a file that some kernels do not have.
func keepIfThere(name string) file {
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		name = ""
	}
	return keep(name)
}

func (f *file) read(buf []byte) ([]byte, error) {
	if f.name == "" {
		return nil, syscall.ENOENT
	}
	if !f.open {
		fd, err := syscall.Open(f.name, readOnly, 0)
		if err != nil {
			return nil, err
		}
		f.fd, f.open, f.quick = fd, true, ofKernel(fd)
	}
	read := readAt
	if f.quick {
		read = readNow
	}
	text, err := read(f.fd, buf)
	if err != nil {
		f.close()
	}
	return text, err
}

// ofKernel says whether a file is one of proc or of cgroups.
func ofKernel(fd int) bool {
	var fs syscall.Statfs_t
	if syscall.Fstatfs(fd, &fs) != nil {
		return false
	}
	return fs.Type == unix.PROC_SUPER_MAGIC || fs.Type == unix.CGROUP_SUPER_MAGIC || fs.Type == unix.CGROUP2_SUPER_MAGIC
}

func (f *file) close() {
	if f.open {
		syscall.Close(f.fd)
		f.open = false
	}
}
