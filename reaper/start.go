package reaper

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Command is what Start starts. The child gets descriptors 0 to 2 and every inherited one above, the working directory
// and the signal mask as this process found them, and a process group of its own.
type Command struct {
	Argv      []string
	Env       []string
	Pdeathsig syscall.Signal // the child gets it when this process dies; 0: none
	Terminal  *Terminal      // the child's group becomes its foreground before the exec; nil: leave the terminal alone
	ListenPID bool           // LISTEN_PID must name the child: see sd_listen_fds(3)
	Sockets   []Socket       // become descriptors 3, 4, ... of the child, in the place of what else it would inherit there
	Helper    bool           // one of our own, see Helpers: a session of its own, /dev/null for 0 to 2, none of the descriptors in Withhold
	Output    int            // of a helper, a descriptor for 1 and 2 instead; 0: /dev/null
	Withhold  []int
}

// Start starts a command and returns once its exec has succeeded. It may block for as long as an exec can (a hanging
// network file system), so callers that must stay awake call it from a goroutine of its own; sweeps must go on
// meanwhile. The error is a *StartError.
func (r *Reaper) Start(c Command) (*Child, error) {
	if len(c.Argv) == 0 {
		return nil, &StartError{Errno: syscall.ENOENT}
	}
	if c.Terminal != nil || c.ListenPID || len(c.Sockets) > 0 {
		return r.startStaged(c)
	}
	var child *Child
	err := execvp(c.Argv, c.Env, func(path string, argv []string) (err error) {
		child, err = r.fork(path, argv, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return child, nil
}

// fork starts one file and registers the child before any sweep can see it. Go's ForkExec waits for a child whose exec
// failed by itself; that must not run beside a sweep either. The descriptors in pass go to this child alone.
//
// Other descriptors above 2 need no mention: whoever gave them to us did not set close-on-exec, and everything that Go
// opens has it. Pdeathsig is bound to the thread that forks; Go ends a thread only if a goroutine exits locked to it,
// which nothing here does.
func (r *Reaper) fork(path string, argv []string, c Command, pass ...int) (child *Child, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fd := range pass {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return nil, err
		}
		defer syscall.CloseOnExec(fd)
	}
	pid, files := 0, []uintptr{0, 1, 2}
	if c.Helper {
		null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		defer syscall.Close(null)
		files = helperFiles(null, c)
		r.helpers.begin()
		defer func() { r.helpers.end(pid) }()
	}
	pidfd := -1
	pid, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   c.Env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: !c.Helper, Setsid: c.Helper, Pdeathsig: c.Pdeathsig, PidFD: &pidfd},
	})
	if err != nil {
		return nil, err
	}
	exited := make(chan Exit, 1)
	child = &Child{PID: pid, Exited: exited, exited: exited, pidfd: pidfd}
	r.children[pid] = child
	return child, nil
}

// helperFiles is the table of descriptors of a helper: what is not in it is inherited, -1 is closed.
func helperFiles(null int, c Command) []uintptr {
	files := []uintptr{uintptr(null), uintptr(null), uintptr(null)}
	if c.Output > 0 {
		files[1], files[2] = uintptr(c.Output), uintptr(c.Output)
	}
	const most = 1 << 16 // a table for a descriptor of a million would cost more than the leak
	for _, fd := range c.Withhold {
		for len(files) <= fd && fd < most {
			files = append(files, ^uintptr(0))
		}
	}
	return files
}
