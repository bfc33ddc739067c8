package reaper

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// runs says how a command of a test ended: its code, or that of the *StartError.
func runs(t *testing.T, r *sweeper, c Command) (int, error) {
	t.Helper()
	child, err := r.Start(c)
	var failure *StartError
	if errors.As(err, &failure) {
		return failure.Code(), err
	}
	if err != nil {
		t.Fatalf("got %T (%v), want a *StartError", err, err)
	}
	defer child.Release()
	return wait(t, child).Code, nil
}

func TestACommandIsFoundAsExecvpFindsIt(t *testing.T) {
	const good = "#!/bin/sh\nexit 3\n"
	for _, c := range []struct {
		name  string
		files map[string]string // text; a first "-" takes the x bit away
		path  string            // elements below the directory of the test, "." for itself
		argv  []string
		want  int
		says  string
	}{
		{"the first in PATH wins", map[string]string{"a/cmd": good, "b/cmd": "#!/bin/sh\nexit 4\n"}, "a:b", []string{"cmd"}, 3, ""},
		{"PATH search goes on after a directory without it", map[string]string{"b/cmd": good}, "a:b", []string{"cmd"}, 3, ""},
		{"PATH search goes on after EACCES", map[string]string{"a/cmd": "-" + good, "b/cmd": good}, "a:b", []string{"cmd"}, 3, ""},
		{"and fails with it in the end", map[string]string{"a/cmd": "-" + good}, "a:b", []string{"cmd"}, 126, "/a/cmd: permission denied"},
		{"EACCES is the answer also if another has no interpreter", map[string]string{"a/cmd": "-" + good, "b/cmd": "#!/no/such\n"}, "a:b", []string{"cmd"}, 126, "permission denied"},
		{"a file where PATH wants a directory is passed over", map[string]string{"a": "", "b/cmd": good}, "a:b", []string{"cmd"}, 3, ""},
		{"a directory is not executed", map[string]string{"a/cmd/x": ""}, "a", []string{"cmd"}, 126, "permission denied"},
		{"PATH search goes on after a bad interpreter", map[string]string{"a/cmd": "#!/no/such\n", "b/cmd": good}, "a:b", []string{"cmd"}, 3, ""},
		{"a bad interpreter is told from a missing file", map[string]string{"a/cmd": "#!/no/such\n"}, "a", []string{"cmd"}, 127, "/a/cmd exists, but the interpreter it names"},
		{"a script without #! goes to /bin/sh with its arguments", map[string]string{"a/cmd": "exit $(($# + $2))\n"}, "a", []string{"cmd", "x", "5"}, 7, ""},
		{"an empty file is an empty script", map[string]string{"a/cmd": ""}, "a", []string{"cmd"}, 0, ""},
		{"an empty element of PATH is the working directory", map[string]string{"cmd": good}, "a::b", []string{"cmd"}, 3, ""},
		{"a name with a slash is not searched for", map[string]string{"a/cmd": good}, "a", []string{"./cmd"}, 127, `start "./cmd": no such file`},
		{"but taken from the working directory", map[string]string{"a/cmd": good}, "b", []string{"a/cmd"}, 3, ""},
		{"what lies below a file does not exist", map[string]string{"a": good}, "", []string{"./a/cmd"}, 127, ""},
		{"a missing command", nil, "a:b", []string{"cmd"}, 127, `start "cmd": executable not found in PATH`},
		{"a command without a name", map[string]string{"a/cmd": good}, "a", []string{""}, 127, `start "": executable not found in PATH`},
		{"no command at all", nil, "a", nil, 127, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			for name, text := range c.files {
				script, unexecutable := strings.CutPrefix(text, "-")
				mode := os.FileMode(0o755)
				if unexecutable {
					mode = 0o644
				}
				file(t, dir, name, script, mode)
			}
			var elements []string
			for _, element := range strings.Split(c.path, ":") {
				if element != "" {
					element = filepath.Join(dir, element)
				}
				elements = append(elements, element)
			}
			env := []string{"A=1", "PATH=" + strings.Join(elements, ":"), "PATH=/usr/bin:/bin"}
			r := sweeping(t)
			for _, staged := range []bool{false, true} {
				got, err := runs(t, r, Command{Argv: c.argv, Env: env, ListenPID: staged})
				if got != c.want {
					t.Errorf("staged %v: got %d (%v), want %d", staged, got, err, c.want)
				}
				if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("staged %v: got %v, want %q in it", staged, err, c.says)
				}
			}
			if orphans, _ := r.found(); len(orphans) != 0 {
				t.Errorf("got orphans %+v, want none", orphans)
			}
		})
	}
}

func TestWithoutPATHTheDefaultIsSearched(t *testing.T) {
	if got, err := runs(t, sweeping(t), Command{Argv: []string{"true"}, Env: []string{"A=PATH=/x"}}); got != 0 {
		t.Errorf("got %d (%v), want 0", got, err)
	}
}

func TestStartErrorTextsAndCodes(t *testing.T) {
	for _, c := range []struct {
		err  StartError
		code int
		text string
	}{
		{StartError{Command: "x", Errno: syscall.ENOENT}, 127, `start "x": executable not found in PATH`},
		{StartError{Command: "./x", Errno: syscall.ENOENT}, 127, `start "./x": no such file`},
		{StartError{Command: "x", Path: "/bin/x", Errno: syscall.ENOENT}, 127,
			`start "x": /bin/x exists, but the interpreter it names (#! line or ELF loader) does not`},
		{StartError{Command: "./f/x", Path: "./f/x", Errno: syscall.ENOTDIR}, 127, `start "./f/x": cannot execute ./f/x: not a directory`},
		{StartError{Command: "x", Path: "/bin/x", Errno: syscall.EACCES}, 126, `start "x": cannot execute /bin/x: permission denied`},
		{StartError{Command: "x", Path: "/bin/x", Errno: syscall.E2BIG}, 126, `start "x": cannot execute /bin/x: argument list too long`},
		{StartError{Command: "x", Path: "/bin/x", Errno: syscall.ETXTBSY}, 126, `start "x": cannot execute /bin/x: text file busy`},
		{StartError{Command: "x", Path: "/bin/x", Errno: syscall.EAGAIN}, 125,
			`start "x": fork: EAGAIN, no process slot is free (pids.max, RLIMIT_NPROC or kernel.threads-max)`},
		{StartError{Command: "x", Path: "/bin/x", Errno: syscall.ENOMEM}, 125, `start "x": cannot execute /bin/x: cannot allocate memory`},
		{StartError{Command: "x", Errno: syscall.EMFILE}, 125, `start "x": cannot execute x: too many open files`},
		{StartError{Command: "a\nb", Errno: syscall.ENOENT}, 127, `start "a\nb": executable not found in PATH`},
	} {
		if got := c.err.Error(); got != c.text {
			t.Errorf("got  %s\nwant %s", got, c.text)
		}
		if got := c.err.Code(); got != c.code {
			t.Errorf("%s: got code %d, want %d", c.text, got, c.code)
		}
		if !errors.Is(&c.err, c.err.Errno) {
			t.Errorf("%s: is not its errno", c.text)
		}
	}
}
