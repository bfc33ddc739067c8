package reaper

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// helpers are the children that Start was told are Helper: ours, and no part of the app. Each leads a session of its
// own, by which its orphans are known while it lives.
//
// They have a lock of their own: mu is held for as long as an exec may hang, and who walks the tree must not wait for it.
type helpers struct {
	lock    sync.Mutex
	pids    map[int]bool
	forking bool // one of the children may be a helper that is not known yet
	since   time.Time
}

// begin of a fork. Callers hold mu: there is one at a time.
func (h *helpers) begin() {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.forking, h.since = true, time.Now()
}

// end of a fork; pid is 0 where it failed.
func (h *helpers) end(pid int) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.forking = false
	if pid != 0 {
		h.pids[pid] = true
	}
}

// remove says whether the child that has ended was a helper.
func (h *helpers) remove(pid int) bool {
	h.lock.Lock()
	defer h.lock.Unlock()
	was := h.pids[pid]
	delete(h.pids, pid)
	return was
}

// list gives those there are, and says whether it is worth while to wait for another.
func (h *helpers) list() (pids []int, wait bool) {
	h.lock.Lock()
	defer h.lock.Unlock()
	for pid := range h.pids {
		pids = append(pids, pid)
	}
	return pids, h.forking && time.Since(h.since) < forkWait
}

const (
	// forkWait bounds how long a fork of a helper is waited for: it takes a millisecond unless its exec hangs. Who asks
	// later does not wait again: the end of reaperd asks many times.
	forkWait = time.Second
	againIn  = time.Millisecond
)

// Helpers are the pids of all helpers that have not been reaped, in no order. Each is also the number of its session: a
// process in it, or below the helper, is not the app's. Ask after a look at /proc: whatever that saw is known by then.
func (r *Reaper) Helpers() []int {
	for ; ; time.Sleep(againIn) {
		if pids, wait := r.helpers.list(); !wait {
			return pids
		}
	}
}

// Remains lists every descendant of this process, parents before children, without the helpers and what is theirs.
// Orphans are adopted by us, so it is complete but for processes that fork while it looks. Zombies are in it, which no
// signal reaches: their parents, or whoever traces them, do not wait. The error means that /proc cannot be read, or does
// not show us: an empty or a foreign one must not pass for "nothing is left".
func (r *Reaper) Remains() ([]procstat.Stat, error) {
	all, err := census()
	if err != nil {
		return nil, err
	}
	helpers := r.Helpers()
	return all.below(func(p procstat.Stat) bool { return !theirs(p, helpers) }), nil
}

// Tree is Remains without the zombies.
func (r *Reaper) Tree() ([]procstat.Stat, error) {
	tree, err := r.Remains()
	living := tree[:0]
	for _, s := range tree {
		if !s.Zombie() {
			living = append(living, s)
		}
	}
	return living, err
}

// theirs says of a child of ours whether it is a helper or an orphan of one.
func theirs(p procstat.Stat, helpers []int) bool {
	return slices.Contains(helpers, p.PID) || slices.Contains(helpers, p.Session)
}

// SignalHelpers sends a signal to the process groups of helpers.
func (r *Reaper) SignalHelpers(sig syscall.Signal, pids ...int) {
	still := r.Helpers()
	for _, pid := range pids {
		if slices.Contains(still, pid) {
			SignalGroup(pid, sig)
		}
	}
}

// freezeWait bounds how long KillHelpers waits for everybody to stop, which nobody in an uninterruptible sleep does; and
// freezeLooks how often it looks again when it has found somebody new, though on a busy machine that takes longer.
const (
	freezeWait  = 500 * time.Millisecond
	freezeLooks = 10
)

// KillHelpers ends helpers with all that is in their sessions or below them. It stops them first: who is forked after the
// last look and has a session of its own by the time of KILL would be left, and be the app's.
func (r *Reaper) KillHelpers(pids ...int) {
	found := map[member]procstat.Stat{}
	deadline, still := time.Now().Add(freezeWait), false
	for look := 1; ; look++ {
		all, err := census()
		if err != nil {
			break
		}
		fresh, moving := false, false
		for _, p := range all.below(func(p procstat.Stat) bool { return theirs(p, pids) }) {
			if p.Zombie() {
				continue
			}
			if id := (member{p.PID, p.Start}); found[id].PID == 0 {
				found[id], fresh = p, true
				SignalProcess(p, syscall.SIGSTOP)
			}
			moving = moving || p.State != 'T'
		}
		if !fresh && (still || time.Now().After(deadline)) || look == freezeLooks {
			break
		}
		still = !moving // what they have forked is there by now, for the next look to find
		time.Sleep(againIn)
	}
	for _, p := range found {
		if !slices.Contains(pids, p.PID) {
			SignalProcess(p, syscall.SIGKILL)
		}
	}
	r.SignalHelpers(syscall.SIGKILL, pids...) // last, for their end frees their pids
}

// onlyHelpers says whether there is no child but helpers. Callers hold mu: none is being forked.
func (r *Reaper) onlyHelpers() bool {
	pids := r.Helpers()
	if len(pids) == 0 || len(r.children) > len(pids) {
		return false
	}
	left, err := r.Remains()
	return err == nil && len(left) == 0
}
