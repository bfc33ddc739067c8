package integration

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// pty is a terminal whose keyboard the test is.
type pty struct {
	t             *testing.T
	fd            int // of master
	master, slave *os.File
	out           *output
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	needRoot(t)
	fd, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var unlock, number int32
	ioctl(t, fd, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	ioctl(t, fd, syscall.TIOCGPTN, unsafe.Pointer(&number))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{t: t, fd: fd, master: os.NewFile(uintptr(fd), "ptmx"), slave: slave, out: newOutput()}
	p.out.collect(p.master)
	p.out.eof = nil // a terminal has no end while we hold its slave
	t.Cleanup(func() { slave.Close() })
	return p
}

// types is somebody at the keyboard.
func (p *pty) types(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatalf("type %q: %v", keys, err)
	}
}

// foreground is the process group that the terminal's keys go to, as the host sees it.
func (p *pty) foreground() int {
	p.t.Helper()
	var pgrp int32
	ioctl(p.t, p.fd, syscall.TIOCGPGRP, unsafe.Pointer(&pgrp))
	return int(pgrp)
}

func ioctl(t *testing.T, fd int, request uintptr, arg unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		t.Fatalf("ioctl %#x: %v", request, errno)
	}
}
