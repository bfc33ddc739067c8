package supervisor

import (
	"syscall"
	"time"
)

// helperGrace is what helpers of ours that still run when reaperd ends get between TERM and KILL. It is within the 2 s
// that a platform is told to add.
const helperGrace = 500 * time.Millisecond

// endHelpers ends what runs beside the app, when nothing else is left to do. A helper whose exec hangs is left alone.
func (l *loop) endHelpers() {
	pids := l.reaper.Helpers()
	if len(pids) == 0 {
		return
	}
	l.reaper.SignalHelpers(syscall.SIGTERM, pids...)
	over := time.After(helperGrace)
	for len(l.reaper.Helpers()) > 0 {
		select {
		case <-l.sweeps: // or nobody would reap them
		case <-over:
			l.reaper.KillHelpers(l.reaper.Helpers()...)
			return
		}
	}
}
