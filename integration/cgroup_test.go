package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

const rlimitNproc = 6

// pidsGroup is a cgroup with a pids.max, of version 1 or 2.
type pidsGroup struct {
	t   *testing.T
	dir string
}

var groups, uids atomic.Int64

// newUID is a user that nobody else is, neither another test nor another run of these tests: RLIMIT_NPROC counts what a
// user has on the whole machine.
func newUID() int { return 1<<20 + os.Getpid()<<8 + int(uids.Add(1)&0xff) }

// newPidsGroup makes a group that is removed at the end of the test.
func newPidsGroup(t *testing.T, limit int) *pidsGroup {
	t.Helper()
	needRoot(t)
	parent := "/sys/fs/cgroup/pids"
	if _, err := os.Stat(parent); err != nil {
		parent = "/sys/fs/cgroup"
		if err := os.WriteFile(parent+"/cgroup.subtree_control", []byte("+pids"), 0); err != nil {
			t.Fatalf("pids controller of cgroup v2: %v", err)
		}
	}
	g := &pidsGroup{t: t, dir: filepath.Join(parent, fmt.Sprintf("reaperd-test-%d-%d", os.Getpid(), groups.Add(1)))}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !within(patience, func() bool { return syscall.Rmdir(g.dir) == nil }) {
			t.Errorf("cannot remove %s", g.dir)
		}
	})
	g.limit(limit)
	return g
}

// join is what a stage writes to.
func (g *pidsGroup) join() []string { return []string{g.dir + "/cgroup.procs"} }

func (g *pidsGroup) limit(n int) {
	g.t.Helper()
	if err := os.WriteFile(g.dir+"/pids.max", []byte(strconv.Itoa(n)), 0); err != nil {
		g.t.Fatal(err)
	}
}

// current is how many tasks the group has.
func (g *pidsGroup) current() int {
	g.t.Helper()
	b, err := os.ReadFile(g.dir + "/pids.current")
	if err != nil {
		g.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}
