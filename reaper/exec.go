package reaper

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// defaultPath is searched where PATH is not set at all, as musl's execvp does.
const defaultPath = "/usr/local/bin:/bin:/usr/bin"

// StartError is why a command could not be started.
type StartError struct {
	Command string
	Path    string // the file tried last, if any was found
	Errno   syscall.Errno
}

func (e *StartError) Unwrap() error { return e.Errno }

func (e *StartError) Error() string {
	name := e.Path
	if name == "" {
		name = e.Command
	}
	switch {
	case e.Errno == syscall.ENOENT && e.Path != "":
		return fmt.Sprintf("start %q: %s exists, but the interpreter it names (#! line or ELF loader) does not", e.Command, e.Path)
	case e.Errno == syscall.ENOENT && strings.Contains(e.Command, "/"):
		return fmt.Sprintf("start %q: no such file", e.Command)
	case e.Errno == syscall.ENOENT:
		return fmt.Sprintf("start %q: executable not found in PATH", e.Command)
	case e.Errno == syscall.EAGAIN:
		return fmt.Sprintf("start %q: fork: EAGAIN, no process slot is free (pids.max, RLIMIT_NPROC or kernel.threads-max)", e.Command)
	}
	return fmt.Sprintf("start %q: cannot execute %s: %s", e.Command, name, e.Errno)
}

// Code is the exit code that shells and inits use: 127 not found, 126 cannot execute, 125 where the fork failed.
func (e *StartError) Code() int {
	switch e.Errno {
	case syscall.ENOENT, syscall.ENOTDIR:
		return 127
	case syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE:
		return 125
	}
	return 126
}

// execvp finds a command as execvp(3) does and calls try with the file and its argv until one can be executed: PATH
// search goes on after EACCES and fails with it in the end, and a file without a #! line is given to /bin/sh.
func execvp(argv, env []string, try func(path string, argv []string) error) error {
	command := argv[0]
	denied, lame := "", "" // found, but not to be executed; found, but its interpreter is missing
	for _, path := range candidates(command, env) {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue // execve would say the same, after a fork
		}
		err := try(path, argv)
		if errors.Is(err, syscall.ENOEXEC) {
			err = try("/bin/sh", append([]string{"/bin/sh", path}, argv[1:]...))
		}
		var errno syscall.Errno
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EACCES):
			denied = path
		case errors.Is(err, syscall.ENOENT):
			lame = path
		case errors.Is(err, syscall.ESTALE), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ETIMEDOUT):
			// a dead network mount in PATH; glibc goes on too
		case errors.As(err, &errno):
			return &StartError{Command: command, Path: path, Errno: errno}
		default:
			return err
		}
	}
	if denied != "" {
		return &StartError{Command: command, Path: denied, Errno: syscall.EACCES}
	}
	return &StartError{Command: command, Path: lame, Errno: syscall.ENOENT}
}

// candidates are the files that command may mean, in order. An empty element of PATH is the working directory.
func candidates(command string, env []string) []string {
	if command == "" {
		return nil
	}
	if strings.Contains(command, "/") {
		return []string{command}
	}
	search := defaultPath
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			search = value
			break
		}
	}
	var paths []string
	for _, dir := range strings.Split(search, ":") {
		if dir == "" {
			dir = "."
		}
		paths = append(paths, dir+"/"+command)
	}
	return paths
}
