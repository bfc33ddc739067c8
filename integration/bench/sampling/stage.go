package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// roleEnv makes the program play a part in a scene: "stage" is PID 1 of its namespace, "watcher" a process among others.
const roleEnv = "REAPERD_SAMPLING_ROLE"

// result is what one look of one contender costs.
type result struct {
	Contender string
	Least     float64 // CPU nanoseconds
	Median    float64
	Allocs    float64
}

func play(role string) {
	if err := act(role); err != nil {
		fmt.Fprintf(os.Stderr, "sampling: %s: %v\n", role, err)
		os.Exit(1)
	}
}

func act(role string) error {
	var s scene
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return err
	}
	if role == "stage" {
		if err := ownCgroups(); err != nil {
			fmt.Fprintln(os.Stderr, "sampling: no cgroups of our own, as a container would have:", err)
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make mounts private: %w", err)
		}
		if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("mount /proc: %w", err)
		}
		if s.Strangers > 0 {
			return among(s)
		}
	}
	if role == "procfs" {
		return playProcfs(s)
	}
	results, err := measure(s)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// among lets a watcher that is not PID 1 play the scene, with strangers around it.
func among(s scene) error {
	if _, err := grow(s, "grow", s.Strangers, 1); err != nil {
		return err
	}
	if s.Churn > 0 {
		if _, err := grow(s, "churn", s.Churn); err != nil {
			return err
		}
		s.Churn = -1 // of strangers
	}
	order, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=watcher")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := in.Write(order); err != nil {
		return err
	}
	in.Close()
	return cmd.Wait()
}

// grow starts a program of testdata and waits until it is ready.
func grow(s scene, program string, args ...int) (pid int, err error) {
	cmd := exec.Command(filepath.Join(s.Tools, program))
	for _, a := range args {
		cmd.Args = append(cmd.Args, strconv.Itoa(a))
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return 0, fmt.Errorf("%s is not ready: %w", program, err)
	}
	return cmd.Process.Pid, nil
}

// measure lets the contenders look in turn, each round beginning with another one.
func measure(s scene) ([]result, error) {
	runtime.LockOSThread() // the children's parent-death signal is bound to this thread
	main, err := grow(s, "grow", s.Processes-1, s.Threads, s.Zombies)
	if err != nil {
		return nil, err
	}
	if s.Churn > 0 {
		if _, err := grow(s, "churn", s.Churn); err != nil {
			return nil, err
		}
	}
	contenders := make([]contender, len(s.Contenders))
	costs := make([][]float64, len(contenders))
	results := make([]result, len(contenders))
	for i, name := range s.Contenders {
		if contenders[i], err = newContender(name, s, main); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for round := range s.Rounds {
		for k := range contenders {
			i := (round + k) % len(contenders)
			cost, allocs, err := contenders[i]()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Contenders[i], err)
			}
			costs[i] = append(costs[i], cost)
			results[i].Allocs = allocs
		}
	}
	for i, c := range costs {
		slices.Sort(c)
		results[i].Contender, results[i].Least, results[i].Median = s.Contenders[i], c[0], c[len(c)/2]
	}
	return results, nil
}

// cadence is the time between two of 20 looks in a round while processes come and go.
const cadence = 100 * time.Millisecond
