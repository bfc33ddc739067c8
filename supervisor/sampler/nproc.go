package sampler

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/procfs"

	"github.com/reaperd/reaperd/policy"
)

// nproc is RLIMIT_NPROC of the main process, which the kernel compares with all tasks of its real uid, those of other
// containers too. It exempts root.
type nproc struct {
	main    int // whose limit it is; 0: not read yet
	at      time.Time
	failed  bool
	limit   uint64 // 0: none
	uid     uint64
	name    string
	outside uint64 // tasks of the uid that are not below us
	seenAt  time.Time
	cost    time.Duration
}

// user is the real uid of a process.
type user struct {
	uid   uint64
	uidAt time.Time // when it was read; zero: not yet
}

const (
	// uidAgain is when uids and limits are read again. Few processes ever change theirs, and those soon after their start.
	uidAgain = 10 * time.Second
	// outsideShare of one core is spent at most on counting tasks of our uid that are not ours.
	outsideShare = 1000
)

func (s *Sampler) addNproc(found *ceilings, main int) {
	n := &s.tasks.nproc
	if !s.seen {
		found.failed = true
		return
	}
	switch left := main == s.opts.Self && n.main != 0 && n.main != main; {
	case left: // the main process is gone: what it left behind lives under its limit
		n.failed = n.name == ""
	case n.main != main || n.failed || s.now.Sub(n.at) >= uidAgain:
		s.readNproc(n, main)
	}
	if n.failed {
		found.failed = true
		return
	}
	if n.limit > 0 && n.uid != 0 {
		found.add(n.name, policy.Known(s.tasksOf(n.uid)), n.limit)
	}
}

func (s *Sampler) readNproc(n *nproc, main int) {
	p := s.tree.known[main]
	n.main, n.at, n.failed = main, s.now, true
	status, err := s.tree.readOf(p, "status")
	if err != nil {
		return
	}
	uid, ok := statusField(status, "Uid:")
	limits, err := s.tree.readOf(p, "limits")
	if !ok || uid != 0 && err != nil {
		return
	}
	if n.name == "" || n.uid != uid {
		n.name = fmt.Sprintf("RLIMIT_NPROC of uid %d", uid)
	}
	n.failed, n.uid, n.limit = false, uid, softLimit(limits, "Max processes")
}

// tasksOf sums the threads of all processes of a uid that we can see. Kernel threads are root's.
func (s *Sampler) tasksOf(uid uint64) uint64 {
	var sum uint64
	for _, p := range s.tree.known {
		if owner, ok := s.tree.uidOf(p, s.now); ok && owner == uid && !p.kernel {
			sum += uint64(p.threads)
		}
	}
	if !s.tree.everything {
		sum += s.tasksOutside(uid)
	}
	return sum
}

// uidOf reads the real uid from status: the owner of the directory is the effective uid, or root when the process is not
// dumpable.
func (t *tree) uidOf(p *process, now time.Time) (uint64, bool) {
	if !p.uidAt.IsZero() && (p.dead || now.Sub(p.uidAt) < uidAgain) {
		return p.uid, true
	}
	status, err := t.readOf(p, "status")
	if err != nil {
		return 0, false
	}
	uid, ok := statusField(status, "Uid:")
	if ok {
		p.uid, p.uidAt = uid, now
	}
	return uid, ok
}

// tasksOutside counts the tasks of a uid that are not below us, where the machine is not ours alone. They cost as much as
// the machine has processes, so they are counted the more seldom the longer that takes.
func (s *Sampler) tasksOutside(uid uint64) uint64 {
	n := &s.tasks.nproc
	if !n.seenAt.IsZero() && s.now.Sub(n.seenAt) < n.cost*outsideShare {
		return n.outside
	}
	begin := time.Now()
	n.seenAt, n.outside = s.now, 0
	procFS, err := procfs.NewFS(s.opts.Proc)
	if err != nil {
		return 0
	}
	procs, _ := procFS.AllProcs()
	for _, p := range procs {
		if s.tree.known[p.PID] != nil {
			continue
		}
		status, err := os.ReadFile(filepath.Join(s.opts.Proc, strconv.Itoa(p.PID), "status"))
		if owner, ok := statusField(status, "Uid:"); err == nil && ok && owner == uid {
			threads, _ := statusField(status, "Threads:")
			n.outside += threads
		}
	}
	n.cost = time.Since(begin)
	return n.outside
}
