package integration

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// lease holds up every exec of one file: the kernel makes whoever opens a file that somebody has a write lease on wait
// for the lease to be given up (up to /proc/sys/fs/lease-break-time).
type lease struct {
	t    *testing.T
	path string
	file *os.File
}

// holdExec writes an executable script that cannot be exec'd before release.
func holdExec(t *testing.T, script string) *lease {
	t.Helper()
	path := filepath.Join(t.TempDir(), "held")
	writeScript(t, path, script)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	l := &lease{t: t, path: path, file: f}
	l.fcntl(syscall.F_SETLEASE, syscall.F_WRLCK)
	return l
}

// await waits until somebody tries to open the file.
func (l *lease) await() {
	l.t.Helper()
	eventually(l.t, "the exec of "+l.path, func() bool {
		return l.fcntl(syscall.F_GETLEASE, 0) != syscall.F_WRLCK
	})
}

func (l *lease) release() {
	l.t.Helper()
	l.fcntl(syscall.F_SETLEASE, syscall.F_UNLCK)
}

func (l *lease) fcntl(command, arg int) int {
	l.t.Helper()
	got, _, errno := syscall.Syscall(syscall.SYS_FCNTL, l.file.Fd(), uintptr(command), uintptr(arg))
	if errno != 0 {
		l.t.Fatalf("lease on %s: %v", l.path, errno)
	}
	return int(got)
}

// writeScript writes an executable file as a whole: one that is still open for writing could not be exec'd.
func writeScript(t *testing.T, path, script string) {
	t.Helper()
	writeExecutable(t, path+".new", script, 0o755)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// writeExecutable writes a file while nobody forks: a child of another test would hold it open for writing until its own
// exec, and whoever executed it meanwhile would get ETXTBSY.
func writeExecutable(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
