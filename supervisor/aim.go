package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
	"github.com/reaperd/reaperd/reaper/procstat"
)

// aim is a signal of a drain on its way to whom it is for: the main process, or the one that drain.match finds behind it.
// Who that is, and whether it handles the signal, is looked up beside the loop: /proc can be slow.
type aim struct {
	of     *reaper.Child // whose drain it is
	signal policy.Signal
	quiet  uint64 // of which stage before the stop signal, where it is sent only if it is handled; 0: a stop signal
	group  bool   // if it is for the main process, its group gets it

	target procstat.Stat // PID 0: the main process
	title  string        // its command line
	lost   bool          // drain.match matches nobody
	skip   string        // why it is not to be sent
	again  bool          // it was sent before there was a handler for it
}

// aimAt looks up whom a signal is for.
func (l *loop) aimAt(a aim) {
	if l.child == nil {
		return
	}
	a.of = l.child
	two := l.other != nil
	go func() {
		defer func() { l.aims <- a }() // for the main process, if who else was meant is not known
		defer mend(l.Log, "whom a signal is for was not looked up")
		if a.quiet > 0 {
			a.skip = "cannot tell whether the app handles it"
		}
		a.target, a.title, a.lost = l.target(a.of.PID, two)
		if a.quiet > 0 {
			a.skip = l.unhandled(a)
		}
	}()
}

// target finds the process behind the main one that drain.match means. Of two apps, what neither has below it may be
// either's.
func (l *loop) target(main int, two bool) (target procstat.Stat, title string, lost bool) {
	if l.Match == nil {
		return procstat.Stat{}, "", false
	}
	tree, err := l.reaper.Tree()
	if err != nil {
		return procstat.Stat{}, "", true
	}
	if two {
		tree, _ = reaper.NewFamily(main).Divide(tree)
	}
	for _, p := range nearest(tree, main) {
		if title = reaper.Title(p.PID); !l.Match.MatchString(title) {
			continue
		}
		if p.PID == main {
			p = procstat.Stat{}
		}
		return p, title, false
	}
	return procstat.Stat{}, "", true
}

// nearest sorts a tree by the distance from the main process, those of one distance by age. What is not below it follows:
// a server that made itself a daemon is our own child by now.
func nearest(tree []procstat.Stat, main int) []procstat.Stat {
	const adopted = 1 << 20
	distance := map[int]int{}
	for _, p := range tree { // parents come before their children
		parent, below := distance[p.PPID]
		switch {
		case p.PID == main:
			distance[p.PID] = 0
		case below:
			distance[p.PID] = parent + 1
		default:
			distance[p.PID] = adopted
		}
	}
	slices.SortStableFunc(tree, func(a, b procstat.Stat) int {
		return cmp.Or(cmp.Compare(distance[a.PID], distance[b.PID]), cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return tree
}

// unhandled says why a quiet or dump signal must not be sent: an unhandled TSTP freezes the app, an unhandled USR1 kills
// it.
func (l *loop) unhandled(a aim) string {
	pid, who := a.of.PID, "the main process"
	if a.target.PID > 0 {
		pid, who = a.target.PID, named(a.target.PID, a.title)
	}
	handles, err := reaper.Handles(pid, syscall.Signal(a.signal))
	switch {
	case err != nil:
		return "cannot tell whether the app handles it: " + err.Error()
	case handles:
		return ""
	}
	why := who + " does not handle it"
	if l.Match == nil {
		why += l.hint(a)
	}
	return why
}

// hint names a process behind the main one that would know what to do with a signal.
func (l *loop) hint(a aim) string {
	tree, _ := l.reaper.Tree()
	for _, p := range nearest(tree, a.of.PID) {
		if handles, err := reaper.Handles(p.PID, syscall.Signal(a.signal)); err == nil && handles {
			return ", but " + named(p.PID, reaper.Title(p.PID)) + " does: drain.match can name it"
		}
	}
	return ""
}

// named is a process as the log names it.
func named(pid int, title string) string {
	const most = 60
	title = Printable(title)
	return fmt.Sprintf("%q[%d]", title[:min(most, len(title))], pid)
}

// onAimed sends a signal to whom it is for. What an ended main process left behind gets TERM, and nothing else.
func (l *loop) onAimed(a aim) {
	if l.other != nil && l.app != l.other && a.of == l.other.child {
		l.behalf(func() { l.onAimed(a) })
		return
	}
	if a.of != l.child || a.quiet > 0 && (a.quiet != l.quiets || l.machine.Phase() != Quiet) {
		return
	}
	if a.again {
		l.sendAgain(a)
		return
	}
	switch {
	case a.lost:
		l.say(Say{Warn, "no process matches drain.match: the signal is for the main process", []any{"signal", a.signal}})
	case a.title != "":
		l.say(Say{Info, "drain.match", []any{"signal", a.signal, "pid", cmp.Or(a.target.PID, a.of.PID), "process", Printable(a.title)}})
	}
	if a.skip != "" {
		l.step(QuietSkipped{Why: a.skip})
		return
	}
	l.deliver(a)
}

// deliver sends a signal to whom it is for, and sees to it that a stop signal arrives.
func (l *loop) deliver(a aim) {
	pid := cmp.Or(a.target.PID, a.of.PID)
	deaf := a.quiet == 0 && unheard(pid, a.signal)
	if a.target.PID == 0 {
		l.send(Send{Signal: a.signal, Group: a.group, Cont: a.quiet == 0})
	} else {
		l.sendTarget(a)
	}
	if deaf {
		go l.awaitHandler(a, pid)
	}
}

// sendTarget signals the process that drain.match found. With its stop signal it has been asked as the main process would
// have been.
func (l *loop) sendTarget(a aim) {
	err := reaper.SignalProcess(a.target, syscall.Signal(a.signal))
	if a.quiet == 0 {
		l.asked = identity{a.target.PID, a.target.Start}
		if err == nil {
			err = reaper.SignalProcess(a.target, syscall.SIGCONT)
		}
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		l.sayOnce("a signal could not be sent", "signal", a.signal, "pid", a.target.PID, "error", err)
	}
}
