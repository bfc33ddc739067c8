package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// printSignals prints what comes on the channels, until the last signal of all.
func printSignals() int {
	s := CatchEarly()
	fmt.Println("early")
	s.CatchRest(len(os.Args) > 1)
	fmt.Println("ready")
	for {
		select {
		case sig := <-s.stop:
			fmt.Println("stop", int(sig.(syscall.Signal)))
		case sig := <-s.other:
			n := int(sig.(syscall.Signal))
			fmt.Println("other", n)
			if n == 64 {
				return 0
			}
		}
	}
}

// poll polls for what sends no event.
func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func caught(status string, sig syscall.Signal) bool {
	mask, _ := procstat.Mask([]byte(status), "SigCgt")
	return mask>>(uint(sig)-1)&1 == 1
}

func TestEverySignalThatCanBeForwardedArrives(t *testing.T) {
	p := process(t, "signals", exec.Command(os.Args[0]))
	p.says("ready")
	never := map[syscall.Signal]bool{syscall.SIGKILL: true, syscall.SIGSTOP: true, syscall.SIGCHLD: true, syscall.SIGURG: true,
		syscall.SIGPROF: true, 32: true, 33: true, 34: true}
	for n := syscall.Signal(1); n <= 64; n++ {
		if never[n] {
			if n == syscall.SIGURG || n == syscall.SIGCHLD {
				p.gets(n, n, n)
			}
			continue
		}
		p.gets(n)
		channel := "other "
		if slices.Contains(stopSignals, os.Signal(n)) {
			channel = "stop "
		}
		select { // the very next line: SIGURG and SIGCHLD print none
		case line := <-p.lines:
			if line != channel+strconv.Itoa(int(n)) {
				t.Errorf("got %q, want %s%d", line, channel, n)
			}
		case <-time.After(patience):
			t.Fatalf("signal %d did not arrive", n)
		}
	}
	p.ends(0)
}

func TestIgnoredSignalsStayIgnored(t *testing.T) {
	p := process(t, "signals", exec.Command("/bin/sh", "-c", `trap "" HUP INT; exec "$0"`, os.Args[0]))
	p.says("ready")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	ignored, _ := procstat.Mask(status, "SigIgn")
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if ignored>>(uint(sig)-1)&1 == 0 || caught(string(status), sig) {
			t.Errorf("%v is not ignored any more: SigIgn %x", sig, ignored)
		}
	}
	p.gets(syscall.SIGHUP, syscall.SIGINT, 64)
	p.says("other 64")
	p.ends(0)
	if log := p.stderr.String(); log != "" {
		t.Error(log)
	}
}

func TestOnATerminalJobControlIsLeftToTheKernel(t *testing.T) {
	p := process(t, "signals", exec.Command(os.Args[0], "terminal"))
	p.says("ready")
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	ignored, _ := procstat.Mask(status, "SigIgn")
	for _, sig := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		if caught(string(status), sig) || ignored>>(uint(sig)-1)&1 == 1 {
			t.Errorf("%v is caught or ignored, want its default", sig)
		}
	}
	if !caught(string(status), syscall.SIGPIPE) || !caught(string(status), syscall.SIGCONT) {
		t.Error("PIPE and CONT are not caught")
	}
	p.gets(64)
	p.ends(0)
}

func TestNothingIsIgnoredByThisPackage(t *testing.T) {
	if signal.Ignored(syscall.SIGURG) || signal.Ignored(syscall.SIGTTOU) {
		t.Error("an ignored signal would be ignored in the app too")
	}
}

// countThreads loads the runtime as a drain at a full ceiling does, after ReserveThreads. The first round stands for the
// start of the app: threads of the reserve may still be on their way to be parked.
func countThreads() int {
	signals := CatchEarly()
	ReserveThreads()
	signals.CatchRest(false)
	load()
	before := tasks()
	for range 10 {
		load()
	}
	if after := tasks(); after != before {
		fmt.Printf("%d threads, then %d\n", before, after)
		return 1
	}
	fmt.Println("enough")
	return 0
}

func tasks() int {
	entries, _ := os.ReadDir("/proc/self/task")
	return len(entries)
}

// load hangs what can hang and keeps the rest busy.
func load() {
	const blocked, busy = 4, 3 // a start, a look, a walk and the log hang; the loop, the sweeps and the signals go on
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	returned := make(chan int)
	for range blocked {
		go func() {
			n, _ := syscall.Read(pipe[0], make([]byte, 1))
			returned <- n
		}()
	}
	for range busy {
		go func() {
			total := 0
			for i := range 200 {
				total += len(strings.Repeat("x", 10000+i))
				os.ReadFile("/proc/self/stat")
			}
			returned <- total
		}()
	}
	for range busy {
		<-returned
	}
	syscall.Write(pipe[1], make([]byte, blocked))
	for range blocked {
		<-returned
	}
	syscall.Close(pipe[0])
	syscall.Close(pipe[1])
}

func TestNoThreadIsMadeAfterReserveThreads(t *testing.T) {
	p := process(t, "threads", exec.Command(os.Args[0]))
	p.says("enough")
	p.ends(0)
}
