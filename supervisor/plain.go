package supervisor

import (
	"syscall"
	"time"

	"github.com/reaperd/reaperd/reaper"
)

// plainInit takes over when the loop has panicked: it forwards, reaps, ends with the app's code, and once TERM or INT
// came, before or after the panic, kills whatever is left when the time is up. It has no features on purpose.
func (l *loop) plainInit() int {
	var deadline <-chan time.Time
	forward := func(sig syscall.Signal) {
		if deadline == nil && (sig == syscall.SIGTERM || sig == syscall.SIGINT) {
			deadline = time.After(l.Plan.Drain.StopTimeout)
		}
		for _, a := range []*app{l.app, l.other} {
			if a != nil && a.child != nil {
				a.child.Signal(sig)
			}
		}
	}
	if l.machine.down || l.machine.draining() {
		forward(syscall.SIGTERM)
	}
	for l.child != nil || l.starting {
		select {
		case sig := <-l.Signals.stop:
			forward(sig.(syscall.Signal))
		case <-l.Signals.other:
		case <-l.aims:
		case <-l.idle:
		case <-l.hookEnds:
		case <-l.notices: // the app would wait for room in the socket
		case <-l.watcher.findings:
		case <-l.walker.done:
		case s := <-l.starts:
			if s.err != nil {
				return s.err.Code()
			}
			l.child, l.starting = s.child, false
			if gone, early := l.early[l.child.PID]; early {
				return code(gone.exit)
			}
			if deadline != nil {
				forward(syscall.SIGTERM)
			}
		case <-deadline:
			if reaper.SignalAll(syscall.SIGKILL) != nil && l.child != nil {
				l.child.SignalGroup(syscall.SIGKILL)
			}
			return 128 + int(syscall.SIGKILL)
		case s := <-l.sweeps:
			for _, exit := range s.Exits {
				if l.app.is(exit.PID) {
					return code(exit)
				}
				l.early[exit.PID] = earlyExit{exit, s.Empty}
			}
		}
	}
	return l.code
}
