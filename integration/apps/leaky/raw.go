package main

import (
	"syscall"
	"unsafe"
)

// The functions of this file fork without exec. A Go program may do that only if the child makes raw system calls and
// nothing else: it has one thread and no runtime. They are nosplit for that reason; and they make a child in about
// 0.1 ms, where starting a copy of this binary takes 3.

// forkZombie makes a child that exits at once. It is the caller's zombie until somebody waits for it.
//
//go:nosplit
func forkZombie() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// forkOrphan makes a grandchild whose parent is gone, and returns that parent, which has to be waited for. The
// grandchild lives until the last write end of the pipe r, w is closed.
//
//go:nosplit
func forkOrphan(r, w uintptr) (middle uintptr, errno syscall.Errno) {
	maskTerm(blockSignals)
	middle, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if middle != 0 || errno != 0 {
		maskTerm(unblockSignals)
		return middle, errno
	}
	leaf, _, failed := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if leaf == 0 && failed == 0 {
		var b [1]byte
		defaultTerm()
		syscall.RawSyscall(syscall.SYS_CLOSE, w, 0, 0)
		syscall.RawSyscall(syscall.SYS_READ, r, uintptr(unsafe.Pointer(&b[0])), 1)
	}
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(failed), 0, 0)
	}
}

// forkComet makes a process that for ever forks and exits, so that its pid is always a new one: whoever wants to kill
// it must be quicker than it. It burns out after seconds by itself.
//
//go:nosplit
func forkComet(seconds int64) (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	var now, end syscall.Timespec
	const monotonic = 1
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&end)), 0)
	for {
		syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0)
		next, _, _ := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if next != 0 || now.Sec >= end.Sec+seconds {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
}

// forkSleeper makes a child that does nothing until TERM.
//
//go:nosplit
func forkSleeper() (pid uintptr, errno syscall.Errno) {
	maskTerm(blockSignals)
	pid, _, errno = syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		maskTerm(unblockSignals)
		return pid, errno
	}
	hour := syscall.Timespec{Sec: 3600}
	defaultTerm()
	for {
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&hour)), 0, 0)
	}
}

// defaultTerm lets a raw child die of TERM: Go's handler, which it inherits, would queue it for a runtime that is gone.
// That is why TERM is blocked from before the fork, and the goroutine locked to its thread.
//
//go:nosplit
func defaultTerm() {
	var action [4]uintptr
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGTERM), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	maskTerm(unblockSignals)
}

const blockSignals, unblockSignals = 0, 1 // SIG_BLOCK, SIG_UNBLOCK

//go:nosplit
func maskTerm(how uintptr) {
	term := uint64(1) << (syscall.SIGTERM - 1)
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, how, uintptr(unsafe.Pointer(&term)), 0, 8, 0, 0)
}

// disposition sets what the kernel does on a signal, behind the back of the Go runtime: 0 is the default, 1 is ignore.
func disposition(sig int, to uintptr) error {
	action := [4]uintptr{0: to} // handler first, on amd64 and arm64
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// block makes mask the set of blocked signals of this thread.
func block(signals []int) error {
	var mask uint64
	for _, s := range signals {
		mask |= 1 << (s - 1)
	}
	const setMask = 2
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func prctl(option, arg uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, arg, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
