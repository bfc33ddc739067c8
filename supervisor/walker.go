package supervisor

import (
	"errors"
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
	epoch  atomic.Uint64 // an order of an earlier one is void
	done   chan walked
	asked  map[identity]bool // have had their TERM
}

type walkOrder struct {
	Walk
	epoch uint64
}

type identity struct {
	pid   int
	start uint64
}

// walked is what one walk could not do.
type walked struct {
	err    error // /proc cannot be read
	denied error // the first signal that was not permitted
	pid    int   // whom it was for
}

func newWalker(r *reaper.Reaper) *walker {
	return &walker{reaper: r, orders: make(chan walkOrder, 1), done: make(chan walked), asked: map[identity]bool{}}
}

// order replaces the order that waits. Only the loop calls it.
func (w *walker) order(o Walk) {
	select {
	case <-w.orders:
	default:
	}
	w.orders <- walkOrder{o, w.epoch.Load()}
}

// cancel voids the orders given so far: the next incarnation must not get what was meant for the last.
func (w *walker) cancel() { w.epoch.Add(1) }

func (w *walker) run() {
	for o := range w.orders {
		if result := w.walk(o); result != (walked{}) {
			w.done <- result
		}
	}
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
	if kill && o.Freeze {
		for _, p := range tree {
			reaper.SignalProcess(p, syscall.SIGSTOP)
		}
	}
	w.forgetGone(tree)
	var result walked
	for _, p := range tree {
		if o.Roots && (p.PPID != os.Getpid() || o.asked == identity{p.PID, p.Start}) || o.Spare && p.Group == o.group {
			continue
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

// onWalked says once what could not be done. The drain goes on to its deadline all the same. By the end of a long walk
// the group may be the next incarnation's: only a drain signals it.
func (l *loop) onWalked(w walked) {
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
