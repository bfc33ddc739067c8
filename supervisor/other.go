package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"github.com/reaperd/reaperd/reaper"
)

// app is one incarnation of the app, with the machine that decides about it. While a restart overlaps there are two: the
// main one, and the other, which is the next one until it is ready and the old one until it is gone.
type app struct {
	machine    *Machine      // of the other one: nil while it waits to become the main one
	child      *reaper.Child // nil while there is no main process
	group      int           // its process group, or that of the one before
	generation uint64
	upSince    time.Time
	quiets     uint64         // how often a quiet or dump signal was to be sent
	asked      identity       // whom drain.match found and the stop signal was sent to
	family     *reaper.Family // whose processes are whose; nil while there is no other. Only the walker touches it
}

// is says whether pid is the main process of this app.
func (a *app) is(pid int) bool { return a != nil && a.child != nil && a.child.PID == pid }

// learnEvery is how often it is seen whose processes are whose.
const learnEvery = time.Second

// behalf does something for the other app, as if it were the main one.
func (l *loop) behalf(do func()) {
	if l.other == nil || l.other.machine == nil {
		return
	}
	main := l.app
	l.app = l.other
	func() {
		defer func() { l.app = main }()
		do()
	}()
	if l.otherOver {
		l.otherOver, l.other, l.family = false, nil, nil
		l.step(Alone{})
	}
}

// startNext starts the next app. All that there is before is the old one's.
func (l *loop) startNext() {
	l.startingNext = true
	l.family = reaper.NewFamily(l.group)
	family := l.family
	l.launch(func() (*reaper.Child, error) {
		if tree, err := l.reaper.Tree(); err == nil {
			family.Claim(tree)
		}
		return l.reaper.Start(l.Command)
	}, l.nexts)
}

func (l *loop) onNext(s startResult) {
	l.startingNext = false
	if s.err != nil {
		l.forgetEarly()
		l.step(NextGone{Why: s.err.Error()})
		return
	}
	l.incarnations++
	l.other = &app{child: s.child, group: s.child.PID, generation: l.incarnations, upSince: time.Now(), family: reaper.NewFamily(s.child.PID)}
	l.learn()
	l.step(NextStarted{PID: s.child.PID})
	l.hearUnheard()
	l.meetEarly(s.child.PID)
}

// endNext ends a next app whose start was still in flight when the old one ended for good: it must not outlive us.
func (l *loop) endNext() {
	if !l.startingNext {
		return
	}
	select {
	case s := <-l.nexts:
		if s.child != nil {
			s.child.SignalGroup(syscall.SIGKILL)
		}
	case <-time.After(lastGrace):
	}
}

// promote makes the other app the main one.
func (l *loop) promote(next *Machine) {
	l.other.machine = next
	l.app, l.other = l.other, l.app
	l.endReady()
	l.learn()
}

// dismiss brings the other app down, which never became the main one.
func (l *loop) dismiss() {
	l.endReady()
	if l.other == nil || l.other.machine != nil {
		return
	}
	m, effects := l.machine.dismissal(time.Now())
	l.other.machine = m
	l.behalf(func() { l.perform(effects) })
}

// onOtherExit: the main process of the other app has ended.
func (l *loop) onOtherExit(exit reaper.Exit, empty bool) {
	if l.other.machine == nil {
		l.step(NextGone{Why: fmt.Sprintf("it ended with %d", code(exit))})
		l.dismiss() // what it leaves behind
	}
	l.behalf(func() { l.onExit(exit, empty) })
}

// watchReady asks by a command whether the next app is ready.
func (l *loop) watchReady() {
	if len(l.Ready) == 0 || l.other == nil {
		return
	}
	l.readyOver = make(chan struct{})
	go func(over <-chan struct{}) {
		tick := time.NewTicker(askEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			if l.ask(l.Ready, over) != 0 {
				continue
			}
			select {
			case l.ready <- over:
			case <-over:
			}
			return
		}
	}(l.readyOver)
}

// endReady stops asking.
func (l *loop) endReady() {
	if l.readyOver != nil {
		close(l.readyOver)
		l.readyOver = nil
	}
}
