package reaper

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// helper starts a shell script as a helper; it writes pids to a file, which pids waits for.
func (s *sweeper) helper(t *testing.T, script string, n int) (c *Child, pids []int) {
	t.Helper()
	notes := filepath.Join(t.TempDir(), "pids")
	c = s.begin(t, Command{Argv: []string{"/bin/sh", "-c", script}, Env: append(os.Environ(), "NOTES="+notes), Helper: true})
	eventually(t, "what the helper starts", func() bool {
		text, _ := os.ReadFile(notes)
		pids = nil
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				return false
			}
			pids = append(pids, pid)
		}
		return len(pids) == n && strings.HasSuffix(string(text), "\n")
	})
	return c, pids
}

// adopting makes orphans come to this process until the test is over.
func adopting(t *testing.T) {
	t.Helper()
	if err := Subreaper(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

func has(tree []procstat.Stat, pid int) bool {
	return slices.ContainsFunc(tree, func(p procstat.Stat) bool { return p.PID == pid })
}

// ended says whether a process is gone, or all that is left is to reap it.
func ended(pid int) bool {
	s, ok := statOf(pid)
	return !ok || s.Zombie()
}

// kin is a child, an orphan in the helper's session, and one in a session of its own below the helper.
const kin = `sleep 1000 & echo $! >> "$NOTES"; (sleep 1000 & echo $! >> "$NOTES"); setsid -w sleep 1000 & echo $! >> "$NOTES"; `

func TestHelpersAreNoPartOfTheTree(t *testing.T) {
	adopting(t)
	r := sweeping(t)
	app := r.begin(t, command("sleep", "1000"))
	helper, pids := r.helper(t, kin+"wait", 3)
	tree, err := r.Tree()
	if err != nil || !has(tree, app.PID) {
		t.Errorf("got %+v, %v, want the app in it", tree, err)
	}
	for _, pid := range append(pids, helper.PID) {
		if has(tree, pid) {
			t.Errorf("got %+v, want nothing of the helper, pid %d", tree, pid)
		}
	}
	if got := r.Helpers(); !slices.Equal(got, []int{helper.PID}) {
		t.Errorf("got helpers %v, want %d", got, helper.PID)
	}
	r.KillHelpers(helper.PID)
	wait(t, helper)
	for _, pid := range pids {
		eventually(t, "the end of all that was the helper's", func() bool { return ended(pid) })
	}
	if got := r.Helpers(); len(got) > 0 {
		t.Errorf("got helpers %v, want none", got)
	}
}

func TestTheGroupOfAHelperEndsWithIt(t *testing.T) {
	adopting(t)
	r := sweeping(t)
	helper, pids := r.helper(t, `sleep 1000 & echo $! > "$NOTES"`, 1)
	wait(t, helper)
	eventually(t, "the end of what it left behind", func() bool { return ended(pids[0]) })
}

// TestNothingIsLeftButHelpers: a sweep says so as soon as the last of the others has ended.
func TestNothingIsLeftButHelpers(t *testing.T) {
	adopting(t)
	r := New()
	swept := func() bool { return r.Sweep().Empty }
	helper, err := r.Start(Command{Argv: []string{"/bin/sh", "-c", "(sleep 1000 &) ; exec sleep 1000"}, Env: os.Environ(), Helper: true})
	if err != nil {
		t.Fatal(err)
	}
	app, err := r.Start(command("/bin/sh", "-c", "read line; sleep 1000 & exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	if swept() {
		t.Error("got empty, want the app")
	}
	eventually(t, "the end of the app, whose stdin is empty", func() bool { r.Sweep(); return len(app.Exited) > 0 })
	if swept() {
		t.Error("got empty, want what the app has left behind")
	}
	left, err := r.Tree()
	if err != nil || len(left) != 1 {
		t.Fatalf("got %+v, %v, want one process that the app has left behind", left, err)
	}
	SignalProcess(left[0], syscall.SIGKILL)
	eventually(t, "nothing is left but a helper", swept)
	r.KillHelpers(helper.PID)
	eventually(t, "the end of the helper", func() bool { r.Sweep(); return len(helper.Exited) > 0 })
	eventually(t, "nothing at all is left", swept)
}

func TestAHelperThatCannotBeStartedIsNone(t *testing.T) {
	r := sweeping(t)
	if _, err := r.Start(Command{Argv: []string{"/no/such"}, Env: os.Environ(), Helper: true}); err == nil {
		t.Error("got no error")
	}
	dir := t.TempDir() // a directory fails in the exec, after the fork
	if _, err := r.Start(Command{Argv: []string{dir}, Env: os.Environ(), Helper: true}); err == nil {
		t.Error("got no error")
	}
	if pids, forking := r.helpers.list(); len(pids) > 0 || forking {
		t.Errorf("got %v, %v, want none", pids, forking)
	}
}

// A helper that is killed while it starts daemons leaves none: as an orphan in a session of its own it would be the app's.
func TestNothingThatAHelperStartsEscapesItsKill(t *testing.T) {
	adopting(t)
	r := sweeping(t)
	t.Cleanup(func() {
		left, _ := r.Tree()
		for _, p := range left {
			SignalProcess(p, syscall.SIGKILL)
		}
	})
	for range 10 {
		helper, _ := r.helper(t, `echo 1 > "$NOTES"; for i in $(seq 300); do setsid sleep 1000 & done; wait`, 1)
		r.KillHelpers(helper.PID)
		wait(t, helper)
		eventually(t, "nobody left", func() bool { tree, err := r.Tree(); return err == nil && len(tree) == 0 })
	}
}

func TestAHelperWhoseExecHangsIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New()
		r.helpers.begin()
		began := time.Now()
		for range 10 {
			r.Helpers()
		}
		if took := time.Since(began); took < forkWait || took > forkWait+againIn {
			t.Errorf("got the helpers after %v, want %v", took, forkWait)
		}
		r.helpers.end(7)
		if got := r.Helpers(); !slices.Equal(got, []int{7}) {
			t.Errorf("got %v, want the helper", got)
		}
	})
}
