package supervisor

import (
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// helperGrace is what helpers of ours that still run when reaperd ends get between TERM and KILL, and lastGrace what there
// is to see the end of those that were killed. Both are within the 2 s that a platform is told to add.
const (
	helperGrace = 500 * time.Millisecond
	lastGrace   = 100 * time.Millisecond
)

// endHelpers ends what runs beside the app, when nothing else is left to do. A helper whose exec hangs is left alone.
func (l *loop) endHelpers() {
	for h, run := range l.hooks {
		if run != nil {
			l.say(Say{Info, "a hook ends with reaperd", []any{"hook", policy.Hook(h)}})
		}
	}
	l.reaper.SignalHelpers(syscall.SIGTERM, l.reaper.Helpers()...)
	if !l.helpersEnd(helperGrace) {
		l.reaper.KillHelpers(l.reaper.Helpers()...)
		l.helpersEnd(lastGrace)
	}
}

// helpersEnd waits until all have ended and what they wrote is logged.
func (l *loop) helpersEnd(within time.Duration) bool {
	over := time.After(within)
	for l.hooks != (hookRuns{}) || len(l.reaper.Helpers()) > 0 {
		select {
		case <-l.sweeps: // or nobody would reap them
		case h := <-l.hookEnds:
			l.hooks[h] = nil
		case <-over:
			return false
		}
	}
	return true
}
