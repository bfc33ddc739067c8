package supervisor

import "time"

// told is what this incarnation of the app has said about itself.
type told struct {
	ready     time.Time // for the first time; zero: not yet
	reloading time.Time // and not ready again since
	stopping  bool
	mainPID   int
	status    string

	watchdog time.Duration // without a sign of life for so long it counts as hung; 0: never
	alive    time.Time     // the last sign of life
	doubted  time.Time     // it has been silent for too long; if it still is by then, it is hung

	stage  string    // the one that it asked more time for
	latest time.Time // that stage ends then, whatever it asks for
}

// onReady: the app can do its work, for the first time or after a reload.
func (m *Machine) onReady(now time.Time) []Effect {
	t := &m.told
	var say Say
	switch {
	case !m.up:
		return nil
	case t.ready.IsZero():
		t.ready = now
		m.onAlive(now) // what it takes to start is not what it takes to answer
		say = Say{Info, "ready", []any{"after", rough(now.Sub(m.upSince))}}
	case !t.reloading.IsZero():
		say = Say{Info, "reloaded", []any{"took", rough(now.Sub(t.reloading))}}
	default:
		return nil
	}
	t.reloading = time.Time{}
	return []Effect{m.withStatus(say)}
}

// withStatus adds what the app has last said of its state.
func (m *Machine) withStatus(s Say) Say {
	if m.told.status != "" {
		s.Story = append(s.Story[:len(s.Story):len(s.Story)], "status", m.told.status)
	}
	return s
}

// onTold notes what the app says, and answers.
func (m *Machine) onTold(now time.Time, e Told) []Effect {
	if !m.up {
		return nil
	}
	t := &m.told
	var effects []Effect
	if status := Printable(e.Status); status != "" && status != t.status {
		t.status = status
		effects = append(effects, Say{Debug, "the app says", []any{"status", status}})
	}
	if e.MainPID != 0 && e.MainPID != m.pid && e.MainPID != t.mainPID {
		t.mainPID = e.MainPID
		effects = append(effects, Say{Info, "the app names another main process: reaperd keeps to the one that it started", []any{"named", e.MainPID}})
	}
	if e.Reloading && t.reloading.IsZero() {
		t.reloading = now
		effects = append(effects, Say{Info, "the app is reloading", nil})
	}
	if e.Resets && e.Watchdog != t.watchdog {
		t.watchdog = e.Watchdog
		effects = append(effects, Say{Info, "the app sets its watchdog", []any{"to", e.Watchdog}})
	}
	if e.Alive || e.Resets {
		m.onAlive(now)
	}
	if e.Extend > 0 {
		effects = append(effects, m.onExtend(now, e.Extend)...)
	}
	if e.Stopping && !t.stopping {
		t.stopping = true
		effects = append(effects, m.onStopping(now)...)
	}
	if e.Trigger {
		effects = append(effects, m.onHung(now, []any{"said", "WATCHDOG=trigger"})...)
	}
	return effects
}

// onStopping: the app ends by its own will. It needs no signal for that, above all no quiet one, and a second stop
// signal makes many servers drop what they finish; but it has no more time than one that was asked.
func (m *Machine) onStopping(now time.Time) []Effect {
	d := &m.drain
	say := Say{Info, "the app says that it is stopping", nil}
	var effects []Effect
	switch {
	case m.phase == Running && !m.plan.DryRun:
		effects = m.endOverlap(now)
		*d = drain{cause: causeEnd, began: now}
	case m.phase == Quiet:
		d.easing, d.stage = nil, ease{}
	default:
		return []Effect{m.withStatus(say)}
	}
	m.phase = Stopping
	if d.kill.IsZero() {
		m.setBudget(now, m.plan.Drain.Timeout)
	}
	say.Story = []any{"kill_in", rough(d.kill.Sub(now))}
	return append(effects, m.withStatus(say))
}

// onExtend gives the stage that runs more time: as much as the app asks for from now on, but no more than twice what the
// stage was given. What a stop from outside has is not ours to give.
func (m *Machine) onExtend(now time.Time, by time.Duration) []Effect {
	d, t := &m.drain, &m.told
	stage, ends, lasts := d.stage.name, d.quiet, d.stage.lasts
	switch {
	case m.phase != Quiet && m.phase != Stopping:
		return nil
	case m.down:
		stage = "a stop from outside"
	case m.phase == Stopping:
		stage, ends, lasts = "stop", d.kill, m.plan.Drain.Timeout
	}
	level := Debug
	if stage != t.stage {
		t.stage, t.latest, level = stage, ends.Add(lasts), Info
	}
	if m.down {
		return []Effect{Say{level, "the app asks for more time, but a stop from outside has no more", []any{"kill_in", rough(d.kill.Sub(now))}}}
	}
	due := ends
	if m.phase == Stopping && len(d.steps) > 0 {
		due = d.next
	}
	more := min(now.Add(by).Sub(due), t.latest.Sub(ends))
	if more <= 0 {
		return nil
	}
	if m.phase == Quiet {
		d.quiet, d.stage.lasts = d.quiet.Add(more), lasts+more
	} else {
		d.kill, d.lastCall, d.next = d.kill.Add(more), d.lastCall.Add(more), d.next.Add(more)
	}
	return []Effect{Say{level, "the app asks for more time and has it", []any{"stage", stage, "more", rough(more)}}}
}
