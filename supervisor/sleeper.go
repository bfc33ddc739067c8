package supervisor

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sleeper is how one goroutine sleeps.
type sleeper interface {
	sleep(time.Duration) // ends early if wake is called, or was since the last sleep
	wake()               // by anybody, at any time; never blocks
}

// newSleeper gives one that sleeps on a timer of the kernel, which the epoll of the Go runtime waits for: it wakes one
// thread, once. A timer of Go's wakes two or three, and one of them, sysmon, then looks every 70 µs whether what was woken
// still runs: three times the CPU.
func newSleeper() sleeper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return newPlainSleeper()
	}
	s := &timerSleeper{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}
	s.ticked = s.tick
	if s.conn, err = s.file.SyscallConn(); err != nil || s.file.SetReadDeadline(time.Time{}) != nil { // no epoll has it
		s.file.Close()
		return newPlainSleeper()
	}
	return s
}

// timerSleeper sleeps on a timerfd.
type timerSleeper struct {
	fd     int
	file   *os.File // keeps it open
	conn   syscall.RawConn
	ticked func(fd uintptr) bool // tick, made once: a sleep allocates nothing
	ticks  [8]byte
	woken  atomic.Bool
}

func (s *timerSleeper) sleep(d time.Duration) {
	s.set(d)
	if !s.woken.Load() && s.conn.Read(s.ticked) != nil { // a wake from now on sets the timer after us
		time.Sleep(d)
	}
	s.woken.Store(false)
}

// tick says whether the timer has run out since it was set. The call never waits, and the scheduler is not told of it:
// telling it would wake sysmon.
func (s *timerSleeper) tick(fd uintptr) bool {
	_, _, errno := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&s.ticks)), unsafe.Sizeof(s.ticks))
	return errno != unix.EAGAIN
}

func (s *timerSleeper) wake() {
	s.woken.Store(true)
	s.set(0)
}

func (s *timerSleeper) set(d time.Duration) {
	next := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))} // 0 would stop it
	unix.TimerfdSettime(s.fd, 0, &next, nil)
}

// plainSleeper sleeps on a timer of Go's.
type plainSleeper struct {
	timer *time.Timer
	woken chan struct{}
}

func newPlainSleeper() *plainSleeper {
	return &plainSleeper{time.NewTimer(0), make(chan struct{}, 1)}
}

func (s *plainSleeper) sleep(d time.Duration) {
	s.timer.Reset(d)
	select {
	case <-s.timer.C:
	case <-s.woken:
	}
}

func (s *plainSleeper) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}
