package reaper

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// stageName is argv[0] of the second exec. Go has no hook between fork and exec, so what only the child can do (name
// itself in LISTEN_PID, put held sockets where they belong, take the foreground before the app looks) is done by an exec of our own binary, which then
// becomes the app: same pid, same parent.
const stageName = "reaperd: starting the app"

// stageAlive is the first byte that a stage writes into its pipe. The exec of the app closes the pipe, so this byte
// alone means success; a failure adds "errno path"; nothing at all means that the stage could not even start up.
const stageAlive = '+'

// startStaged starts our own binary as the stage and returns when it has become the app.
func (r *Reaper) startStaged(c Command) (*Child, error) {
	failed := func(err error) error {
		errno := syscall.EIO
		errors.As(err, &errno)
		return &StartError{Command: c.Argv[0], Path: "/proc/self/exe", Errno: errno}
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return nil, failed(err)
	}
	reader := os.NewFile(uintptr(pipe[0]), "stage")
	defer reader.Close()
	duties := ""
	foreground := c.Terminal != nil && c.Terminal.Ours() // not in a restart behind Ctrl-Z and bg
	if foreground {
		duties += "t"
	}
	if len(c.Sockets) > 0 {
		c.Env, c.ListenPID = listenEnv(c.Env, c.Sockets), true
	}
	if c.ListenPID {
		duties += "l"
	}
	sockets, list := handed(c.Sockets)
	argv := append([]string{stageName, strconv.Itoa(pipe[1]), duties, list}, c.Argv...)
	child, err := r.fork("/proc/self/exe", argv, c, append(sockets, pipe[1])...)
	syscall.Close(pipe[1])
	if errors.Is(err, syscall.ENOENT) && len(sockets) == 0 { // no /proc: the app runs, without what the stage would have done
		return r.Start(Command{Argv: c.Argv, Env: c.Env, Pdeathsig: c.Pdeathsig})
	}
	if err != nil {
		return nil, failed(err)
	}
	report, _ := io.ReadAll(reader)
	if len(report) == 1 {
		if foreground {
			c.Terminal.lent = true
		}
		return child, nil
	}
	exit := <-child.Exited
	if foreground { // who comes after us must not find it in the hands of the dead
		c.Terminal.lent = true
		c.Terminal.TakeBack()
	}
	if len(report) == 0 && exit.Signal != 0 { // somebody was faster: an app that was killed
		child.exited <- exit
		return child, nil
	}
	child.Release()
	if len(report) == 0 {
		return nil, failed(syscall.EAGAIN) // the Go runtime dies like this when it cannot have its threads
	}
	errno, path, _ := strings.Cut(string(report[1:]), " ")
	n, _ := strconv.Atoi(errno)
	return nil, &StartError{Command: c.Argv[0], Path: path, Errno: syscall.Errno(n)}
}

// Stage is the second exec. main calls it before anything else; it returns where this process is no stage, and
// otherwise does not.
func Stage() {
	if len(os.Args) < 5 || os.Args[0] != stageName {
		return
	}
	pipe, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return
	}
	syscall.CloseOnExec(pipe)
	syscall.Write(pipe, []byte{stageAlive})
	duties, sockets, argv, env := os.Args[2], os.Args[3], os.Args[4:], os.Environ()
	if pipe, err = takeSockets(sockets, pipe); err != nil {
		fail(pipe, err, "")
	}
	if strings.Contains(duties, "t") {
		takeForeground()
	}
	if strings.Contains(duties, "l") {
		env = withListenPID(env, strconv.Itoa(os.Getpid()))
	}
	runtime.LockOSThread() // the signal mask that the app inherits is this thread's
	err = execvp(argv, env, func(path string, argv []string) error { return syscall.Exec(path, argv, env) })
	var failure *StartError
	if errors.As(err, &failure) {
		fail(pipe, failure.Errno, failure.Path)
	}
	os.Exit(126)
}

// fail ends the stage with what its parent is to report.
func fail(pipe int, err error, path string) {
	errno := syscall.EIO
	errors.As(err, &errno)
	syscall.Write(pipe, []byte(strconv.Itoa(int(errno))+" "+path))
	os.Exit(126)
}

func withListenPID(env []string, pid string) []string {
	env = append([]string(nil), env...)
	for i, entry := range env {
		if strings.HasPrefix(entry, "LISTEN_PID=") {
			env[i] = "LISTEN_PID=" + pid
		}
	}
	return env
}
