package supervisor

import (
	"errors"
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

type startResult struct {
	child   *reaper.Child
	err     *reaper.StartError
	ceiling string // where a fork found no free slot, the ceiling that is nearest
}

// earlyExit is the end of a child that was faster than the news of its start.
type earlyExit struct {
	exit  reaper.Exit
	empty bool
}

func (l *loop) onStart(s startResult) {
	l.starting = false
	if s.err != nil {
		l.forgetEarly()
		l.step(StartFailed{Err: s.err, Ceiling: s.ceiling})
		return
	}
	l.child, l.group = s.child, s.child.PID
	l.incarnations++
	l.generation = l.incarnations
	l.upSince = time.Now()
	if l.generation == 1 {
		l.settleIn()
		trim()
	}
	if l.OOMKills != nil {
		l.OOMKills(l.generation) // begins to count: the app may be killed before the first look
	}
	l.step(Started{PID: s.child.PID})
	l.hearUnheard()
	l.meetEarly(s.child.PID)
}

// meetEarly deals with the end of a child that came before the news of its start.
func (l *loop) meetEarly(pid int) {
	gone, early := l.early[pid]
	l.forgetEarly()
	if early {
		l.onMainExit(gone.exit, gone.empty)
	}
}

func (l *loop) forgetEarly() {
	if !l.starting && !l.startingNext {
		clear(l.early)
		l.unheard = nil
	}
}

// settleIn is what can wait until the app runs, once.
func (l *loop) settleIn() {
	if l.Plan.Restart.Possible() {
		return
	}
	for _, fd := range l.Descriptors {
		syscall.Close(fd) // the far end of a pipe must see EOF when the app closes it
	}
	if err := syscall.Chdir("/"); err != nil { // a mount that the app leaves can be unmounted
		l.Log.Debug("cannot move to /", "error", err)
	}
}

func (l *loop) onSweep(s reaper.Sweep) {
	for _, stop := range s.Stops {
		stopped := func() {
			if l.app.is(stop.PID) {
				l.step(Stopped{Signal: policy.Signal(stop.Signal)})
			}
		}
		stopped()
		l.behalf(stopped)
	}
	for _, orphan := range s.Orphans {
		l.Log.Debug("reaped an orphan", "pid", orphan.PID, "code", code(orphan))
	}
	for _, exit := range s.Exits {
		if !l.onMainExit(exit, s.Empty) && (l.starting || l.startingNext) {
			l.early[exit.PID] = earlyExit{exit, s.Empty}
		}
	}
	if len(s.Orphans) > 0 || s.Empty {
		reaped := func() { l.step(Reaped{Orphans: len(s.Orphans), Empty: s.Empty}) }
		l.behalf(reaped)
		reaped()
	}
}

// onMainExit deals with the exit of a main process, the app's or the other one's, and says whether it was one.
func (l *loop) onMainExit(exit reaper.Exit, empty bool) bool {
	switch {
	case l.app.is(exit.PID):
		l.behalf(func() { l.step(Hurry{}) })
		l.onExit(exit, empty)
	case l.other.is(exit.PID):
		l.onOtherExit(exit, empty)
	default:
		return false
	}
	return true
}

func (l *loop) onExit(exit reaper.Exit, empty bool) {
	l.child.Release()
	l.child = nil
	if l.app != l.other {
		l.code = code(exit)
	}
	l.hintAtSockets(code(exit))
	// 137 is a riddle unless somebody says who sent the KILL.
	oom := exit.Signal == syscall.SIGKILL && l.OOMKills != nil && l.OOMKills(l.generation).Value > 0
	l.step(Exited{Exit: exit, Empty: empty, OOMKilled: oom})
}

// sweep runs beside the loop: a sweep waits for forks, and the loop waits for nobody.
func (l *loop) sweep() {
	for {
		s := l.reaper.Sweep()
		if len(s.Exits)+len(s.Orphans)+len(s.Stops) > 0 || s.Empty {
			l.sweeps <- s
		}
		select {
		case <-l.Signals.child:
		case <-l.wake:
		}
	}
}

// castNet has an exit collected whose SIGCHLD was lost. The watcher calls it, as it is awake: a tick of its own would
// cost more than a look.
func (l *loop) castNet() {
	if reaper.Due() {
		l.sweepNow()
	}
}

func (l *loop) start() {
	l.starting = true
	l.launch(func() (*reaper.Child, error) {
		if err := l.Quiet.end(); err != nil {
			l.Log.Warn("drain.quiet_file is still there", "error", err)
		}
		return l.reaper.Start(l.Command)
	}, l.starts)
}

// launch runs beside the loop too: an exec may hang.
func (l *loop) launch(start func() (*reaper.Child, error), results chan<- startResult) {
	go func() {
		child, err := start()
		var failure *reaper.StartError
		if err != nil && !errors.As(err, &failure) {
			failure = &reaper.StartError{Command: l.Command.Argv[0], Errno: syscall.EIO}
		}
		result := startResult{child: child, err: failure}
		if failure != nil && failure.Errno == syscall.EAGAIN {
			result.ceiling = l.watcher.nearestCeiling()
		}
		results <- result
	}()
}
