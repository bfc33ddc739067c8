package reaper

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Terminal is the controlling terminal while reaperd's process group is, or was, in its foreground.
type Terminal struct {
	fd   int
	home int  // our own process group
	lent bool // the app has the foreground from us
}

// OpenTerminal returns the controlling terminal, or nil where there is none or somebody else has the foreground: who is
// started in the background takes nothing.
func OpenTerminal() *Terminal {
	t := &Terminal{fd: openTTY(), home: syscall.Getpgrp()}
	if t.fd < 0 {
		return nil
	}
	if !t.Ours() {
		syscall.Close(t.fd)
		return nil
	}
	return t
}

// openTTY opens the controlling terminal; -1 if there is none.
func openTTY() int {
	fd, err := syscall.Open("/dev/tty", syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err == nil {
		return fd
	}
	// A container may have a terminal on stdin and no /dev/tty.
	if _, err := unix.IoctlGetInt(0, unix.TIOCGPGRP); err != nil {
		return -1
	}
	fd, err = unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1
	}
	return fd
}

// Ours says whether our own process group has the foreground.
func (t *Terminal) Ours() bool {
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err == nil && group == t.home
}

// Give makes a process group the foreground.
func (t *Terminal) Give(group int) error {
	t.lent = true
	return setForeground(t.fd, group)
}

// TakeBack makes our own process group the foreground again, if it was given away: after Ctrl-Z and bg it is the
// shell's, and taking it would stop the shell.
func (t *Terminal) TakeBack() error {
	if !t.lent {
		return nil
	}
	t.lent = false
	return setForeground(t.fd, t.home)
}

// setForeground is tcsetpgrp(3) with SIGTTOU blocked: from the background it would otherwise stop us, or, with TTOU
// merely caught, be restarted for ever (measured). SIG_IGN would do too but leaks into the app.
func setForeground(fd, group int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := BlockTTOU()
	if err != nil {
		return err
	}
	defer restore()
	return unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, group)
}

// BlockTTOU blocks SIGTTOU on this thread, to which the caller has locked itself; restore undoes it. With it blocked
// one may also write to a terminal that is in somebody else's hands, tostop or not; see termios(3).
func BlockTTOU() (restore func(), err error) { return block(unix.SIGTTOU) }

// takeForeground makes the calling process's own group the foreground of its controlling terminal.
func takeForeground() {
	tty := openTTY()
	if tty < 0 {
		return
	}
	setForeground(tty, syscall.Getpgrp())
	syscall.Close(tty)
}

// Suspend stops our own job, as Ctrl-Z would have, and returns when somebody continues it. The kernel discards it where
// nobody could (an orphaned process group, see setpgid(2)); then it returns at once.
//
// The signal waits on this very thread, blocked, while the rest of the job gets its own: so the stop has happened when
// the call returns, and happens once, for SIGCONT discards every stop that is still pending.
func Suspend() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, err := block(unix.SIGTSTP)
	if err != nil {
		return
	}
	unix.Tgkill(os.Getpid(), unix.Gettid(), syscall.SIGTSTP)
	syscall.Kill(0, syscall.SIGTSTP)
	restore()
}

// block blocks one signal on this thread, to which the caller has locked itself.
func block(sig syscall.Signal) (restore func(), err error) {
	var mask, old unix.Sigset_t
	mask.Val[0] = 1 << (uint(sig) - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &mask, &old); err != nil {
		return nil, err
	}
	return func() { unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }, nil
}
