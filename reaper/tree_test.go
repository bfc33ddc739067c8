package reaper

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// look is what /proc says of one process.
func look(t *testing.T, pid int) procstat.Stat {
	t.Helper()
	s, ok := statOf(pid)
	if !ok {
		t.Fatalf("pid %d is not in /proc", pid)
	}
	return s
}

func TestTreeListsDescendantsAndNoZombies(t *testing.T) {
	r := New() // not swept: what dies stays a zombie
	notes := filepath.Join(t.TempDir(), "pid")
	parent, err := r.Start(command("/bin/sh", "-c", "sleep 1000 & echo $! > "+notes+"; wait"))
	if err != nil {
		t.Fatal(err)
	}
	dead, err := r.Start(command("true"))
	if err != nil {
		t.Fatal(err)
	}
	var grandchild int
	eventually(t, "the grandchild is known", func() bool {
		text, _ := os.ReadFile(notes)
		grandchild, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	eventually(t, "a zombie", func() bool { return look(t, dead.PID).Zombie() })

	tree, err := r.Tree()
	if err != nil {
		t.Fatal(err)
	}
	at := func(pid int) int {
		return slices.IndexFunc(tree, func(s procstat.Stat) bool { return s.PID == pid })
	}
	if p, g := at(parent.PID), at(grandchild); p < 0 || g < p {
		t.Errorf("got parent at %d and grandchild at %d of %+v, want both, parent first", p, g, tree)
	}
	for _, pid := range []int{dead.PID, os.Getpid(), os.Getppid(), 1} {
		if at(pid) >= 0 {
			t.Errorf("pid %d is in %+v: want neither zombies nor ourselves nor strangers", pid, tree)
		}
	}

	if err := SignalProcess(tree[at(grandchild)], syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	eventually(t, "everything swept", func() bool { return r.Sweep().Empty })
	for _, c := range []*Child{parent, dead} {
		if exit := wait(t, c); exit.Signal != 0 {
			t.Errorf("got %+v, want that the KILL reached the grandchild alone", exit)
		}
		c.Release()
	}
}

func TestSignalProcessKnowsAStrangerByItsStartTime(t *testing.T) {
	r := sweeping(t)
	child := r.begin(t, command("sleep", "1000"))
	seen := look(t, child.PID)
	stranger := seen
	stranger.Start++
	if err := SignalProcess(stranger, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the same pid with another start time: got %v, want ESRCH", err)
	}
	if err := SignalProcess(seen, 0); err != nil {
		t.Fatalf("got %v, want it alive", err)
	}
	if err := SignalProcess(seen, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if exit := wait(t, child); exit.Signal != syscall.SIGTERM {
		t.Errorf("got %+v, want it ended by TERM", exit)
	}
	if err := SignalProcess(seen, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("gone: got %v, want ESRCH", err)
	}
}

func TestSignalAllIsForPID1(t *testing.T) {
	if os.Getpid() == 1 {
		t.Fatal("this test would end the machine it runs on: run it below an init")
	}
	if err := SignalAll(0); err == nil { // signal 0 asks and harms nobody
		t.Error("got nil, want a refusal: kill(-1) means everyone")
	}
}

func TestHandlesTellsAHandlerFromADefault(t *testing.T) {
	r := sweeping(t)
	ready := filepath.Join(t.TempDir(), "ready")
	child := r.begin(t, command("/bin/sh", "-c", `trap : TSTP USR2; trap "" WINCH; : > `+ready+`; while :; do sleep 1000; done`))
	eventually(t, "the traps are set", func() bool { return exists(ready) })
	for sig, want := range map[syscall.Signal]bool{
		syscall.SIGTSTP: true, syscall.SIGUSR2: true, syscall.SIGUSR1: false, syscall.SIGWINCH: false, syscall.SIGTTIN: false, 64: false,
	} {
		if got, err := Handles(child.PID, sig); got != want || err != nil {
			t.Errorf("%v: got %v, %v, want %v", sig, got, err, want)
		}
	}
	child.SignalGroup(syscall.SIGKILL)
	wait(t, child)
	eventually(t, "no /proc entry", func() bool { return !exists("/proc/" + strconv.Itoa(child.PID)) })
	if _, err := Handles(child.PID, syscall.SIGTSTP); err == nil {
		t.Error("a process that is gone: got no error")
	}
}
