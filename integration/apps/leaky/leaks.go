package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// leakZombies N [RATE [COMM]] forks N children, RATE a second (0: at once), and never waits. It then sits until TERM.
// COMM becomes the name of this process and of its zombies. "leaked N" says that all are there.
func leakZombies(args []string) error {
	n, rate, err := countAndRate(args)
	if err != nil {
		return err
	}
	if len(args) > 2 {
		runtime.LockOSThread()
		if err := setName(args[2]); err != nil {
			return err
		}
	}
	serve(leakEnds(), nil, func() {
		leak(n, rate, func() error {
			if _, errno := forkZombie(); errno != 0 {
				return errno
			}
			return nil
		})
	})
	return nil
}

// leakThreads N [RATE] makes N threads that never end.
func leakThreads(args []string) error {
	n, rate, err := countAndRate(args)
	if err != nil {
		return err
	}
	serve(leakEnds(), nil, func() {
		leak(n, rate, func() error {
			up := make(chan struct{})
			go func() {
				runtime.LockOSThread()
				close(up)
				select {}
			}()
			<-up
			return nil
		})
	})
	return nil
}

// leakFDs N [RATE] opens N descriptors.
func leakFDs(args []string) error {
	n, rate, err := countAndRate(args)
	if err != nil {
		return err
	}
	serve(leakEnds(), nil, func() {
		leak(n, rate, func() error {
			_, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
			return err
		})
	})
	return nil
}

// leakMemory MIB [RATE] touches MIB mebibytes of its own, RATE a second.
func leakMemory(args []string) error {
	n, rate, err := countAndRate(args)
	if err != nil {
		return err
	}
	var kept [][]byte
	serve(leakEnds(), nil, func() {
		leak(n, rate, func() error {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
			return nil
		})
	})
	runtime.KeepAlive(kept)
	return nil
}

// leak calls one n times, rate a second. A failure is said and ends the leak: the app itself goes on.
func leak(n, rate int, one func() error) {
	runtime.LockOSThread() // see defaultTerm
	var tick <-chan time.Time
	if rate > 0 {
		t := time.NewTicker(time.Second / time.Duration(rate))
		defer t.Stop()
		tick = t.C
	}
	for i := range n {
		if err := one(); err != nil {
			say("leak ended at %d: %v", i, err)
			return
		}
		if tick != nil {
			<-tick
		}
	}
	say("leaked %d", n)
}

func countAndRate(args []string) (n, rate int, err error) {
	if n, err = number(args, 0); err != nil {
		return 0, 0, err
	}
	if len(args) > 1 {
		rate, err = strconv.Atoi(args[1])
	}
	return n, rate, err
}

// setName sets the comm of the calling thread.
func setName(comm string) error {
	const setName = 15
	b := append([]byte(comm), 0)
	if err := prctl(setName, uintptr(unsafe.Pointer(&b[0]))); err != nil {
		return fmt.Errorf("name %q: %w", comm, err)
	}
	f, err := os.OpenFile("/proc/self/comm", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(comm)
	return err
}
