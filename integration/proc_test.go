package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// eventually polls until claim is true.
func eventually(t *testing.T, what string, claim func() bool) {
	t.Helper()
	if !within(patience, claim) {
		t.Fatalf("waited %v for %s", patience, what)
	}
}

// never polls for d and fails as soon as claim is true.
func never(t *testing.T, d time.Duration, what string, claim func() bool) {
	t.Helper()
	if within(d, claim) {
		t.Fatalf("did happen: %s", what)
	}
}

func within(d time.Duration, claim func() bool) bool {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		began := time.Now()
		if claim() {
			return true
		}
		// A claim may read all of /proc: those who wait must not be what keeps the machine busy.
		select {
		case <-time.After(2*time.Millisecond + 2*time.Since(began)):
		case <-deadline.C:
			return claim()
		}
	}
}

// process is one line of /proc as the host sees it.
type process struct {
	PID, PPID, PGrp int
	State           byte
	Comm            string
}

func (p process) String() string {
	return fmt.Sprintf("%d(%s) %c ppid=%d pgrp=%d", p.PID, p.Comm, p.State, p.PPID, p.PGrp)
}

// processNow reads one process; a vanished one has pid 0.
func processNow(pid int) process {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}
	}
	open, end := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	f := strings.Fields(string(b[end+1:]))
	ppid, _ := strconv.Atoi(f[1])
	pgrp, _ := strconv.Atoi(f[2])
	return process{PID: pid, PPID: ppid, PGrp: pgrp, State: f[0][0], Comm: string(b[open+1 : end])}
}

// descendants lists the tree below pid, parents first.
func descendants(pid int) []process {
	children := map[int][]process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		n, _ := strconv.Atoi(filepath.Base(dir))
		if p := processNow(n); p.PID != 0 {
			children[p.PPID] = append(children[p.PPID], p)
		}
	}
	var all []process
	for next := children[pid]; len(next) > 0; {
		all = append(all, next...)
		var below []process
		for _, p := range next {
			below = append(below, children[p.PID]...)
		}
		next = below
	}
	return all
}

// children lists the processes whose parent is reaperd.
func (r *running) children() []process {
	var own []process
	for _, p := range descendants(r.pid) {
		if p.PPID == r.pid {
			own = append(own, p)
		}
	}
	return own
}

// zombies counts dead processes that reaperd should have reaped.
func (r *running) zombies() int {
	n := 0
	for _, p := range r.children() {
		if p.State == 'Z' {
			n++
		}
	}
	return n
}

// app waits for reaperd's first child that has become another program.
func (r *running) app() process {
	r.t.Helper()
	var found process
	eventually(r.t, "the app to run", func() bool {
		for _, p := range r.children() {
			if e := exe(p.PID); e != "" && e != reaperdBin && p.State != 'Z' {
				found = p
				return true
			}
		}
		return false
	})
	return found
}

// exe is the path of the program that pid runs, "" if there is none.
func exe(pid int) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return path
}

// status reads one field of /proc/PID/status.
func status(pid int, field string) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// mask reads a signal set of /proc/PID/status, e.g. "SigIgn".
func mask(t *testing.T, pid int, field string) uint64 {
	t.Helper()
	m, err := strconv.ParseUint(status(pid, field), 16, 64)
	if err != nil {
		t.Fatalf("%s of %d: %v", field, pid, err)
	}
	return m
}

// bit is a signal in a set.
func bit(sig int) uint64 { return 1 << (sig - 1) }

// innerPID is the pid of a process inside the innermost namespace.
func innerPID(t *testing.T, pid int) int {
	t.Helper()
	f := strings.Fields(status(pid, "NSpid"))
	if len(f) == 0 {
		t.Fatalf("process %d is gone", pid)
	}
	n, err := strconv.Atoi(f[len(f)-1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cpuTicks is the CPU time that a process has used, in hundredths of a second.
func cpuTicks(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return user + system
}

// kilobytes reads a size of /proc/PID/status.
func kilobytes(t *testing.T, pid int, field string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(status(pid, field), " kB"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
