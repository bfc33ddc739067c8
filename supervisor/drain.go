package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// A drain, with its deadlines. Every stage is left as soon as its condition holds.
//
//	limit trips       dump_signal  quiet_signal    stop signal                   last call         budget ends
//	│ pre_stop_delay  │ dump_wait  │ quiet_timeout │ to the main process          │ 2 s before      │
//	│                 │ (not for a │               │ it ends: TERM to what is left│ TERM to all     │ SIGKILL to all
//	│                 │ stop)      │               │ (or the stop_sequence)       │                 │
//	└─────────────────┴────────────┴───────────────┴──────────────────────────────┴─────────────────┴──→ nothing is left
//
// The clock of a stop from outside starts at its arrival, and its whole drain must fit; that of a drain we began starts
// at the first stop signal.
//
// TERM goes to our own children first. What they started is theirs to stop (TERM to a pool worker loses its job), and
// is adopted by us, and asked in its turn, as soon as they are gone.

// onSignal answers a signal to reaperd. stop_on looks at it as it came; rewrite changes only what the app gets.
func (m *Machine) onSignal(now time.Time, s Signaled) []Effect {
	stops := m.plan.Drain.StopsOn(s.Signal)
	impatient := m.countINT(s)
	switch m.phase {
	case Starting:
		m.pending = append(m.pending, s)
		if stops && !m.down {
			m.down = true
			m.drain.kill, m.drain.stop = s.At.Add(m.plan.Drain.StopTimeout), s.Signal
		}
		return nil
	case Preparing:
		if !stops {
			m.pending = append(m.pending, s)
			return nil
		}
		return m.stopWhilePreparing(now, s)
	case Concluding:
		if !stops {
			return nil
		}
		return m.stopWhileConcluding(s)
	case Waiting, Held:
		if !stops {
			return nil
		}
		m.down = true
		if m.phase == Held {
			m.drain.stop, m.drain.kill = s.Signal, s.At.Add(m.plan.Drain.StopTimeout)
			return m.settle(now)
		}
		return append([]Effect{Say{Warn, "stopped while waiting to restart", []any{"signal", s.Signal, "code", m.lastCode}}},
			m.exit(m.lastCode)...)
	case Running:
		if stops {
			return m.beginStop(now, s)
		}
		if s.Signal != policy.SIGCONT { // which stops nothing, and often follows what does
			m.forwarded = s
		}
		return append(m.foreground(s.Signal), m.send(m.rewritten(s.Signal), false)...)
	}
	if !stops {
		return m.send(m.rewritten(s.Signal), false)
	}
	return m.stopDuringDrain(now, s, impatient)
}

// countINT notes the first INT and says whether this is another one, a second or more after it.
func (m *Machine) countINT(s Signaled) bool {
	if s.Signal != policy.SIGINT {
		return false
	}
	if m.firstINT.IsZero() {
		m.firstINT = s.At
		return false
	}
	return s.At.Sub(m.firstINT) >= secondINT
}

// foreground: a CONT may come from a shell's fg, which has just made our job the foreground.
func (m *Machine) foreground(sig policy.Signal) []Effect {
	if sig == policy.SIGCONT && m.plan.Terminal {
		return []Effect{Foreground{}}
	}
	return nil
}

// beginStop starts the clock of a stop from outside at the signal's arrival.
func (m *Machine) beginStop(now time.Time, s Signaled) []Effect {
	m.down = true
	m.drain = drain{cause: causeStop, began: s.At, stop: s.Signal}
	m.setBudget(s.At, m.plan.Drain.StopTimeout)
	effects := m.endOverlap(now)
	m.drain.easing = easingOfStop(m.plan, s.At, now)
	if _, quiet := m.plan.Drain.Compressed(); m.plan.Drain.HasQuiet() && quiet == 0 {
		effects = append(effects, Say{Info, "stopping: no time for quiet",
			[]any{"stop_timeout", m.plan.Drain.StopTimeout, "timeout", m.plan.Drain.Timeout}})
	}
	return append(effects, m.ease(now)...)
}

