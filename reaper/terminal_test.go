package reaper

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/reaper/procstat"
)

func TestTheTerminalGoesToTheAppAndNeverFromAShell(t *testing.T) {
	master, err := syscall.Open("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	leader := exec.Command(os.Args[0])
	leader.Env = append(os.Environ(), "REAPER_TEST=terminal")
	leader.Stdin = slave
	leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if out, err := leader.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// onTerminal is the leader of a session with a terminal, as reaperd is below a shell with job control.
func onTerminal() int {
	code := 0
	check := func(ok bool, format string, args ...any) {
		if !ok {
			fmt.Printf(format+"\n", args...)
			code = 1
		}
	}
	s := &sweeper{Reaper: New()}
	over := make(chan struct{})
	defer close(over)
	go s.run(over)
	start := func(tty *Terminal) *Child {
		c := command("sleep", "1000")
		c.Terminal = tty
		child, err := s.Start(c)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return child
	}
	end := func(c *Child) {
		c.Signal(syscall.SIGKILL)
		<-c.Exited
		c.Release()
	}

	tty := OpenTerminal()
	if tty == nil {
		fmt.Println("no terminal, want one: we have its foreground")
		return 1
	}
	has := func() int { group, _ := unix.IoctlGetInt(tty.fd, unix.TIOCGPGRP); return group }
	_, err := s.Start(Command{Argv: []string{"no-such-command"}, Env: os.Environ(), Terminal: tty})
	check(err != nil && has() == tty.home, "after a start that failed (%v): the foreground is %d, want ours, %d", err, has(), tty.home)
	app := start(tty)
	check(has() == app.PID, "started: the foreground is %d, want the app's, %d", has(), app.PID)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", app.PID))
	for _, mask := range []string{"SigIgn", "SigBlk"} {
		got, ok := procstat.Mask(status, mask)
		got &^= 1<<31 | 1<<32 // 32 and 33 are the C library's, which the race detector brings along
		check(ok && got == 0, "the app's %s: got %x, want 0", mask, got)
	}
	check(tty.TakeBack() == nil && has() == tty.home, "taken back: the foreground is %d, want ours, %d", has(), tty.home)
	check(tty.Give(app.PID) == nil && has() == app.PID, "given: the foreground is %d, want %d", has(), app.PID)

	// Ctrl-Z: taken back, then we stop. bg: we go on while the foreground is the shell's.
	shell := start(nil)
	tty.TakeBack()
	setForeground(tty.fd, shell.PID)
	tty.TakeBack()
	check(has() == shell.PID, "behind: the foreground is %d, want it left to the shell, %d", has(), shell.PID)
	again := start(tty)
	check(has() == shell.PID, "restarted behind: the foreground is %d, want it left to the shell, %d", has(), shell.PID)
	check(OpenTerminal() == nil, "OpenTerminal behind: got a terminal, want none")
	check(!signal.Ignored(syscall.SIGTTOU), "SIGTTOU is ignored here, so it would be in the app")
	for _, c := range []*Child{again, shell, app} {
		end(c)
	}
	return code
}
