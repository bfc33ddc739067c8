package supervisor

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
	"github.com/reaperd/reaperd/reaper/procstat"
)

// walker signals processes of the tree, beside the loop, for a tree may have thousands. The newest order replaces one
// that has not begun: orders of a drain only ever get stronger.
type walker struct {
	reaper *reaper.Reaper
	orders chan walkOrder
	others chan walkOrder // of the other app
	learn  chan [2]*reaper.Family
	epoch  atomic.Uint64 // an order of an earlier one is void
	done   chan walked
	asked  map[identity]bool // have had their TERM
}

type walkOrder struct {
	Walk
	epoch  uint64
	only   *reaper.Family // of the other app: nobody else gets the signal
	except *reaper.Family // nobody of the other app does
}

type identity struct {
	pid   int
	start uint64
}

// walked is what one walk could not do.
type walked struct {
	err    error          // /proc cannot be read
	denied error          // the first signal that was not permitted
	pid    int            // whom it was for
	none   *reaper.Family // of which nobody was left
}

func newWalker(r *reaper.Reaper) *walker {
	return &walker{
		reaper: r,
		orders: make(chan walkOrder, 1),
		others: make(chan walkOrder, 1),
		learn:  make(chan [2]*reaper.Family, 1),
		done:   make(chan walked),
		asked:  map[identity]bool{},
	}
}

// order replaces the order that waits. Only the loop calls it.
func (w *walker) order(o walkOrder) {
	orders := w.orders
	if o.only != nil {
		orders = w.others
	}
	select {
	case <-orders:
	default:
	}
	o.epoch = w.epoch.Load()
	orders <- o
}

// cancel voids the orders given so far: the next incarnation must not get what was meant for the last.
func (w *walker) cancel() { w.epoch.Add(1) }

func (w *walker) run() {
	for {
		var o walkOrder
		select {
		case o = <-w.orders:
		case o = <-w.others:
		case families := <-w.learn:
			if tree, err := w.reaper.Tree(); err == nil {
				families[0].Divide(tree)
				families[1].Divide(tree)
			}
			continue
		}
		if result := w.safely(o); result != (walked{}) {
			w.done <- result
		}
	}
}

// safely makes a bug in a walk one that could not be done.
func (w *walker) safely(o walkOrder) (result walked) {
	defer func() {
		if p := recover(); p != nil {
			result = walked{err: fmt.Errorf("reaperd has a bug: %v", p)}
		}
	}()
	return w.walk(o)
}

func (w *walker) walk(o walkOrder) walked {
	kill := o.Signal == policy.SIGKILL
	if kill && o.Everyone && reaper.SignalAll(syscall.SIGKILL) == nil {
		return walked{}
	}
	tree, err := w.reaper.Tree()
	if err != nil {
		return walked{err: err}
	}
	if w.epoch.Load() != o.epoch { // asked after the look: whoever is new in the tree came after the cancel
		return walked{}
	}
	w.forgetGone(tree)
	var result walked
	switch {
	case o.only != nil:
		if tree, _ = o.only.Divide(tree); len(tree) == 0 {
			result.none = o.only
		}
	case o.except != nil:
		_, tree = o.except.Divide(tree)
	}
	if kill && o.Freeze {
		for _, p := range tree {
			reaper.SignalProcess(p, syscall.SIGSTOP)
		}
	}
	for _, p := range tree {
		if o.Roots && (p.PPID != os.Getpid() || o.asked == identity{p.PID, p.Start}) || o.Spare && p.Group == o.group {
			continue
		}
		if o.Again {
			delete(w.asked, identity{p.PID, p.Start})
		}
		if err := w.signal(p, o.Signal); errors.Is(err, syscall.EPERM) && result.denied == nil {
			result.denied, result.pid = err, p.PID
		}
	}
	return result
}

// forgetGone keeps the memory of who was asked as small as the tree.
func (w *walker) forgetGone(tree []procstat.Stat) {
	still := map[identity]bool{}
	for _, p := range tree {
		if id := (identity{p.PID, p.Start}); w.asked[id] {
			still[id] = true
		}
	}
	w.asked = still
}

// signal sends KILL as often as it is asked to and TERM once, with CONT after it: a stopped process cannot run its
// handler.
func (w *walker) signal(p procstat.Stat, sig policy.Signal) error {
	if sig == policy.SIGKILL {
		return reaper.SignalProcess(p, syscall.SIGKILL)
	}
	id := identity{p.PID, p.Start}
	if w.asked[id] {
		return nil
	}
	w.asked[id] = true
	if err := reaper.SignalProcess(p, syscall.Signal(sig)); err != nil {
		return err
	}
	return reaper.SignalProcess(p, syscall.SIGCONT)
}

// walk orders a walk for this app: while there is another it is none of its business, but in the end of both.
func (l *loop) walk(w Walk) {
	w.group, w.asked = l.group, l.asked
	w.Spare = w.Spare && l.Match == nil // else it was for one process, not for the group
	o := walkOrder{Walk: w}
	switch {
	case l.other == nil:
	case l.app == l.other:
		o.only = l.family
	case w.Signal != policy.SIGKILL:
		o.except = l.other.family
	}
	l.walker.order(o)
}

// learn has the walker see whose processes are whose, while the parents that tell it are still there.
func (l *loop) learn() {
	select {
	case l.walker.learn <- [2]*reaper.Family{l.family, l.other.family}:
	default: // it is about to
	}
}

// onWalked says once what could not be done. The drain goes on to its deadline all the same. By the end of a long walk
// the group may be the next incarnation's: only a drain signals it.
func (l *loop) onWalked(w walked) {
	if w.none != nil && l.other != nil && l.other.family == w.none && l.other.child == nil {
		l.behalf(func() { l.step(Reaped{Empty: true}) })
	}
	if w.err != nil && l.machine.draining() {
		l.sayOnce("cannot read /proc: signalling the app's process group alone", "error", w.err)
		sig := syscall.SIGTERM
		if l.machine.Phase() == Killing {
			sig = syscall.SIGKILL
		}
		reaper.SignalGroup(l.group, sig)
	}
	if w.denied != nil {
		l.sayOnce("a leftover may not be signalled (no CAP_KILL?)", "pid", w.pid, "error", w.denied)
	}
}
