package reaper

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/reaper/procstat"
)

func TestAFamilyIsTheChildWithAllBelowItAndItsOrphans(t *testing.T) {
	us := os.Getpid()
	const root, other = 1000, 900
	p := func(pid, ppid, group int, start uint64) procstat.Stat {
		return procstat.Stat{PID: pid, PPID: ppid, Group: group, State: 'S', Threads: 1, Start: start}
	}
	oldApp, newApp := p(other, us, other, 10), p(root, us, root, 20)
	for _, tt := range []struct {
		name  string
		walks [][]procstat.Stat
		want  string // of the last walk
	}{
		{"all below it", [][]procstat.Stat{{oldApp, newApp, p(901, other, 901, 11), p(1001, root, 1001, 21), p(1002, 1001, 1001, 22)}}, "1000 1001 1002"},
		{"before its child is there, nobody", [][]procstat.Stat{{oldApp, p(901, other, other, 11)}}, ""},
		{"an orphan that was seen below it", [][]procstat.Stat{
			{oldApp, newApp, p(1001, root, root, 21), p(1002, 1001, 1002, 22)},
			{oldApp, newApp, p(1002, us, 1002, 22)},
		}, "1000 1002"},
		{"what that orphan starts", [][]procstat.Stat{
			{oldApp, newApp, p(1002, root, 1002, 22)},
			{oldApp, newApp, p(1002, us, 1002, 22)},
			{oldApp, newApp, p(1002, us, 1002, 22), p(1003, 1002, 1003, 30)},
			{oldApp, newApp, p(1003, us, 1003, 30)},
		}, "1000 1003"},
		{"its orphans once it is dead", [][]procstat.Stat{
			{oldApp, newApp, p(1002, root, 1002, 22)},
			{oldApp, p(1002, us, 1002, 22)},
			{oldApp, p(1002, us, 1002, 22)},
		}, "1002"},
		{"an orphan that nobody saw, in its process group", [][]procstat.Stat{
			{oldApp, newApp},
			{oldApp, newApp, p(1002, us, root, 22)},
		}, "1000 1002"},
		{"not an orphan that nobody saw, in a group of its own", [][]procstat.Stat{
			{oldApp, newApp},
			{oldApp, newApp, p(1002, us, 1002, 22)},
		}, "1000"},
		{"a member that one walk has missed", [][]procstat.Stat{
			{oldApp, newApp, p(1002, root, 1002, 22)},
			{oldApp, newApp},
			{oldApp, newApp, p(1002, us, 1002, 22)},
		}, "1000 1002"},
		{"nobody who has a pid that was a member's", [][]procstat.Stat{
			{oldApp, newApp, p(1002, root, 1002, 22)},
			{oldApp, newApp},
			{oldApp, newApp, p(1002, other, other, 99)},
		}, "1000"},
		{"nobody who has its pid and its group's number after it", [][]procstat.Stat{
			{oldApp, newApp},
			{oldApp},
			{oldApp},
			{oldApp, p(root, us, root, 99), p(1001, root, root, 100)},
		}, ""},
	} {
		f := NewFamily(root)
		var family, strangers []procstat.Stat
		for _, tree := range tt.walks {
			family, strangers = f.Divide(tree)
			if len(family)+len(strangers) != len(tree) {
				t.Fatalf("%s: got %v and %v of %v, want everybody once", tt.name, family, strangers, tree)
			}
		}
		if got := pids(family); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if len(f.members) > 3 {
			t.Errorf("%s: %d are remembered, want the dead forgotten", tt.name, len(f.members))
		}
	}
}

func pids(list []procstat.Stat) string {
	var texts []string
	for _, p := range list {
		texts = append(texts, strconv.Itoa(p.PID))
	}
	return strings.Join(texts, " ")
}

func TestAFamilyKnowsRealOrphansAfterTheDeathOfItsRoot(t *testing.T) {
	if err := Subreaper(); err != nil {
		t.Fatal(err)
	}
	r := sweeping(t)
	notes := t.TempDir()
	app := func(name string) (*Child, int) {
		said := filepath.Join(notes, name)
		c := r.begin(t, command("/bin/sh", "-c", fmt.Sprintf("setsid sleep 1000 & echo $! > %s; wait", said)))
		below := 0
		eventually(t, "the app has a child of another process group", func() bool {
			text, _ := os.ReadFile(said)
			below, _ = strconv.Atoi(strings.TrimSpace(string(text)))
			if s, ok := statOf(below); ok {
				return s.Group == below
			}
			return false
		})
		return c, below
	}
	oldApp, oldChild := app("old")
	newApp, newChild := app("new")
	f := NewFamily(newApp.PID)
	divide := func() (family, strangers []procstat.Stat) {
		t.Helper()
		tree, err := r.Tree()
		if err != nil {
			t.Fatal(err)
		}
		return f.Divide(tree)
	}
	has := func(list []procstat.Stat, pid int) bool {
		return slices.ContainsFunc(list, func(s procstat.Stat) bool { return s.PID == pid })
	}
	divide()
	for _, c := range []*Child{oldApp, newApp} {
		c.Signal(syscall.SIGKILL)
		wait(t, c)
	}
	family, strangers := divide()
	if !has(family, newChild) || has(family, oldChild) || !has(strangers, oldChild) || has(strangers, newChild) {
		t.Errorf("got family %s and strangers %s, want orphan %d in the first and %d in the second", pids(family), pids(strangers), newChild, oldChild)
	}
	for _, p := range append(family, strangers...) {
		SignalProcess(p, syscall.SIGKILL)
	}
	eventually(t, "everything reaped", func() bool { tree, err := r.Remains(); return err == nil && len(tree) == 0 })
}
