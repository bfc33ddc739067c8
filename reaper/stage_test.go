package reaper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// environ starts a command that copies its own environment, byte for byte.
func environ(t *testing.T, r *sweeper, env []string, listenPID bool) (got []string, pid int) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "environ")
	child, err := r.Start(Command{Argv: []string{"cp", "/proc/self/environ", out}, Env: env, ListenPID: listenPID})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Release()
	if exit := wait(t, child); exit.Code != 0 || exit.Signal != 0 {
		t.Fatalf("cp: got %+v", exit)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), child.PID
}

func TestLISTEN_PIDNamesTheChildAndNothingElseChanges(t *testing.T) {
	r := sweeping(t)
	env := []string{"PATH=" + os.Getenv("PATH"), "LISTEN_PID=1", "LISTEN_FDS=1", "TEXT=a\nb=c", "EMPTY=", "XLISTEN_PID=1", "GODEBUG=x=1", "LAST=ü"}
	plain, _ := environ(t, r, env, false)
	if !slices.Equal(plain, env) {
		t.Errorf("unstaged:\ngot  %q\nwant %q", plain, env)
	}
	staged, pid := environ(t, r, env, true)
	want := slices.Clone(env)
	want[1] = "LISTEN_PID=" + strconv.Itoa(pid)
	if !slices.Equal(staged, want) {
		t.Errorf("staged:\ngot  %q\nwant %q", staged, want)
	}
}

func TestEveryLISTEN_PIDNamesTheChild(t *testing.T) {
	got, pid := environ(t, sweeping(t), []string{"PATH=" + os.Getenv("PATH"), "LISTEN_PID=1", "A=1", "LISTEN_PID=2"}, true)
	found := 0
	for _, entry := range got {
		value, ok := strings.CutPrefix(entry, "LISTEN_PID=")
		if !ok {
			continue
		}
		found++
		if value != strconv.Itoa(pid) {
			t.Errorf("got %s, want pid %d", entry, pid)
		}
	}
	if found == 0 || !slices.Contains(got, "A=1") {
		t.Errorf("got %q, want LISTEN_PID and A=1", got)
	}
	if two := withListenPID([]string{"LISTEN_PID=1", "LISTEN_PID=2"}, "7"); !slices.Equal(two, []string{"LISTEN_PID=7", "LISTEN_PID=7"}) {
		t.Errorf("got %q, want both set", two)
	}
}

// TestInheritedDescriptorsReachTheApp: those that were ours to keep, and not one of the reaper's own.
func TestInheritedDescriptorsReachTheApp(t *testing.T) {
	r := sweeping(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "inherited"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	inherited, err := syscall.Dup(int(file.Fd())) // unlike all that Go opens, not close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	other := r.begin(t, command("sleep", "1000")) // its pidfd is ours alone
	before, seen := "", []string{}
	for _, staged := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "fds")
		script := fmt.Sprintf(`echo staged %v > /proc/self/fd/%d; for f in /proc/$$/fd/*; do readlink "$f"; done > %s`, staged, inherited, out)
		child, err := r.Start(Command{Argv: []string{"/bin/sh", "-c", script}, Env: os.Environ(), ListenPID: staged})
		if err != nil {
			t.Fatal(err)
		}
		if exit := wait(t, child); exit.Code != 0 {
			t.Fatalf("got %+v, want 0", exit)
		}
		child.Release()
		text, _ := os.ReadFile(out)
		fds := strings.ReplaceAll(string(text), out+"\n", "")
		for _, ours := range []string{"pidfd", "eventpoll", "eventfd"} {
			if strings.Contains(fds, ours) {
				t.Errorf("staged %v: the app has a %s:\n%s", staged, ours, fds)
			}
		}
		if staged && fds != before {
			t.Errorf("staged, the app has the descriptors\n%swant those it has unstaged\n%s", fds, before)
		}
		before = fds
		text, _ = os.ReadFile(file.Name())
		seen = append(seen, strings.TrimSpace(string(text)))
	}
	if want := []string{"staged false", "staged true"}; !slices.Equal(seen, want) {
		t.Errorf("written to the inherited descriptor: got %q, want %q", seen, want)
	}
	if err := other.Signal(0); err != nil {
		t.Error(err)
	}
}

func TestTheStageKeepsTheShellsCodes(t *testing.T) {
	r := sweeping(t)
	refused := file(t, t.TempDir(), "refused", "", 0o644)
	for command, want := range map[string]int{"no-such-command": 127, refused: 126, "/no/such": 127} {
		_, err := r.Start(Command{Argv: []string{command}, Env: os.Environ(), ListenPID: true})
		var failure *StartError
		if !errors.As(err, &failure) || failure.Code() != want || failure.Command != command {
			t.Errorf("%s: got %+v, want a StartError with code %d", command, err, want)
		}
	}
	eventually(t, "no stage left", func() bool { tree, _ := r.Tree(); return len(tree) == 0 })
}

func TestTheStageIsTheAppsProcess(t *testing.T) {
	r := sweeping(t)
	child := r.begin(t, Command{Argv: []string{"sleep", "1000"}, Env: os.Environ(), ListenPID: true, Pdeathsig: syscall.SIGTERM})
	s := look(t, child.PID)
	if s.PPID != os.Getpid() {
		t.Errorf("got parent %d, want us, %d", s.PPID, os.Getpid())
	}
	if group, err := syscall.Getpgid(child.PID); group != child.PID {
		t.Errorf("got process group %d (%v), want its own, %d", group, err, child.PID)
	}
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child.PID))
	if strings.TrimSpace(string(comm)) != "sleep" {
		t.Errorf("Start returned and the process is %q, want the app", comm)
	}
}

// TestAStageThatIsKilledIsAnAppThatWasKilled: somebody at the keyboard may be faster than the second exec.
func TestAStageThatIsKilledIsAnAppThatWasKilled(t *testing.T) {
	r := sweeping(t)
	over, ended := make(chan struct{}), make(chan struct{})
	defer func() {
		close(over)
		<-ended
	}()
	go func() { // kills every stage it can catch
		defer close(ended)
		for {
			select {
			case <-over:
				return
			default:
			}
			tree, _ := r.Tree()
			for _, p := range tree {
				SignalProcess(p, syscall.SIGKILL)
			}
		}
	}()
	for range 20 {
		child, err := r.Start(Command{Argv: []string{"sleep", "1000"}, Env: os.Environ(), ListenPID: true})
		if err != nil {
			t.Fatalf("got %v, want a child that was killed", err)
		}
		if exit := wait(t, child); exit.Signal != syscall.SIGKILL {
			t.Errorf("got %+v, want it killed", exit)
		}
		child.Release()
	}
}