// stopDuringDrain: the end is wanted for good now. Quiet is cut short and the nearer deadline holds; the same signal
// again changes nothing, and another one is passed on (postgres: TERM, then INT).
func (m *Machine) stopDuringDrain(now time.Time, s Signaled, impatient bool) []Effect {
	d := &m.drain
	first := !m.down || d.guessed
	m.down, d.guessed = true, false
	if d.stop == 0 {
		d.stop = s.Signal
	}
	if impatient && m.phase != Killing {
		return m.kill(now, "a second INT")
	}
	var effects []Effect
	if first {
		effects = append(effects, Say{Info, "stop during a drain", []any{"signal", s.Signal}})
		early := m.phase == Quiet
		if early { // what is left of the drain is its budget; the stages before are cut
			m.setBudget(m.easingEnds(), m.plan.Drain.Timeout)
		}
		switch until := s.At.Add(m.plan.Drain.StopTimeout); {
		case m.phase == Killing: // what is left of it, and post_stop, have no more time than a stop has
			d.kill, d.hard = until, earliest(d.hard, latest(now, until).Add(unkillableStop))
		case until.Before(d.kill):
			m.setBudget(s.At, m.plan.Drain.StopTimeout)
			m.squeeze(now)
		}
		if early {
			return append(effects, m.toStop(now)...)
		}
	}
	explicit := m.plan.Drain.StopSignal != 0 || len(m.plan.Drain.StopSequence) > 0
	sig := m.rewritten(s.Signal)
	if explicit || sig == d.sent || m.phase != Stopping {
		return effects
	}
	d.sent = sig
	return append(effects, m.send(sig, true)...)
}

// onTripped begins a drain for a limit, or ends everything at once.
func (m *Machine) onTripped(now time.Time, e Tripped) []Effect {
	if m.plan.DryRun {
		return m.onDryRun(now, e)
	}
	if e.Kill {
		if m.phase != Running && (!m.draining() || m.phase == Killing) {
			return nil
		}
		effects := []Effect{Say{Warn, "kill limit tripped", e.Story}}
		if m.phase == Running {
			effects = append(effects, m.endOverlap(now)...)
			m.drain = drain{cause: causeLimit, began: now}
		}
		return append(effects, m.kill(now, "the kill limit")...)
	}
	if m.phase != Running {
		return nil
	}
	if effects, ok := m.overlaps(now, e); ok {
		return effects
	}
	return append([]Effect{Say{Warn, "limit tripped", e.Story}}, m.drainForLimit(now)...)
}

func (m *Machine) drainForLimit(now time.Time) []Effect {
	m.drain = drain{cause: causeLimit, began: now, easing: easing(m.plan)}
	return m.ease(now)
}

// onExited: the main process is gone; what it leaves behind gets its turn.
func (m *Machine) onExited(now time.Time, e Exited) []Effect {
	if m.phase == Starting || m.phase == Waiting || m.phase == Held {
		return nil
	}
	d := &m.drain
	if m.phase == Running {
		*d = drain{cause: causeEnd, began: now}
		m.setBudget(now, m.plan.Drain.Timeout)
	}
	if d.kill.IsZero() { // it ended by itself before its stop signal
		m.setBudget(now, m.plan.Drain.Timeout)
	}
	m.up = false
	d.exit, d.ended, d.oom = e.Exit, now, e.OOMKilled
	var effects []Effect
	if m.plan.Terminal {
		effects = append(effects, TakeTerminal{})
	}
	m.judgeUnasked(now)
	effects = append(effects, m.endOverlap(now)...)
	if m.phase != Killing {
		m.phase = Leftovers
	}
	if e.Empty {
		return append(effects, m.settle(now)...)
	}
	if m.phase == Leftovers {
		effects = append(effects, m.askLeftovers())
	}
	return append(effects, Sweep{})
}

// askLeftovers is TERM to what the main process left behind.
func (m *Machine) askLeftovers() Walk {
	d := &m.drain
	return Walk{Signal: policy.SIGTERM, Roots: !d.called, Spare: m.plan.Group && d.sent == policy.SIGTERM && !d.called}
}

// judgeUnasked recognises an end that was somebody's wish although no stop reached us: the keyboard of the app's
// terminal, or a signal that we passed on (QUIT and WINCH are how nginx, php-fpm and httpd are stopped).
func (m *Machine) judgeUnasked(now time.Time) {
	d := &m.drain
	if d.cause != causeEnd {
		return
	}
	sig := policy.Signal(d.exit.Signal)
	if m.plan.Terminal && policy.WasKeyboard(d.exit.Code, sig != 0, sig) {
		d.person, d.guessed, m.down = true, true, true
		return
	}
	f := m.forwarded
	if f.Signal == 0 || now.Sub(f.At) > m.plan.Drain.StopTimeout {
		return
	}
	stopper := f.Signal == policy.SIGQUIT || f.Signal == policy.SIGWINCH || f.Signal == policy.SIGHUP
	if sig == m.rewritten(f.Signal) && sig != 0 || stopper && (sig == 0 || policy.WasTermination(0, true, sig)) {
		d.stop, d.guessed, m.down = f.Signal, true, true
	}
}

