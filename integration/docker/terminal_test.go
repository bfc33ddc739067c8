package docker

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal makes a pseudo-terminal: what is written to keys is typed, what is read from it was printed.
func terminal(t *testing.T) (keys, line *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { line.Close() })
	return keys, line
}

// Nobody outside could continue a stopped PID 1, so the app is continued at once; Ctrl-C still ends it.
func TestKeyboardInDockerRunIt(t *testing.T) {
	t.Parallel()
	keys, line := terminal(t)
	name := fmt.Sprintf("reaperd-test-terminal-%d", os.Getpid())
	t.Cleanup(func() { try(patience, "docker", "rm", "-f", name) })
	client := exec.Command("docker", "run", "-it", "--network", "none", "--name", name, rubyImage,
		"reaperd", "--on-limit", "restart", "--limit", "threads=1000", "--",
		"sh", "-c", `echo here; while read line; do echo "read $line"; done`)
	client.Stdin, client.Stdout, client.Stderr = line, line, line
	said := followCommand(t, client)
	go io.Copy(said, keys) // until the terminal is closed

	press := func(keyed string) {
		if _, err := io.WriteString(keys, keyed); err != nil {
			t.Fatal(err)
		}
	}
	said.wait(t, "^here", 1)
	press("\x1a")
	said.wait(t, "CONT", 1)
	press("still there\r")
	said.wait(t, "^read still there", 1)
	press("\x03")
	said.wholly(t)
	if got := client.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit code after Ctrl-C: got %d, want 130", got)
	}
	if got := said.count("(?m)^here"); got != 1 {
		t.Errorf("starts: got %d, want 1: a person ended it", got)
	}
}
