package supervisor

// Sockets are listening sockets that reaperd keeps open from one incarnation of the app to the next. They are handed over
// by reaper.Command.
type Sockets interface {
	LetGo() // closes our copies, for good
}

// letGo gives the sockets up once the app is asked to end for good. From then on clients meet what they would meet
// without us: an app that closes its socket refuses them at once, and nobody waits for what will not come. Not while a
// start is in flight: it hands them over.
func (l *loop) letGo() {
	if l.Sockets != nil && !l.starting && l.machine.draining() && !l.machine.restarts() {
		l.Sockets.LetGo()
		l.Sockets = nil
	}
}