func (m *Machine) onReaped(now time.Time, e Reaped) []Effect {
	if m.phase != Leftovers && m.phase != Killing || m.up { // with the main process up, a sweep from before it
		return nil
	}
	switch {
	case e.Empty:
		return m.settle(now)
	case e.Orphans > 0 && m.phase == Leftovers:
		return []Effect{m.askLeftovers()} // their children are ours now
	}
	return nil
}

func (m *Machine) onTick(now time.Time) []Effect {
	d := &m.drain
	if due := m.Deadline(); due.IsZero() || now.Before(due) {
		return nil
	}
	switch m.phase {
	case Starting:
		if !d.kill.IsZero() && !now.Before(d.kill) {
			d.cause, d.began = causeStop, m.startedAt
			return m.kill(now, "out of time before the app had started")
		}
		m.reported = true
		return []Effect{Say{Warn, "the exec of the app has not returned yet", []any{"after", startReport}}}
	case Running:
		if m.overlap.stage != alone {
			return m.onOverlapDue(now)
		}
		if due := m.silentAt(); !due.IsZero() && !now.Before(due) {
			return m.onSilence(now)
		}
		up := rough(now.Sub(m.upSince))
		return m.onTrip(now, Tripped{Metric: uptime, Story: []any{"metric", "uptime", "value", up, "limit", m.plan.MaxUptime}})
	case Quiet:
		return m.ease(now)
	case Stopping, Leftovers:
		switch {
		case !now.Before(d.kill):
			return m.kill(now, "out of time")
		case m.phase == Stopping && len(d.steps) > 0 && !now.Before(d.next):
			return m.nextStep(now)
		}
		d.called = true
		return []Effect{Walk{Signal: policy.SIGTERM, Again: true}}
	case Killing:
		if now.Before(d.hard) {
			return m.walkKill(now)
		}
		return m.settleHard(now)
	case Held:
		return m.settle(now)
	case Waiting:
		return m.preStart(now)
	case Preparing:
		return m.start(now)
	case Concluding:
		return m.conclude(now)
	}
	return nil
}

// kill is the last stage: it is entered once and left when nothing is left.
func (m *Machine) kill(now time.Time, why string) []Effect {
	m.phase = Killing
	m.drain.killed = true
	m.drain.hard = now.Add(unkillable)
	if m.down {
		m.drain.hard = now.Add(unkillableStop)
	}
	return append([]Effect{Say{Info, "escalated to SIGKILL", []any{"why", why, "after", rough(now.Sub(m.drain.began))}}}, m.walkKill(now)...)
}

func (m *Machine) walkKill(now time.Time) []Effect {
	d := &m.drain
	d.walks++
	d.walkAt = now.Add(killAgain)
	effects := m.send(policy.SIGKILL, false) // by pidfd, which also works where /proc does not
	return append(effects, Walk{
		Signal:   policy.SIGKILL,
		Freeze:   d.walks > freezeAfter,
		Everyone: m.plan.PID1 && !m.restarts() && !m.plan.Hooks.Set(policy.PostStop), // which may have begun by then
	}, Sweep{})
}

// setBudget sets the deadlines of a stage that began at a time.
func (m *Machine) setBudget(from time.Time, budget time.Duration) {
	m.drain.kill = from.Add(budget)
	m.drain.lastCall = m.drain.kill.Add(-policy.LeftoverShare(budget))
	m.drain.called = false
}

func (m *Machine) rewritten(sig policy.Signal) policy.Signal {
	if to, ok := m.plan.Rewrite[sig]; ok {
		return to
	}
	return sig
}

// send passes a signal on to the main process while there is one.
func (m *Machine) send(sig policy.Signal, stop bool) []Effect {
	if sig == 0 || !m.drain.ended.IsZero() {
		return nil
	}
	return []Effect{Send{Signal: sig, Group: m.plan.Group, Cont: stop}}
}

func code(e reaper.Exit) int {
	return policy.ExitCode(e.Code, e.Signal != 0, policy.Signal(e.Signal))
}
