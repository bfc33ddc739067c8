package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for something that should come at once.
const patience = 20 * time.Second

// running is a started init. The pid is the launcher's, then the init's.
type running struct {
	pid    int
	report *os.File // time stamps of the launcher (the first one) and of the app
	begin  *os.File // closing it lets the app begin
	execed *os.File // end of file once the init's exec has happened
	ended  bool
}

// launch starts an init with an app of the probe below it, as PID 1 of a new PID namespace with a /proc of its own or
// as a plain child. No init: the app alone, as PID 1 itself. Session and descriptors are new, so no terminal matters.
func (b *bench) launch(init []string, pid1 bool, app ...string) (*running, error) {
	kind := "child"
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if pid1 {
		kind, attr.Cloneflags, attr.Unshareflags = "pid1", syscall.CLONE_NEWPID, syscall.CLONE_NEWNS
	}
	argv := append([]string{b.probe, "launch", kind}, init...)
	argv = append(append(argv, b.probe), app...)

	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	var read, write [3]*os.File
	for i := range read {
		if read[i], write[i], err = os.Pipe(); err != nil {
			return nil, err
		}
	}
	files := []uintptr{null.Fd(), null.Fd(), null.Fd(), write[0].Fd(), read[1].Fd(), write[2].Fd()}
	pid, err := syscall.ForkExec(b.probe, argv, &syscall.ProcAttr{Env: os.Environ(), Files: files, Sys: attr})
	for _, theirs := range []*os.File{write[0], read[1], write[2]} {
		theirs.Close()
	}
	r := &running{pid: pid, report: read[0], begin: write[1], execed: read[2]}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("start %v: %w", argv, err)
	}
	return r, nil
}

func (r *running) close() {
	r.report.Close()
	r.begin.Close()
	r.execed.Close()
}

// outcome is how a run ended.
type outcome struct {
	code int           // -n if signal n killed it
	at   int64         // ns of CLOCK_MONOTONIC
	cpu  time.Duration // of the init and of all that it waited for
}

// wait waits for the end, however long it takes: what is started here ends by itself or was told to.
func (r *running) wait() (outcome, error) {
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(r.pid, &status, 0, &usage)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EINTR) {
			return outcome{}, err
		}
	}
	o := outcome{code: status.ExitStatus(), at: now(), cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
	if status.Signaled() {
		o.code = -int(status.Signal())
	}
	r.ended = true
	return o, nil
}

// kill ends a run at once, with its whole namespace.
func (r *running) kill() {
	if !r.ended {
		syscall.Kill(r.pid, syscall.SIGKILL)
		r.wait()
	}
	r.close()
}

// stamp reads the next time stamp, which may take as long as patience.
func (r *running) stamp() (int64, error) {
	r.report.SetReadDeadline(time.Now().Add(patience))
	var ns [8]byte
	if _, err := io.ReadFull(r.report, ns[:]); err != nil {
		return 0, fmt.Errorf("no time stamp from pid %d or its app: %w", r.pid, err)
	}
	return int64(binary.NativeEndian.Uint64(ns[:])), nil
}

// ready waits until the app runs.
func (r *running) ready() error {
	for range 2 {
		if _, err := r.stamp(); err != nil {
			return err
		}
	}
	return nil
}

// now is the clock of the stamps, in ns.
func now() int64 { return clock(unix.CLOCK_MONOTONIC) }

func clock(id int32) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return -1
	}
	return t.Nano()
}

// cpu is what a process has used since its start, all its threads, those that are gone too. The clock of another
// process is exact to the ns where /proc/PID/stat counts ticks; see clock_getcpuclockid(3).
func (r *running) cpu() time.Duration {
	const schedulerClock = 2
	return time.Duration(clock(int32(^r.pid<<3 | schedulerClock)))
}

// children counts the children of the init, living or not.
func (r *running) children() (n int, err error) {
	dir := "/proc/" + strconv.Itoa(r.pid) + "/task"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, task := range tasks {
		list, err := os.ReadFile(dir + "/" + task.Name() + "/children")
		if err != nil {
			return 0, err
		}
		for _, c := range list {
			if c == ' ' {
				n++
			}
		}
	}
	return n, nil
}
