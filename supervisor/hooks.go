package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// What of the machine is about hooks. Those that are waited for have a phase or a stage of a drain, which ends with them
// or at their timeout; the others are asked for and forgotten.

// Why the app is started, stopped or gone, as a hook is told.
const (
	reasonStart     = "start"
	reasonStop      = "stop"
	reasonLimit     = "limit"
	reasonExit      = "exit"
	reasonNoStart   = "start_failed"
	levelWarn       = "warn"
	levelDrain      = "drain"
	levelKill       = "kill"
	thenExit        = "exit"
	thenRestart     = "restart"
	postStopSkipped = "post_stop skipped"
)

// hookSlack is how much longer than its timeout a hook is waited for: to be killed takes a moment, too.
const hookSlack = 200 * time.Millisecond

// hook asks for a run; nothing where none is configured.
func (m *Machine) hook(h policy.Hook, timeout time.Duration, about ...any) []Effect {
	if !m.plan.Hooks.Set(h) {
		return nil
	}
	known := []any{"restarts", max(0, m.starts-1)}
	if m.pid > 0 {
		known = append(known, "pid", m.pid)
	}
	return []Effect{RunHook{h, timeout, append(known, about...)}}
}

// beside is a hook that nobody waits for.
func (m *Machine) beside(h policy.Hook, about ...any) []Effect {
	return m.hook(h, m.plan.Hooks[h].Timeout, about...)
}

// preStart runs pre_start, if there is one, and then starts the app.
func (m *Machine) preStart(now time.Time) []Effect {
	if !m.plan.Hooks.Set(policy.PreStart) {
		return m.start(now)
	}
	why := m.reason()
	m.phase, m.pid, m.drain = Preparing, 0, drain{}
	timeout := m.plan.Hooks[policy.PreStart].Timeout
	m.hookUntil = now.Add(timeout + hookSlack)
	return []Effect{RunHook{policy.PreStart, timeout, []any{"restarts", m.starts, "cause", why}}}
}

// reason is the cause of the drain that is over, or runs.
func (m *Machine) reason() string {
	switch m.drain.cause {
	case causeStop:
		return reasonStop
	case causeLimit:
		return reasonLimit
	case causeEnd:
		return reasonExit
	case causeNoStart:
		return reasonNoStart
	}
	return reasonStart
}

// stopWhilePreparing: an app that is not started need not be stopped.
func (m *Machine) stopWhilePreparing(now time.Time, s Signaled) []Effect {
	m.down = true
	m.drain = drain{cause: causeStop, began: s.At, stop: s.Signal, kill: s.At.Add(m.plan.Drain.StopTimeout)}
	if m.starts == 0 {
		m.lastCode = policy.ExitCode(0, true, s.Signal)
	}
	return append([]Effect{
		Say{Warn, "stopped before the app was started", []any{"signal", s.Signal, "code", m.lastCode}},
		EndHook{policy.PreStart},
	}, m.after(now, false)...)
}

// after is what follows when nothing of the app is left: post_stop, and then its restart or the end.
func (m *Machine) after(now time.Time, again bool) []Effect {
	m.thenAgain = again
	d := &m.drain
	timeout := m.plan.Hooks[policy.PostStop].Timeout
	if m.down && !d.kill.IsZero() {
		timeout = min(timeout, d.kill.Sub(now))
	}
	about, then := m.about(), thenExit
	if again || m.retired { // then another is up
		then = thenRestart
	}
	effects := m.hook(policy.PostStop, timeout, append(about, "then", then)...)
	switch {
	case len(effects) == 0:
		return m.conclude(now)
	case timeout <= 0:
		return append([]Effect{Say{Warn, postStopSkipped, []any{"why", "no time left"}}}, m.conclude(now)...)
	}
	m.phase, m.hookUntil = Concluding, now.Add(timeout+hookSlack)
	return effects
}

// about is what there is to say of a drain, and of the app once it is gone.
func (m *Machine) about() []any {
	d := &m.drain
	about := []any{"cause", m.reason()}
	switch {
	case d.exit.Signal != 0:
		about = append(about, "exit_signal", policy.Signal(d.exit.Signal), "exit_code", m.appCode())
	case !d.ended.IsZero():
		about = append(about, "exit_code", m.appCode())
	case d.cause == causeNoStart:
		about = append(about, "exit_code", m.lastCode)
	}
	if d.cause == causeLimit {
		about = append(about, m.tripped...)
	}
	return about
}

// conclude restarts the app or ends.
func (m *Machine) conclude(now time.Time) []Effect {
	if m.thenAgain && !m.down {
		return m.again(now)
	}
	return m.exit(m.lastCode)
}

// stopWhileConcluding: there will be no restart, and the hook must fit into what a stop has.
func (m *Machine) stopWhileConcluding(s Signaled) []Effect {
	m.hookUntil = earliest(m.hookUntil, s.At.Add(m.plan.Drain.StopTimeout))
	known := m.down
	m.down = true
	if known || !m.thenAgain {
		return nil
	}
	return []Effect{Say{Warn, "stopped while waiting to restart", []any{"signal", s.Signal, "code", m.lastCode}}}
}

// onHookEnded goes on where a hook was waited for.
func (m *Machine) onHookEnded(now time.Time, e HookEnded) []Effect {
	switch {
	case e.Hook == policy.PreStart && m.overlap.stage == preparingNext:
		return m.startNext(now)
	case e.Hook == policy.PreStart && m.phase == Preparing:
		return m.start(now)
	case e.Hook == policy.PreStop && m.phase == Quiet && m.drain.stage.hook:
		return m.ease(now)
	case e.Hook == policy.PostStop && m.phase == Concluding:
		return m.conclude(now)
	}
	return nil
}

// onTrip is onTripped with on_trip, which starts first: the app that it may want to look at has not been touched.
func (m *Machine) onTrip(now time.Time, e Tripped) []Effect {
	level, before := levelDrain, m.tripped
	if e.Kill {
		level = levelKill
	}
	m.tripped = append([]any{"level", level}, e.Who.about(e.Story)...)
	effects := m.onTripped(now, e)
	if len(effects) == 0 { // it changes nothing
		m.tripped = before
		return nil
	}
	about := m.tripped
	if m.plan.DryRun {
		m.tripped, about = before, append(about, "dry_run", 1)
	}
	return append(m.beside(policy.OnTrip, about...), effects...)
}

// onNoted: a warning, or the trip of a single process.
func (m *Machine) onNoted(e Noted) []Effect {
	about := append([]any{"level", e.Level}, e.Who.about(e.Story)...)
	if m.plan.DryRun && e.Hook == policy.OnTrip {
		about = append(about, "dry_run", 1)
	}
	return m.beside(e.Hook, about...)
}

// Blamed is the process to blame; the zero value is none.
type Blamed struct {
	Name string
	PID  int
}

func blamed(m policy.Measure) Blamed {
	if len(m.Top) == 0 {
		return Blamed{}
	}
	return Blamed{m.Top[0].Name, m.Top[0].PID}
}

// about is a story with who is to blame.
func (b Blamed) about(story []any) []any {
	story = story[:len(story):len(story)]
	if b.PID == 0 {
		return story
	}
	return append(story, "who", Printable(b.Name), "who_pid", b.PID)
}
