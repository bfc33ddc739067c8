package reaper

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// children are all processes there are, by parent.
type children map[int][]procstat.Stat

// census looks at all processes, of which ours must be one.
func census() (children, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	if own, ok := statOf(self); !ok || own.PID != self {
		return nil, errors.New("/proc is not mounted, or not for this PID namespace")
	}
	all := children{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, ok := statOf(pid); ok {
			all[s.PPID] = append(all[s.PPID], s)
		}
	}
	return all, nil
}

// below lists those of our children that are asked for, and all below them.
func (c children) below(which func(child procstat.Stat) bool) []procstat.Stat {
	var tree []procstat.Stat
	for _, s := range c[os.Getpid()] {
		if which(s) {
			tree = append(tree, s)
		}
	}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, c[tree[i].PID]...)
	}
	return tree
}

// statOf reads one /proc/PID/stat; a process that is gone is not an error.
func statOf(pid int) (procstat.Stat, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procstat.Stat{}, false
	}
	return procstat.Parse(text)
}

// mostTitle bounds what is read of a command line, which may have 2 MiB.
const mostTitle = 4096

// Title is the command line of a process as ps shows it, its words joined by spaces; "" if it cannot be read. It may
// wait for the memory lock of that process.
func Title(pid int) string {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, mostTitle))
	return string(bytes.TrimSpace(bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
}

// SignalProcess sends sig to a process of the tree, and to nobody who has its pid by now: the pidfd pins whoever has
// it, and the start time tells whether that is still the one we saw. ESRCH means that it is gone.
func SignalProcess(p procstat.Stat, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	pinned := err == nil
	if errors.Is(err, syscall.ESRCH) {
		return err
	}
	if pinned {
		defer syscall.Close(fd)
	}
	if now, ok := statOf(p.PID); !ok || now.Start != p.Start {
		return syscall.ESRCH
	}
	if pinned {
		if err = unix.PidfdSendSignal(fd, sig, nil, 0); !errors.Is(err, syscall.ENOSYS) {
			return err
		}
	}
	return syscall.Kill(p.PID, sig)
}

// SignalAll sends sig to every process of the PID namespace but ourselves. It refuses unless we are its PID 1: for
// anybody else kill(-1) means everyone on the host.
func SignalAll(sig syscall.Signal) error {
	if os.Getpid() != 1 {
		return errors.New("kill(-1) is for PID 1 only")
	}
	return syscall.Kill(-1, sig)
}

// Reception says how a signal stands with a process: whether it has a handler for it, and whether one waits to be delivered.
func Reception(pid int, sig syscall.Signal) (handled, pending bool, err error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false, false, err
	}
	has := func(name string) bool {
		mask, ok := procstat.Mask(status, name)
		return !ok || mask>>(uint(sig)-1)&1 == 1
	}
	return has("SigCgt"), has("ShdPnd") || has("SigPnd"), nil
}

// Handles says whether a process has a handler for sig (SigCgt in /proc/PID/status). It is proof for the stop signals
// (TSTP, TTIN, TTOU) and WINCH and PWR; Ruby and Go catch most others whether the app handles them or not.
func Handles(pid int, sig syscall.Signal) (bool, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false, err
	}
	mask, ok := procstat.Mask(status, "SigCgt")
	if !ok {
		return false, fmt.Errorf("no SigCgt in /proc/%d/status", pid)
	}
	return mask>>(uint(sig)-1)&1 == 1, nil
}

// Subreaper makes orphans below us our children, as they are PID 1's; see prctl(2), PR_SET_CHILD_SUBREAPER.
func Subreaper() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}
