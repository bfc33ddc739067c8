package supervisor

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// perform carries out effects, in order. None of them blocks: what can is handed to a goroutine that sends an event.
func (l *loop) perform(effects []Effect) {
	for i, e := range effects {
		switch e := e.(type) {
		case Start:
			l.walker.cancel()
			l.start()
		case Send:
			switch {
			case e.Cont && l.Match != nil:
				l.aimAt(aim{signal: e.Signal, group: e.Group})
			case e.Cont && l.child != nil:
				l.deliver(aim{of: l.child, signal: e.Signal, group: e.Group})
			default:
				l.send(e)
			}
		case SendQuiet:
			l.sendQuiet(e.Signal)
		case GoQuiet:
			l.goQuiet(e.Signal)
		case Walk:
			l.walk(e)
		case Sweep:
			l.sweepNow()
		case Suspend:
			l.suspend()
		case TakeTerminal:
			l.takeTerminal()
		case Foreground:
			l.foreground()
		case RunHook:
			l.runHook(e)
		case EndHook:
			l.endHook(e.Hook)
		case Say:
			l.say(e)
		case NameSurvivors:
			l.nameSurvivors()
		case AskRoom:
			l.askRoom()
		case StartNext:
			l.startNext()
		case WatchReady:
			l.watchReady()
		case Promote:
			l.promote(e.Next)
			l.behalf(func() { l.perform(effects[i+1:]) })
			return
		case Dismiss:
			l.dismiss()
		case Exit:
			if l.app == l.other {
				l.otherOver = true
				return
			}
			l.code, l.over = e.Code, true
		}
	}
}

func (l *loop) sweepNow() {
	select {
	case l.wake <- struct{}{}:
	default: // one is due already
	}
}

// send signals the main process. ESRCH means that it is gone and its exit is on the way.
func (l *loop) send(e Send) {
	if l.child == nil {
		return
	}
	signal := l.child.Signal
	if e.Group {
		signal = l.child.SignalGroup
	}
	err := signal(syscall.Signal(e.Signal))
	if err == nil && e.Cont && e.Signal != policy.SIGKILL {
		err = signal(syscall.SIGCONT)
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		l.sayOnce("a signal could not be sent", "signal", e.Signal, "pid", l.child.PID, "error", err)
	}
	l.say(Say{Debug, "signal", []any{"signal", e.Signal, "pid", l.child.PID, "group", e.Group}})
}

// sendQuiet sends a quiet or dump signal to an app that handles it.
func (l *loop) sendQuiet(sig policy.Signal) {
	l.quiets++
	l.aimAt(aim{signal: sig, quiet: l.quiets})
}

// suspend stops our job with the app's and goes on with it: as the foreground if the shell says so, else behind.
func (l *loop) suspend() {
	tty := l.Command.Terminal
	if tty == nil || l.child == nil {
		return
	}
	if err := tty.TakeBack(); err != nil {
		l.sayOnce("cannot take the terminal back", "error", err)
	}
	reaper.Suspend()
	l.foreground()
	l.child.SignalGroup(syscall.SIGCONT)
}

func (l *loop) foreground() {
	if tty := l.Command.Terminal; tty != nil && l.child != nil && tty.Ours() {
		tty.Give(l.child.PID)
	}
}

func (l *loop) takeTerminal() {
	if tty := l.Command.Terminal; tty != nil {
		tty.TakeBack()
	}
}

func (l *loop) say(s Say) {
	for i, v := range s.Story {
		if text, ok := v.(fmt.Stringer); ok {
			s.Story[i] = text.String() // names and durations as JSON, too
		}
	}
	switch s.Level {
	case Debug:
		l.Log.Debug(s.Message, s.Story...)
	case Info:
		l.Log.Info(s.Message, s.Story...)
	case Warn:
		l.Log.Warn(s.Message, s.Story...)
	case Error:
		l.Log.Error(s.Message, s.Story...)
	}
}

// nameSurvivors says who did not even end by SIGKILL, and in what state: D is uninterruptible sleep.
func (l *loop) nameSurvivors() {
	tree, _ := l.reaper.Remains()
	for _, p := range tree[:min(3, len(tree))] {
		l.say(Say{Error, "a process is still there after SIGKILL", []any{"pid", p.PID, "state", string(p.State)}})
	}
}

// mend is deferred by what runs beside the loop: a bug of ours must not cost the app its PID 1.
func mend(log hclog.Logger, what string) {
	if p := recover(); p != nil {
		log.Error("reaperd has a bug: "+what, "panic", p)
	}
}

// sayOnce writes a warning the first time only.
func (l *loop) sayOnce(message string, kv ...any) {
	if !l.said[message] {
		l.said[message] = true
		l.say(Say{Warn, message, kv})
	}
}
