package reaper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestDueTellsOfAnExitAndTakesNothing(t *testing.T) {
	r := New()
	sleeper, err := r.Start(command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		sleeper.Signal(syscall.SIGKILL)
		eventually(t, "the last child is reaped", func() bool { return r.Sweep().Empty })
		if !Due() {
			t.Error("nothing is due when there is no child, want what a sweep would say")
		}
	}()
	if Due() {
		t.Error("something is due while nothing has ended")
	}
	child, err := r.Start(command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the exit is due", Due)
	if !Due() {
		t.Error("asking has taken the exit")
	}
	if got := r.Sweep().Exits; len(got) != 1 || got[0] != (Exit{PID: child.PID, Code: 3}) {
		t.Errorf("got %+v, want the exit with code 3", got)
	}
	if Due() {
		t.Error("something is due after the sweep")
	}
	sleeper.Signal(syscall.SIGSTOP)
	eventually(t, "the stop is due", Due)
	if got := r.Sweep().Stops; len(got) != 1 {
		t.Errorf("got %+v, want a stop", got)
	}
}

func TestEveryExitCodeArrivesAndNoFailedExecIsAnOrphan(t *testing.T) {
	starts, failures := 2000, 400
	if testing.Short() {
		starts, failures = 200, 40
	}
	const workers = 8
	r := sweeping(t)
	refused := file(t, t.TempDir(), "refused", "", 0o644) // found, forked for, and not executed
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for i := worker; i < starts; i += workers {
				code := i % 256
				child, err := r.Start(command("/bin/sh", "-c", "exit "+strconv.Itoa(code)))
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case exit := <-child.Exited:
					if exit != (Exit{PID: child.PID, Code: code}) {
						t.Errorf("got %+v, want pid %d with code %d", exit, child.PID, code)
					}
				case <-time.After(patience):
					t.Errorf("pid %d: its exit was lost", child.PID)
					return
				}
				child.Release()
			}
		})
		all.Go(func() {
			for i := worker; i < failures; i += workers {
				if _, err := r.Start(command(refused)); !errors.Is(err, syscall.EACCES) {
					t.Errorf("got %v, want EACCES", err)
				}
			}
		})
	}
	all.Wait()
	if orphans, _ := r.found(); len(orphans) != 0 {
		t.Errorf("got %d phantom orphans, the first %+v, want none", len(orphans), orphans[0])
	}
}

func TestStartsLeaveNoDescriptorBehind(t *testing.T) {
	r := sweeping(t)
	refused := file(t, t.TempDir(), "refused", "", 0o644)
	open := func() int { return len(strings.Fields(descriptors(t))) }
	before := open()
	for i := range 20 {
		child, err := r.Start(Command{Argv: []string{"true"}, Env: os.Environ(), ListenPID: i%2 == 0})
		if err != nil {
			t.Fatal(err)
		}
		wait(t, child)
		child.Release()
		if _, err := r.Start(Command{Argv: []string{refused}, Env: os.Environ(), ListenPID: i%2 == 0}); err == nil {
			t.Fatal("a file without x bit was executed")
		}
	}
	if after := open(); after > before {
		t.Errorf("got %d descriptors after 40 starts, want %d as before: %s", after, before, descriptors(t))
	}
	if len(r.children) != 0 {
		t.Errorf("got %d children still known, want none", len(r.children))
	}
}

func TestHowAChildEnds(t *testing.T) {
	r := sweeping(t)
	for _, c := range []struct {
		script string
		want   Exit
	}{
		{"exit 0", Exit{}},
		{"exit 255", Exit{Code: 255}},
		{"kill -TERM $$", Exit{Signal: syscall.SIGTERM}},
		{"kill -KILL $$", Exit{Signal: syscall.SIGKILL}},
		{"kill -40 $$", Exit{Signal: 40}},
		{"ulimit -c 0; kill -SEGV $$", Exit{Signal: syscall.SIGSEGV}},
	} {
		child, err := r.Start(command("/bin/sh", "-c", c.script))
		if err != nil {
			t.Fatal(err)
		}
		exit := wait(t, child)
		child.Release()
		c.want.PID, exit.CoreDump = child.PID, false // core_pattern may pipe a dump whatever the limit
		if exit != c.want {
			t.Errorf("%s: got %+v, want %+v", c.script, exit, c.want)
		}
	}
}

