package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// cgroupName is where a scene lives: in cgroups of its own, as a container does.
const cgroupName = "reaperd-sampling"

// cgroupRoots are the hierarchies that matter, v1 or v2.
func cgroupRoots() (roots []string) {
	for _, file := range []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/pids/cgroup.procs"} {
		if _, err := os.Stat(file); err == nil {
			roots = append(roots, filepath.Dir(file))
		}
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		roots = append(roots, "/sys/fs/cgroup")
	}
	return roots
}

// ownCgroups moves this process, and with it all that it will start, into cgroups of its own.
func ownCgroups() error {
	roots := cgroupRoots()
	if len(roots) == 0 {
		return errors.New("none that we know is mounted")
	}
	for _, root := range roots {
		dir := filepath.Join(root, cgroupName)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroups waits for what was in them to be gone: the end of a PID namespace takes a moment.
func removeCgroups() {
	for _, root := range cgroupRoots() {
		for range 100 {
			if err := os.Remove(filepath.Join(root, cgroupName)); err == nil || errors.Is(err, os.ErrNotExist) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// limitFiles are the files of limits that the sampler reads at every look. The first counts the threads of our cgroup.
func limitFiles() []string {
	files := []string{os.DevNull}
	for _, root := range cgroupRoots() {
		for _, name := range []string{"memory.stat", "memory.limit_in_bytes", "memory.max", "pids.max"} {
			files = appendIfThere(files, filepath.Join(root, cgroupName, name))
		}
		if current := filepath.Join(root, cgroupName, "pids.current"); len(appendIfThere(nil, current)) > 0 {
			files[0] = current
		}
	}
	return append(files, "/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max")
}

func appendIfThere(files []string, name string) []string {
	if _, err := os.Stat(name); err != nil {
		return files
	}
	return append(files, name)
}
