package sampler

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// ringCost is what one ring takes from the time that is saved up: in a storm of events, rings come as often.
	ringCost = time.Second
	// ringsSaved is how many may come at once after a quiet time.
	ringsSaved = 10
)

// Alarm is the kernel's own word that memory runs short. A ring means no more than "look now". A storm of events (page
// cache at its limit makes a hundred a second) rings ten times, then once a second: an event is late then, never lost.
//
// Its goroutine holds no thread while it waits: its epoll descriptor is watched by the one of the Go runtime. A nil Alarm
// never rings.
type Alarm struct {
	ring  chan struct{}
	ended chan struct{} // by Close
	done  chan struct{} // all is closed

	epoll   *os.File
	sources []source
	wait    func(epoll uintptr) bool // takeAll, made once: a ring allocates nothing
	waited  bool
	events  [8]unix.EpollEvent
	buf     [512]byte
	paid    time.Time // when all rings so far are paid for
	timer   *time.Timer
}

// source is a descriptor of the kernel's that becomes ready.
type source struct {
	fd   int
	kind sourceKind
}

type sourceKind uint8

const (
	counter  sourceKind = iota // an eventfd, read to reset it
	eventLog                   // memory.events, read anew to reset it
	pressure                   // a PSI trigger, which resets itself
)

// Ring has room for one ring; nobody need read it.
func (a *Alarm) Ring() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.ring
}

// Close disarms it.
func (a *Alarm) Close() {
	if a == nil {
		return
	}
	close(a.ended)
	a.epoll.Close()
	<-a.done
}

// begin starts the goroutine, with at least one source.
func (a *Alarm) begin() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	for i, s := range a.sources {
		event := unix.EpollEvent{Events: unix.EPOLLPRI, Fd: int32(i)}
		if s.kind == counter {
			event.Events = unix.EPOLLIN
		}
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
			unix.Close(fd)
			return fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil { // what makes os.NewFile give it to the runtime's epoll
		unix.Close(fd)
		return fmt.Errorf("fcntl: %w", err)
	}
	a.epoll = os.NewFile(uintptr(fd), "epoll")
	conn, err := a.epoll.SyscallConn()
	if err != nil {
		a.epoll.Close()
		return err
	}
	a.ring, a.ended, a.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	a.wait = a.takeAll
	a.timer = time.NewTimer(0)
	go a.listen(conn)
	return nil
}

// listen rings until Close. Should it have a bug, it falls silent, and looks are taken when they are due.
func (a *Alarm) listen(conn syscall.RawConn) {
	defer func() {
		_ = recover()
		a.release()
		close(a.done)
	}()
	for {
		a.waited = false
		if conn.Read(a.wait) != nil {
			return
		}
		select {
		case a.ring <- struct{}{}:
		default:
		}
		if !a.rest(time.Now()) {
			return
		}
	}
}

// takeAll takes what has happened; false asks to be called again when there is more. After a wait something has happened
// even if there is nothing left to take: a PSI trigger tells it once, and the runtime's epoll may have been the one to ask.
func (a *Alarm) takeAll(epoll uintptr) bool {
	n, err := unix.EpollWait(int(epoll), a.events[:], 0)
	for _, event := range a.events[:max(n, 0)] {
		if s := a.sources[event.Fd]; !a.reset(s, event.Events) {
			unix.EpollCtl(int(epoll), unix.EPOLL_CTL_DEL, s.fd, nil)
		}
	}
	again := a.waited
	a.waited = true
	return n > 0 || again || err != nil && err != unix.EINTR
}

// reset makes a source wait for the next event; false if there will be none, for its cgroup is gone.
func (a *Alarm) reset(s source, events uint32) bool {
	switch s.kind {
	case counter:
		_, err := unix.Read(s.fd, a.buf[:])
		return err == nil || err == unix.EAGAIN
	case eventLog:
		_, err := readAt(s.fd, a.buf[:])
		return err == nil
	}
	return events&unix.EPOLLERR == 0
}

// rest waits until another ring is paid for; false after Close.
func (a *Alarm) rest(now time.Time) bool {
	if saved := now.Add(-(ringsSaved - 1) * ringCost); a.paid.Before(saved) {
		a.paid = saved
	}
	a.paid = a.paid.Add(ringCost)
	a.timer.Reset(a.paid.Sub(now))
	select {
	case <-a.timer.C:
		return true
	case <-a.ended:
		return false
	}
}

func (a *Alarm) release() {
	for _, s := range a.sources {
		unix.Close(s.fd)
	}
}
