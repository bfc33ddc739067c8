package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// exit CODE
func exit(args []string) error {
	code, err := number(args, 0)
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// die SIGNAL ends by the signal's default action, which Go would catch otherwise.
func die(args []string) error {
	sig, err := number(args, 0)
	if err != nil {
		return err
	}
	if err := disposition(sig, 0); err != nil && sig != int(syscall.SIGKILL) {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.Signal(sig)); err != nil {
		return err
	}
	select {}
}

// report prints what a process inherits, as JSON.
func report([]string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	var foreground int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, syscall.TIOCGPGRP, uintptr(unsafe.Pointer(&foreground)))
	if errno != 0 {
		foreground = -1
	}
	sid, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"argv": os.Args, "env": os.Environ(), "cwd": dir, "pid": os.Getpid(), "ppid": os.Getppid(),
		"pgrp": syscall.Getpgrp(), "sid": int(sid), "foreground": int(foreground), "fds": openFDs(),
	})
}

// openFDs lists the descriptors that this process was given.
func openFDs() []int {
	fds := []int{}
	for fd := range 256 {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno == 0 && flags&syscall.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// leaderExits ends the main thread only: the process shows as state Z while its other threads run. It ends by TERM.
func leaderExits([]string) error {
	runtime.LockOSThread()
	go func() {
		for !leaderGone() {
			runtime.Gosched()
		}
		say("leader gone")
		signals([]string{"TERM=0"})
	}()
	syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	return errors.New("still here")
}

func leaderGone() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", os.Getpid()))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func number(args []string, i int) (int, error) {
	if i >= len(args) {
		return 0, fmt.Errorf("argument %d is missing", i+1)
	}
	return strconv.Atoi(args[i])
}

// delay reads a duration argument; absent, it is 0.
func delay(args []string, i int) (time.Duration, error) {
	if i >= len(args) {
		return 0, nil
	}
	return time.ParseDuration(args[i])
}
