package supervisor

import (
	"errors"
	"os"
	"time"
)

// Notifier hears what the app says about itself; see sd_notify(3).
type Notifier interface {
	Next() (Notice, error) // waits for the next notice; os.ErrClosed is the end, after any other error it is called again
	Relay(Notice)          // passes on what concerns whoever supervises us; does not wait
}

// Notice is one message of the app. Child is the child of ours that it comes from, or from below; PID is who sent it.
type Notice struct {
	PID   int
	Child int

	Ready     bool
	Reloading bool
	Stopping  bool
	Alive     bool          // a sign of life
	Trigger   bool          // the app asks for what would follow if it gave none
	Resets    bool          // Watchdog holds from now on
	Watchdog  time.Duration // without a sign of life for so long it counts as hung; 0: never
	Extend    time.Duration // the app wants this much time from now on
	MainPID   int           // 0: not said
	Status    string        // "": not said
}

const (
	mostUnheard = 16          // notices that are kept while a start is not known
	hearAgain   = time.Second // after an error
)

// hear passes on what the app says, beside the loop.
func (l *loop) hear() {
	defer mend(l.Log, "what the app says about itself is not heard any more")
	for failed := false; ; {
		n, err := l.Notify.Next()
		switch {
		case err == nil:
			l.notices <- n
		case errors.Is(err, os.ErrClosed):
			return
		default:
			if !failed {
				l.Log.Warn("the notify socket cannot be read", "error", err)
			}
			failed = true
			time.Sleep(hearAgain)
		}
	}
}

// onNotice counts what the app says, and nothing that others do.
func (l *loop) onNotice(n Notice) {
	switch {
	case l.app.is(n.Child):
	case l.other.is(n.Child):
		l.onOtherNotice(n)
		return
	case (l.starting || l.startingNext) && n.Child != 0: // an app may be faster than the news of its start
		if len(l.unheard) < mostUnheard {
			l.unheard = append(l.unheard, n)
		}
		return
	case l.child == nil: // the last words of an app that has ended
		return
	default:
		l.sayOnce("a message to the notify socket did not come from the app: ignored", "pid", n.PID)
		return
	}
	l.Notify.Relay(n)
	l.tell(n)
}

// hearUnheard listens to what an app has said before it was known.
func (l *loop) hearUnheard() {
	unheard := l.unheard
	l.unheard = nil
	for _, n := range unheard {
		if l.app.is(n.Child) || l.other.is(n.Child) {
			l.onNotice(n)
		}
	}
}

func (l *loop) tell(n Notice) {
	l.step(Told{n})
	if n.Ready {
		l.step(Ready{})
	}
}

// onOtherNotice: what the next app says of itself before it is the main one is nothing but whether it is ready.
func (l *loop) onOtherNotice(n Notice) {
	if l.other.machine != nil {
		l.behalf(func() { l.tell(n) })
		return
	}
	if n.Ready && l.Plan.Restart.Ready.Notify {
		l.step(NextReady{})
		l.Notify.Relay(n)
		l.tell(n)
	}
}
