package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// eventPrefix begins the names of what a hook is told.
const eventPrefix = "REAPERD_EVENT_"

// outputGrace is how long the output of a hook that has ended is still read: somebody else may hold it open.
const outputGrace = 100 * time.Millisecond

// hookRuns are the hooks that run, at most one of each.
type hookRuns [policy.NumHooks]chan struct{} // closed: it is to end

// runHook runs a hook beside the loop.
func (l *loop) runHook(e RunHook) {
	if l.hooks[e.Hook] != nil {
		l.say(Say{Warn, "hook skipped: it still runs", []any{"hook", e.Hook}})
		if e.Hook != policy.PreStart { // whose end is what this start waits for, too
			l.step(HookEnded{e.Hook})
		}
		return
	}
	end := make(chan struct{})
	l.hooks[e.Hook] = end
	go func() {
		defer func() {
			if p := recover(); p != nil {
				l.Log.Error("reaperd has a bug: a hook was not run", "hook", e.Hook.String(), "panic", p)
			}
			l.hookEnds <- e.Hook
		}()
		l.runs(e, end)
	}()
}

// endHook ends a hook before its time.
func (l *loop) endHook(h policy.Hook) {
	if end := l.hooks[h]; end != nil {
		close(end)
		l.hooks[h] = make(chan struct{}) // until it has ended
	}
}

func (l *loop) onHookEnd(h policy.Hook) {
	l.hooks[h] = nil
	l.behalf(func() { l.step(HookEnded{h}) })
	l.step(HookEnded{h})
}

// runs returns when the hook has ended and all that it wrote is logged.
func (l *loop) runs(e RunHook, end <-chan struct{}) {
	name, began := e.Hook.String(), time.Now()
	read, write, err := pipe()
	if err != nil {
		l.Log.Warn("a hook could not be started", "hook", name, "error", err)
		return
	}
	child, err := l.reaper.Start(reaper.Command{
		Argv:      l.Plan.Hooks[e.Hook].Command,
		Env:       hookEnviron(l.Command.Env, e),
		Helper:    true,
		Output:    write,
		Withhold:  l.Descriptors,
		Pdeathsig: syscall.SIGKILL,
	})
	syscall.Close(write)
	defer read.Close()
	if err != nil {
		l.Log.Warn("a hook could not be started", "hook", name, "error", err)
		return
	}
	defer child.Release()
	log := l.Log.With("hook", name, "pid", child.PID)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		logOutput(read, log)
	}()
	timeout := time.NewTimer(e.Timeout)
	defer timeout.Stop()
	killed := true
	var exit reaper.Exit
	select {
	case exit = <-child.Exited:
		killed = false
	case <-timeout.C:
		log.Warn("hook killed: it took too long", "timeout", rough(e.Timeout).String())
	case <-end:
	}
	if killed {
		l.reaper.KillHelpers(child.PID)
		<-child.Exited
	}
	read.SetReadDeadline(time.Now().Add(outputGrace))
	<-logged
	took := rough(time.Since(began)).String()
	switch {
	case killed:
	case exit.Signal != 0:
		log.Warn("hook failed", "signal", policy.Signal(exit.Signal).String(), "took", took)
	case exit.Code != 0:
		log.Warn("hook failed", "code", exit.Code, "took", took)
	default:
		log.Debug("hook ended", "took", took)
	}
}

// pipe is for the output of a hook. No thread waits in a read of it: the runtime polls it.
func pipe() (read *os.File, write int, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, 0, err
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		syscall.Close(fds[0])
		syscall.Close(fds[1])
		return nil, 0, err
	}
	return os.NewFile(uintptr(fds[0]), "hook"), fds[1], nil
}

// helperEnviron is the environment of what runs beside the app: the app's, but for what is between the app and who starts
// it.
func helperEnviron(app []string) []string {
	apps := []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
	return slices.DeleteFunc(slices.Clone(app), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(apps, name) || strings.HasPrefix(name, eventPrefix)
	})
}

// hookEnviron is the environment of a hook, with the event.
func hookEnviron(app []string, e RunHook) []string {
	env := append(helperEnviron(app), eventPrefix+"NAME="+e.Hook.String())
	for i := 0; i+1 < len(e.About); i += 2 {
		env = append(env, eventPrefix+strings.ToUpper(fmt.Sprint(e.About[i]))+"="+fmt.Sprint(e.About[i+1]))
	}
	return env
}
