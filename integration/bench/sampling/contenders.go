package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/supervisor/sampler"
)

// contender looks for one round, and says how many CPU nanoseconds and allocations one look cost.
type contender func() (cost, allocs float64, err error)

func newContender(name string, s scene, main int) (contender, error) {
	switch name {
	case "reaperd":
		return reaperd(s, main, false)
	case "reaperd with fds":
		return reaperd(s, main, true)
	case "procfs":
		return apart(s)
	case floor:
		return program(append([]string{filepath.Join(s.Tools, "tick")}, limitFiles()...)...), nil
	case "psutil":
		return program("/usr/bin/python3", filepath.Join(s.Tools, "psutil_look.py")), nil
	case "ps -eLf":
		return ps, nil
	}
	return nil, errors.New("unknown contender")
}

// window is how much CPU a contender spends in a round.
const window = 100 * time.Millisecond

func reaperd(s scene, main int, fds bool) (contender, error) {
	processes := uint64(s.Processes + s.Zombies)
	threads := uint64(1 + (s.Processes-1)*s.Threads + s.Zombies)
	return func() (float64, float64, error) {
		eyes := sampler.New(sampler.Options{FDs: fds})
		defer eyes.Close()
		return inProcess(s, settled, func() error {
			sample := eyes.Look(main, 1)
			p, t := sample.Measures[policy.Processes], sample.Measures[policy.Threads]
			if !p.Known || s.Churn <= 0 && (p.Value != processes || t.Value != threads) {
				return fmt.Errorf("got %+v processes and %+v threads, want %d and %d; notes %q", p.Reading, t.Reading, processes, threads, eyes.Notes())
			}
			return nil
		})
	}, nil
}

// calm is how long it takes until what has begun before counts as old.
const calm = 30 * time.Millisecond

// lookProcfs is the plain way: all processes, and the stat file of each.
func lookProcfs() error {
	fs, err := procfs.NewFS("/proc")
	if err != nil {
		return err
	}
	procs, err := fs.AllProcs()
	if err != nil {
		return err
	}
	for _, p := range procs {
		if _, err := p.Stat(); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// settled is how many looks it takes until what is read of young processes alone is not read any more.
const settled = 66

// inProcess measures looks of this process. Those of procfs are all alike.
func inProcess(s scene, before int, look func() error) (cost, allocs float64, err error) {
	for i := range 4 + before {
		began := cpu()
		if err := look(); err != nil {
			return 0, 0, err
		}
		cost = cpu() - began
		if i < 4 {
			time.Sleep(calm)
		}
	}
	looks, pause := max(3, int(float64(window)/cost)), time.Duration(0)
	if s.Churn != 0 {
		looks, pause = 20, cadence
	}
	runtime.GC()
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	spent := 0.0
	for range looks {
		time.Sleep(pause)
		began := cpu()
		if err := look(); err != nil {
			return 0, 0, err
		}
		spent += cpu() - began
	}
	runtime.ReadMemStats(&end)
	return spent / float64(looks), float64(end.Mallocs-start.Mallocs) / float64(looks), nil
}

// apart measures procfs in a process of its own, so that its garbage is collected at nobody else's cost.
func apart(s scene) (contender, error) {
	order, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return func() (cost, allocs float64, err error) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleEnv+"=procfs")
		cmd.Stdin, cmd.Stderr = bytes.NewReader(order), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return 0, 0, err
		}
		_, err = fmt.Sscan(string(out), &cost, &allocs)
		return cost, allocs, err
	}, nil
}

// playProcfs is that process.
func playProcfs(s scene) error {
	cost, allocs, err := inProcess(s, 0, lookProcfs)
	fmt.Println(cost, allocs)
	return err
}

// cpu is the CPU time of this process in nanoseconds, the garbage collector's included.
func cpu() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return float64(t.Nano())
}

// program measures a program that looks for a window by itself and prints what one look cost.
func program(command ...string) contender {
	command = append(command, strconv.FormatInt(window.Milliseconds(), 10))
	return func() (float64, float64, error) {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			return 0, 0, err
		}
		cost, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		return cost, -1, err
	}
}

// ps measures the shell loop that it replaces; its CPU is that of the whole program.
func ps() (float64, float64, error) {
	cmd := exec.Command("ps", "-eLf")
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return 0, 0, err
	}
	defer null.Close()
	cmd.Stdout = null
	if err := cmd.Run(); err != nil {
		return 0, 0, err
	}
	return float64(cmd.ProcessState.SystemTime() + cmd.ProcessState.UserTime()), -1, nil
}
