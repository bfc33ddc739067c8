package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"
)

// stage is the world a command is started in. The harness sends it as JSON; the zero value changes nothing but the
// signals: whoever started the tests (nohup, a shell's &) may have ignored some.
type stage struct {
	Keep      int      // descriptors from this one on are closed
	Proc      bool     // mount a /proc of the new PID namespace
	HidePID   bool     // with hidepid=2
	ReadOnly  bool     // make / read-only
	UID       int      // 0: stay root
	Limits    [][3]int // resource, soft, hard; -1 is no limit
	Ignore    []int    // signals ignored
	Block     []int    // signals blocked
	Close     []int    // descriptors closed
	Cgroups   []string // cgroup.procs files to be written to
	NoCaps    bool     // as docker --cap-drop ALL
	NoNewPriv bool
	NoPrctl   bool // a seccomp filter that refuses prctl
}

// launch JSON COMMAND [ARG...] sets the stage and execs the command.
func launch(args []string) error {
	var s stage
	if len(args) < 2 {
		return errors.New("want a stage and a command")
	}
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return err
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // mask, capabilities and seccomp belong to the thread that execs
	for _, step := range []func() error{s.mounts, s.keep, s.join, s.limits, s.privileges, s.signals} {
		if err := step(); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
	}
	for _, fd := range s.Close {
		syscall.Close(fd)
	}
	return syscall.Exec(path, args[1:], os.Environ())
}

func (s stage) mounts() error {
	if s.ReadOnly {
		if err := syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("remount / read-only: %w", err)
		}
	}
	if !s.Proc {
		return nil
	}
	options := ""
	if s.HidePID {
		options = "hidepid=2"
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, options); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

func (s stage) keep() error {
	const closeRange, onExec = 436, 4
	if _, _, errno := syscall.Syscall(closeRange, uintptr(s.Keep), uintptr(^uint32(0)), onExec); errno != 0 {
		return fmt.Errorf("close_range: %w", errno)
	}
	return nil
}

func (s stage) join() error {
	for _, file := range s.Cgroups {
		if err := os.WriteFile(file, []byte("0"), 0); err != nil {
			return err
		}
	}
	return nil
}

func (s stage) limits() error {
	for _, l := range s.Limits {
		r := syscall.Rlimit{Cur: uint64(l[1]), Max: uint64(l[2])}
		if err := syscall.Setrlimit(l[0], &r); err != nil {
			return fmt.Errorf("limit %v: %w", l, err)
		}
	}
	return nil
}

func (s stage) privileges() error {
	const (
		capBsetDrop  = 24
		setNoNewPriv = 38
	)
	if s.NoCaps {
		for c := uintptr(0); c < 64; c++ {
			prctl(capBsetDrop, c) // EINVAL above the last capability of this kernel
		}
	}
	if s.UID != 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setgid(s.UID); err != nil {
			return err
		}
		if err := syscall.Setuid(s.UID); err != nil {
			return err
		}
	}
	if s.NoNewPriv || s.NoPrctl {
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPriv, 1, 0, 0, 0, 0); errno != 0 {
			return errno
		}
	}
	if s.NoPrctl {
		return refuse(syscall.SYS_PRCTL)
	}
	return nil
}

// signals resets every disposition, then ignores and blocks what was asked for. Numbers 9 and 19 cannot be set.
func (s stage) signals() error {
	for sig := 1; sig <= 64; sig++ {
		if sig != int(syscall.SIGKILL) && sig != int(syscall.SIGSTOP) {
			if err := disposition(sig, 0); err != nil {
				return fmt.Errorf("reset signal %d: %w", sig, err)
			}
		}
	}
	for _, sig := range s.Ignore {
		if err := disposition(sig, 1); err != nil {
			return fmt.Errorf("ignore signal %d: %w", sig, err)
		}
	}
	return block(s.Block)
}

// refuse installs a seccomp filter under which one system call fails with EPERM.
func refuse(call uint32) error {
	const (
		loadWord = 0x20 // BPF_LD|BPF_W|BPF_ABS
		jumpEq   = 0x15 // BPF_JMP|BPF_JEQ|BPF_K
		ret      = 0x06 // BPF_RET|BPF_K
		allow    = 0x7fff0000
		fail     = 0x00050000 | uint32(syscall.EPERM)
		seccomp  = 22 // PR_SET_SECCOMP
		filter   = 2  // SECCOMP_MODE_FILTER
	)
	code := []syscall.SockFilter{
		{Code: loadWord, K: 0}, // the number of the call
		{Code: jumpEq, K: call, Jt: 0, Jf: 1},
		{Code: ret, K: fail},
		{Code: ret, K: allow},
	}
	prog := syscall.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, seccomp, filter, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return errno
	}
	return nil
}

// outer [-stay] COMMAND [ARG...] is a PID 1 that only starts one command and reaps, so that the command is not PID 1
// and yet nothing outlives the test. It ends with the command's code; with -stay only when no child is left.
func outer(args []string) error {
	stay := len(args) > 0 && args[0] == "-stay"
	if stay {
		args = args[1:]
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	main, err := syscall.ForkExec(path, args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return err
	}
	code := 0
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // ECHILD
			os.Exit(code)
		}
		if pid != main {
			continue
		}
		code = status.ExitStatus()
		if status.Signaled() {
			code = 128 + int(status.Signal())
		}
		if !stay {
			os.Exit(code)
		}
	}
}
