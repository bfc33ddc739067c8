// Package reaper starts children, signals them and collects their exits. It is the only package that calls wait4;
// anything else that waits would steal exits from it. It decides nothing: see package policy.
//
// It knows nothing else of reaperd and can be used alone:
//
//	r := reaper.New()
//	child, err := r.Start(reaper.Command{Argv: []string{"sleep", "1"}, Env: os.Environ()})
//	// call r.Sweep on every SIGCHLD and, as a net, on a slow tick; then
//	exit := <-child.Exited
package reaper

import (
	"errors"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Reaper owns every child of this process, those it started and those it adopted.
type Reaper struct {
	// mu is held across fork and registration and across each sweep. Without it a child that exits at once is reaped
	// before its pid is known (23 of 200 exits lost), and a failed exec shows up as an orphan with status 253.
	mu       sync.Mutex
	children map[int]*Child
	helpers  helpers
}

// New returns a Reaper that knows no child yet.
func New() *Reaper {
	return &Reaper{children: map[int]*Child{}, helpers: helpers{pids: map[int]bool{}}}
}

// Child is a process that Start started.
type Child struct {
	PID    int
	Exited <-chan Exit // capacity 1, sent to once

	exited chan Exit
	pidfd  int // -1 where the kernel has none (before Linux 5.2)
}

// Exit is how a process ended.
type Exit struct {
	PID      int
	Code     int            // if it exited by itself
	Signal   syscall.Signal // if it was killed, else 0
	CoreDump bool
}

// Stop says that a child was stopped, by job control or by SIGSTOP; see wait(2), WUNTRACED.
type Stop struct {
	PID    int
	Signal syscall.Signal
}

// Sweep is what one pass of wait4 found.
type Sweep struct {
	Exits   []Exit // of children that Start started; their channels hold them too
	Orphans []Exit // of adopted processes
	Stops   []Stop
	Empty   bool // wait4 knows no child any more (ECHILD), or none but helpers
}

// Sweep collects every exit there is and never blocks on a child. SIGCHLD coalesces, so one signal may stand for many
// exits: the sweep goes on until the kernel has nothing left.
func (r *Reaper) Sweep() Sweep {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sweep Sweep
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			sweep.Empty = errors.Is(err, syscall.ECHILD)
			return sweep
		case pid == 0:
			sweep.Empty = r.onlyHelpers()
			return sweep
		case status.Stopped():
			sweep.Stops = append(sweep.Stops, Stop{PID: pid, Signal: status.StopSignal()})
			continue
		}
		exit := exitOf(pid, status)
		child, ours := r.children[pid]
		if !ours {
			sweep.Orphans = append(sweep.Orphans, exit)
			continue
		}
		delete(r.children, pid)
		if r.helpers.remove(pid) {
			SignalGroup(pid, syscall.SIGKILL) // what it leaves behind is ours to end
		}
		child.exited <- exit
		sweep.Exits = append(sweep.Exits, exit)
	}
}

// Due says whether a sweep would find anything. It collects nothing and takes no lock, and is one cheap system call.
func Due() bool {
	var info unix.Siginfo
	const look = unix.WEXITED | unix.WSTOPPED | unix.WNOHANG | unix.WNOWAIT
	_, _, errno := syscall.RawSyscall6(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&info)), look, 0, 0)
	return errno != 0 || info.Signo != 0
}

func exitOf(pid int, status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{PID: pid, Signal: status.Signal(), CoreDump: status.CoreDump()}
	}
	return Exit{PID: pid, Code: status.ExitStatus()}
}

// Signal sends sig to the child, by pidfd where there is one: the pid of a child that was just reaped may already
// belong to somebody else.
func (c *Child) Signal(sig syscall.Signal) error {
	if c.pidfd < 0 {
		return syscall.Kill(c.PID, sig)
	}
	err := unix.PidfdSendSignal(c.pidfd, sig, nil, 0)
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM) {
		return syscall.Kill(c.PID, sig) // a seccomp profile may know kill but not pidfd_send_signal
	}
	return err
}

// SignalGroup sends sig to the child's process group, which it leads.
func (c *Child) SignalGroup(sig syscall.Signal) error { return SignalGroup(c.PID, sig) }

// SignalGroup sends sig to a process group; its leader may be gone.
func SignalGroup(group int, sig syscall.Signal) error {
	if group <= 1 {
		return syscall.ESRCH // kill(2) takes 0 for our own group and -1 for everybody
	}
	return syscall.Kill(-group, sig)
}

// Release frees what the kernel keeps for a child whose exit was received.
func (c *Child) Release() {
	if c.pidfd >= 0 {
		syscall.Close(c.pidfd)
		c.pidfd = -1
	}
}
