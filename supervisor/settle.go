package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// restarts says whether the app will be started again when this drain is over.
func (m *Machine) restarts() bool {
	if m.down {
		return false
	}
	switch m.drain.cause {
	case causeLimit:
		return m.plan.Restart.OnLimit == policy.LimitRestart
	case causeEnd:
		on := m.plan.Restart.OnExit
		failed := m.drain.ended.IsZero() || code(m.drain.exit) != 0 // while it says that it is stopping it still may
		return on == policy.ExitAlways || on == policy.ExitOnFailure && failed
	}
	return false
}

// settle judges an app of which nothing is left.
func (m *Machine) settle(now time.Time) []Effect {
	d := &m.drain
	sig := policy.Signal(d.exit.Signal)
	unasked := d.cause == causeEnd && policy.WasTermination(d.exit.Code, sig != 0, sig)
	if unasked && m.restarts() && now.Sub(d.ended) < holdFor {
		m.phase = Held
		return nil
	}
	m.lastCode = m.endCode()
	return append([]Effect{m.lastWord(now)}, m.after(now, m.restarts())...)
}

// settleHard ends although something is left that even SIGKILL does not reach; a restart beside it would not be clean.
func (m *Machine) settleHard(now time.Time) []Effect {
	m.down = true
	m.lastCode = m.endCode()
	effects := []Effect{NameSurvivors{}, m.lastWord(now)}
	if m.plan.Hooks.Set(policy.PostStop) {
		effects = append(effects, Say{Warn, postStopSkipped, []any{"why", "something of the app is left"}})
	}
	return append(effects, m.exit(m.lastCode)...)
}

// endCode is the exit code of this end: the app's own, unless a limit ended it.
func (m *Machine) endCode() int {
	if m.drain.cause == causeLimit {
		return m.plan.Restart.ExitCode
	}
	return m.appCode()
}

// appCode is the main process's own code. One that cannot be killed, or was not there yet when time was up, counts as
// killed.
func (m *Machine) appCode() int {
	if m.drain.ended.IsZero() {
		return policy.ExitCode(0, true, policy.SIGKILL)
	}
	return code(m.drain.exit)
}

// lastWord is the one line that tells how it ended. It is shown even without a configuration, unless the app ended by
// itself and all it left behind went without force.
func (m *Machine) lastWord(now time.Time) Say {
	d := &m.drain
	story := []any{"code", m.appCode()}
	if d.exit.Signal != 0 {
		story = append(story, "signal", policy.Signal(d.exit.Signal))
	}
	if d.exit.CoreDump {
		story = append(story, "core_dump", true)
	}
	if d.oom {
		story = append(story, "oom_killed", true)
	}
	if took := now.Sub(d.began); took >= time.Millisecond {
		story = append(story, "took", rough(took))
	}
	if d.killed {
		story = append(story, "escalated", true)
	}
	if d.stop != 0 {
		story = append(story, "asked", d.stop)
	}
	switch {
	case m.retired:
		return Say{Info, "overlap: the other app is gone", story}
	case d.cause == causeLimit && !m.restarts():
		return Say{Warn, "drained for a limit, ending", append(story, "exit_code", m.lastCode, "tripped_after", rough(d.began.Sub(m.startedAt)))}
	case d.cause == causeLimit:
		return Say{Info, "drained for a limit", append(story, "uptime", rough(d.began.Sub(m.startedAt)))}
	case d.cause == causeStop || d.stop != 0:
		return Say{Warn, "stopped", story}
	case d.person:
		return Say{Info, "stopped from the keyboard", story}
	case d.killed:
		return Say{Warn, "the app ended, what it left behind had to be killed", story}
	case d.exit.Signal != 0:
		return Say{Warn, "the app was killed by a signal", story}
	}
	return Say{Info, "the app ended", story}
}

// again starts the app again after a pause, or gives up.
func (m *Machine) again(now time.Time) []Effect {
	delay, giveUp := m.backoff.Next(now)
	if giveUp {
		r := m.plan.Restart
		return append([]Effect{Say{Error, "giving up: too many restarts",
			[]any{"burst", r.Burst, "burst_interval", r.BurstInterval, "code", m.lastCode}}}, m.exit(m.lastCode)...)
	}
	m.phase = Waiting
	m.restart = now.Add(delay)
	return []Effect{Say{Info, "restarting", []any{"in", delay}}}
}
