package supervisor

import (
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// A stop signal that comes before the app has its handler can be lost: the kernel throws away what is ignored, be it by
// default (WINCH, on which Apache ends) or because a shell or nohup said so. It is sent again, once, when
//
//   - the app had no handler for it before it was sent, nor afterwards, until it no longer waited to be delivered,
//   - the app has one now.
//
// So the app has not seen the first: had it been delivered, it would have ended by it. Where there was a handler there is
// never a second signal, for to some servers that one means "at once". That leaves what a runtime with a handler of its
// own loses (Ruby, 4 of 120 TERMs in its first 60 ms): nobody can see that, and the last call is its second chance.
const (
	lossLook    = 5 * time.Millisecond // until it is lost, or delivered
	handlerLook = time.Second
	handlerWait = time.Minute
)

// unheard says whether a process would not hear of a signal that is sent now, as things are.
func unheard(pid int, sig policy.Signal) bool {
	handled, pending, err := reaper.Reception(pid, syscall.Signal(sig))
	return err == nil && !handled && !pending
}

// awaitHandler waits, beside the loop, for the handler of a signal that was lost.
func (l *loop) awaitHandler(a aim, pid int) {
	defer mend(l.Log, "whether a stop signal was lost was not looked up")
	lost, seen, look := false, false, lossLook
	for began := time.Now(); time.Since(began) < handlerWait; time.Sleep(look) {
		handled, pending, err := reaper.Reception(pid, syscall.Signal(a.signal))
		switch {
		case err != nil: // it has ended
			return
		case handled && seen:
			a.again = true
			l.aims <- a
			return
		case handled && lost: // a runtime has its own handlers before the app has its
			seen = true
		case handled: // it may have come in time
			return
		case !pending: // a blocked signal waits even where it is ignored
			lost, look = true, handlerLook
		}
	}
}

// sendAgain sends a stop signal that was lost, unless the drain has gone on from it.
func (l *loop) sendAgain(a aim) {
	if l.machine.Phase() != Stopping || l.machine.drain.sent != a.signal {
		return
	}
	l.say(Say{Info, "the stop signal is sent again: it came before the app had a handler for it", []any{"signal", a.signal}})
	a.group = false
	l.deliver(a)
}
