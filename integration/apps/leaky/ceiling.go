package main

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// ceiling ORPHANS WHEN [SIGNAL=CODE[@DELAY]...] lives at the limit of processes: it makes ORPHANS orphans, and then
// zombies for as long as the kernel lets it, again and again, so that whatever becomes free is taken at once. WHEN is
// "now", or "term": from the first TERM on. USR1 releases the orphans. "full" is said when nothing was free any more.
func ceiling(args []string) error {
	if len(args) < 2 {
		return errors.New("want ORPHANS now|term [SIGNAL=CODE[@DELAY]...]")
	}
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	reactions := map[syscall.Signal]reaction{}
	for _, arg := range args[2:] {
		sig, r, err := parseReaction(arg)
		if err != nil {
			return err
		}
		reactions[sig] = r
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return err
	}
	keepThreads()
	var once sync.Once
	fillUp := func() { once.Do(func() { go fill() }) }
	react := func(sig syscall.Signal) {
		switch sig {
		case syscall.SIGUSR1:
			syscall.Close(pipe[1])
		case syscall.SIGTERM:
			fillUp()
		}
	}
	serve(reactions, react, func() {
		leak(n, 0, func() error { return leaveOrphan(pipe) })
		if args[1] == "now" {
			fillUp()
		}
	})
	return nil
}

func fill() {
	tick := time.NewTicker(time.Millisecond)
	said := false
	for range tick.C {
		for {
			if _, errno := forkZombie(); errno != 0 {
				break
			}
		}
		if !said {
			said = true
			say("full")
		}
	}
}

// keepThreads makes the threads that this program may need: the Go runtime dies if it cannot make one later, and this
// program wants to survive at the ceiling.
func keepThreads() {
	const enough = 12
	var up, down sync.WaitGroup
	up.Add(enough)
	down.Add(1)
	for range enough {
		go func() {
			runtime.LockOSThread()
			up.Done()
			down.Wait()
			runtime.UnlockOSThread()
		}()
	}
	up.Wait()
	down.Done()
}

// asRoot COMMAND [ARG...] becomes root for good, if this binary is setuid root, and then runs that command: a process
// that its own parent may not signal.
func asRoot(args []string) error {
	if err := syscall.Setuid(0); err != nil {
		return err
	}
	run, ok := commands()[args[0]]
	if !ok {
		return os.ErrInvalid
	}
	return run(args[1:])
}
