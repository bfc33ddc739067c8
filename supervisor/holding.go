package supervisor

import "time"

// Sockets are listening sockets that reaperd keeps open from one incarnation of the app to the next. They are handed over
// by reaper.Command.
type Sockets interface {
	LetGo() // closes our copies, for good
	// Watch gives what looks, in a goroutine of its own, at whether an incarnation serves them. Each look gives the
	// stories of what it does not serve, each told once, and when to look next; 0: there is nothing more to see.
	Watch(main int) (look func(now time.Time) (stories [][]any, next time.Duration))
}

const (
	socketsLook = 5 * time.Second  // from a start to the first look at its sockets
	endedSoon   = 10 * time.Second // an app that cannot bind what we hold fails within so long
)

// tendSockets lets the sockets go once the app is asked to end for good. From then on clients meet what they would meet
// without us: an app that closes its socket refuses them at once, and nobody waits for what will not come. Not while a
// start is in flight: it hands them over. Until then somebody looks at whether the app serves them.
func (l *loop) tendSockets() {
	if l.Sockets == nil {
		return
	}
	main := 0
	if l.child != nil && !l.machine.draining() {
		main = l.child.PID
	}
	if main != l.socketsOf {
		if l.socketsOver != nil {
			close(l.socketsOver)
		}
		l.socketsOf, l.socketsOver = main, nil
		if main != 0 {
			l.socketsOver = make(chan struct{})
			go l.watchSockets(l.Sockets, main, l.socketsOver)
		}
	}
	if !l.starting && !l.startingNext && l.machine.draining() && !l.machine.restarts() {
		l.Sockets.LetGo()
		l.Sockets = nil
	}
}

func (l *loop) watchSockets(sockets Sockets, main int, over <-chan struct{}) {
	defer mend(l.Log, "held sockets are not looked at any more")
	look := sockets.Watch(main)
	timer := time.NewTimer(socketsLook)
	defer timer.Stop()
	for {
		select {
		case <-over:
			return
		case <-timer.C:
		}
		stories, next := look(time.Now())
		for _, story := range stories {
			l.Log.Warn("the app does not serve a held socket: its clients wait", story...)
		}
		if next == 0 {
			return
		}
		timer.Reset(next)
	}
}

// hintAtSockets tells what a failure right after the start most often means.
func (l *loop) hintAtSockets(code int) {
	if l.Sockets != nil && code != 0 && !l.machine.draining() && time.Since(l.upSince) < endedSoon {
		l.sayOnce("the app failed soon after its start: if an address is in use, it does not take over the sockets held for it ([[socket]])")
	}
}