func TestAdoptedOrphansAreReaped(t *testing.T) {
	if err := Subreaper(); err != nil {
		t.Fatal(err)
	}
	r := sweeping(t)
	const orphans = 20
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	hold, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	var parents []*Child
	for i := range orphans {
		script := fmt.Sprintf("(read x < %s; exit %d) & exit 0", fifo, 100+i)
		parents = append(parents, r.begin(t, command("/bin/sh", "-c", script)))
	}
	for _, p := range parents {
		if exit := wait(t, p); exit.Code != 0 {
			t.Fatalf("got %+v, want code 0", exit)
		}
	}
	hold.WriteString(strings.Repeat("\n", orphans)) // a line for each
	eventually(t, "all orphans reaped", func() bool { got, _ := r.found(); return len(got) >= orphans })
	codes := map[int]int{}
	got, _ := r.found()
	for _, o := range got {
		codes[o.Code]++
	}
	for i := range orphans {
		if codes[100+i] != 1 {
			t.Errorf("got %d orphans with code %d, want 1 (all: %v)", codes[100+i], 100+i, codes)
		}
	}
}

func TestAStopIsReportedAndIsNoExit(t *testing.T) {
	r := sweeping(t)
	child := r.begin(t, command("/bin/sh", "-c", "kill -STOP $$; exit 7"))
	eventually(t, "the stop reported", func() bool { _, stops := r.found(); return len(stops) > 0 })
	if _, stops := r.found(); stops[0] != (Stop{PID: child.PID, Signal: syscall.SIGSTOP}) {
		t.Errorf("got %+v, want SIGSTOP of pid %d", stops[0], child.PID)
	}
	select {
	case exit := <-child.Exited:
		t.Fatalf("got %+v while it was stopped", exit)
	default:
	}
	if err := child.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, child); exit.Code != 7 {
		t.Errorf("got %+v, want code 7", exit)
	}
}

func TestSweepSaysThatNoChildIsLeft(t *testing.T) {
	r := New()
	eventually(t, "without a child a sweep is Empty", func() bool { return r.Sweep().Empty })
	child, err := r.Start(command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	defer child.Release()
	if s := r.Sweep(); s.Empty || len(s.Exits) != 0 {
		t.Errorf("with a child: got %+v, want neither Empty nor an exit", s)
	}
	child.Signal(syscall.SIGKILL)
	var last Sweep
	eventually(t, "the exit swept", func() bool { last = r.Sweep(); return len(last.Exits) == 1 })
	if !last.Empty {
		t.Errorf("with the last exit: got %+v, want Empty", last)
	}
}

func TestASignalToAReapedChildReachesNobody(t *testing.T) {
	r := sweeping(t)
	dead := r.begin(t, command("true"))
	wait(t, dead)
	stranger := r.begin(t, command("sleep", "1000"))
	reused := &Child{PID: stranger.PID, pidfd: dead.pidfd} // as if the pid had been given out again
	if err := reused.Signal(syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("got %v, want ESRCH", err)
	}
	if err := stranger.Signal(0); err != nil {
		t.Errorf("the stranger: got %v, want it alive", err)
	}
}

func TestSignalGroupReachesTheGroup(t *testing.T) {
	r := sweeping(t)
	ready := filepath.Join(t.TempDir(), "ready")
	member := `trap "exit 9" TERM; : > ` + ready + `; while :; do sleep 0.01; done`
	child := r.begin(t, command("/bin/sh", "-c", `trap : TERM; sh -c '`+member+`' & wait $!; code=$?
		[ $code != 143 ] || { wait $!; code=$?; }; exit $code`)) // the trap ends the first wait, unless it came before it
	eventually(t, "the app ready", func() bool { return exists(ready) })
	if err := child.SignalGroup(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, child); exit.Code != 9 {
		t.Errorf("got %+v, want 9, the code of the group's other member", exit)
	}
}
