package main

import (
	"syscall"
	"time"
)

// orphans N [RATE] makes N double-forked orphans, RATE a second, that live until this process closes its pipe: they
// all die at once, on USR1 or at the very moment of our own end.
func orphans(args []string) error {
	n, rate, err := countAndRate(args)
	if err != nil {
		return err
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return err
	}
	release := func(sig syscall.Signal) {
		if sig == syscall.SIGUSR1 {
			syscall.Close(pipe[1])
		}
	}
	serve(leakEnds(), release, func() {
		leak(n, rate, func() error { return leaveOrphan(pipe) })
	})
	return nil
}

// leaveOrphan makes one that lives until pipe is closed.
func leaveOrphan(pipe [2]int) error {
	middle, errno := forkOrphan(uintptr(pipe[0]), uintptr(pipe[1]))
	if errno != 0 {
		return errno
	}
	_, err := syscall.Wait4(int(middle), nil, 0, nil)
	return err
}

// comets N SECONDS is a fork bomb that TERM does not stop: N processes that change their pid all the time, for at most
// SECONDS. It sits beside them, ignoring nothing but TERM.
func comets(args []string) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	seconds, err := number(args, 1)
	if err != nil {
		return err
	}
	if err := disposition(int(syscall.SIGTERM), 1); err != nil {
		return err
	}
	for range n {
		if _, errno := forkComet(int64(seconds)); errno != 0 {
			return errno
		}
	}
	say("ready")
	time.Sleep(time.Duration(seconds) * time.Second)
	return nil
}

// swarm N makes N children that sleep and die of TERM, then sits until TERM itself.
func swarm(args []string) error {
	n, rate, err := countAndRate(args)
	if err != nil {
		return err
	}
	serve(leakEnds(), nil, func() {
		leak(n, rate, func() error {
			if _, errno := forkSleeper(); errno != 0 {
				return errno
			}
			return nil
		})
	})
	return nil
}
