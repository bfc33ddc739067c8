package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// ease is one stage before the stop signal.
type ease struct {
	name   string
	signal policy.Signal // 0: only wait
	lasts  time.Duration
	idle   bool          // it ends as soon as the app is idle
	hook   bool          // it ends as soon as pre_stop has ended
	means  bool          // quiet is asked for by other means too
	whole  time.Duration // what it was configured to last, where that was too long
	by     time.Time     // of a stop from outside: it ends then, whenever it began
}

// easing are the stages of a plan, in order.
func easing(p Plan) []ease {
	var stages []ease
	d := p.Drain
	if p.Hooks.Set(policy.PreStop) {
		stages = append(stages, preStop(p))
	}
	if d.PreStopDelay > 0 {
		stages = append(stages, ease{name: "pre_stop_delay", lasts: d.PreStopDelay})
	}
	if d.DumpSignal != 0 {
		stages = append(stages, ease{name: "dump", signal: d.DumpSignal, lasts: d.DumpWait})
	}
	if d.HasQuiet() {
		stages = append(stages, quiet(d))
	}
	return stages
}

func preStop(p Plan) ease {
	return ease{name: policy.PreStop.String(), hook: true, lasts: p.Hooks[policy.PreStop].Timeout}
}

func quiet(d policy.Drain) ease {
	return ease{name: "quiet", signal: d.QuietSignal, lasts: d.QuietTimeout, idle: d.Idle, means: d.QuietMeans}
}

// easingOfStop are the same stages in the budget of a stop from outside that came at a time. There is no dump: nothing is
// wrong with the app. Pre_stop and the delay have half of the budget together.
func easingOfStop(p Plan, at, now time.Time) []ease {
	var stages []ease
	d, late := p.Drain, now.Sub(at)
	add := func(e ease, lasts, by time.Duration) {
		if lasts < e.lasts {
			e.whole = e.lasts
		}
		passed := min(late, lasts)
		e.lasts, e.by, late = lasts-passed, at.Add(by), late-passed
		if e.lasts > 0 {
			stages = append(stages, e)
		}
	}
	forDelay, forQuiet := d.Compressed()
	if p.Hooks.Set(policy.PreStop) {
		e := preStop(p)
		add(e, min(e.lasts, d.StopTimeout/2), d.StopTimeout/2)
	}
	add(ease{name: "pre_stop_delay", lasts: d.PreStopDelay}, forDelay, d.StopTimeout/2)
	if d.HasQuiet() {
		add(quiet(d), forQuiet, d.StopTimeout-d.Timeout)
	}
	return stages
}

// ease begins the next stage before the stop signal, or sends that.
func (m *Machine) ease(now time.Time) []Effect {
	d := &m.drain
	if len(d.easing) == 0 {
		return m.toStop(now)
	}
	stage := d.easing[0]
	d.easing = d.easing[1:]
	if until := now.Add(stage.lasts); !stage.by.IsZero() && until.After(stage.by) {
		stage.whole, stage.lasts = max(stage.whole, stage.lasts), stage.by.Sub(now)
	}
	if stage.lasts < 0 { // those before it took all the time
		return m.ease(now)
	}
	m.phase = Quiet
	d.stage, d.quiet = stage, now.Add(stage.lasts)
	effects := []Effect{m.sayStage(now)}
	switch {
	case stage.hook:
		effects = append(effects, m.hook(policy.PreStop, stage.lasts, m.about()...)...)
	case stage.idle, stage.means:
		effects = append(effects, GoQuiet{stage.signal})
	case stage.signal != 0:
		effects = append(effects, SendQuiet{stage.signal})
	}
	return effects
}

// sayStage tells of the stage that begins.
func (m *Machine) sayStage(now time.Time) Say {
	d := &m.drain
	var story []any
	if d.stage.signal != 0 {
		story = append(story, "signal", d.stage.signal)
	}
	story = append(story, "for", rough(d.quiet.Sub(now)))
	if d.stage.whole > 0 {
		story = append(story, "shortened_from", d.stage.whole)
	}
	if d.cause == causeStop {
		return Say{Info, "stopping: " + d.stage.name, append(story, "asked", d.stop, "kill_in", rough(d.kill.Sub(now)))}
	}
	return Say{Info, "draining: " + d.stage.name, append(story, "kill_in", rough(m.easingEnds().Sub(now)+m.plan.Drain.Timeout))}
}

// onIdle leaves the quiet stage: there is nothing left to wait for.
func (m *Machine) onIdle(now time.Time, e Idle) []Effect {
	if m.phase != Quiet || !m.drain.stage.idle {
		return nil
	}
	return append([]Effect{Say{Info, "idle", []any{"after", rough(m.drain.stage.lasts - m.drain.quiet.Sub(now))}}}, m.ease(now)...)
}

// goesQuiet says whether the stage that runs is one that goes on beside the loop.
func (m *Machine) goesQuiet() bool {
	return m.phase == Quiet && (m.drain.stage.idle || m.drain.stage.means)
}

// easingEnds is when the stop signal is due at the latest.
func (m *Machine) easingEnds() time.Time {
	ends := m.drain.quiet
	for _, stage := range m.drain.easing {
		ends = ends.Add(stage.lasts)
	}
	return ends
}

func (m *Machine) onQuietSkipped(now time.Time, e QuietSkipped) []Effect {
	if m.phase != Quiet || m.drain.stage.signal == 0 {
		return nil
	}
	stage := m.drain.stage
	if stage.means { // the others are still to work
		return []Effect{Say{Warn, "quiet signal skipped", []any{"signal", stage.signal, "why", e.Why}}}
	}
	return append([]Effect{Say{Warn, stage.name + " skipped", []any{"signal", stage.signal, "why", e.Why}}}, m.ease(now)...)
}

// toStop sends the first stop signal.
func (m *Machine) toStop(now time.Time) []Effect {
	d := &m.drain
	m.phase = Stopping
	message, came := "draining: stop", m.rewritten(policy.SIGTERM)
	if d.stop != 0 {
		message, came = "stopping", m.rewritten(d.stop)
	}
	if d.kill.IsZero() {
		m.setBudget(now, m.plan.Drain.Timeout)
	}
	d.steps = m.plan.Drain.Steps(came, d.kill.Sub(now))
	story := []any{"signal", d.steps[0].Signal, "kill_in", rough(d.kill.Sub(now))}
	if len(d.steps) > 1 && d.kill.Sub(now) < m.plan.Drain.Timeout {
		story = append(story, "shortened_from", m.plan.Drain.Timeout)
	}
	return append([]Effect{Say{Info, message, story}}, m.nextStep(now)...)
}

// squeeze makes what is left of the stop sequence fit a budget that has become shorter.
func (m *Machine) squeeze(now time.Time) {
	d := &m.drain
	if m.phase != Stopping || len(d.steps) == 0 {
		return
	}
	left := append([]policy.StopStep{{Signal: d.sent, Wait: d.next.Sub(now)}}, d.steps...)
	left = policy.Drain{StopSequence: left}.Steps(0, d.kill.Sub(now))
	d.next, d.steps = now.Add(left[0].Wait), left[1:]
}

// nextStep sends the next signal of the stop sequence.
func (m *Machine) nextStep(now time.Time) []Effect {
	d := &m.drain
	step, again := d.steps[0], d.sent != 0
	d.sent, d.steps = step.Signal, d.steps[1:]
	d.next = now.Add(step.Wait)
	effects := m.send(step.Signal, true)
	if again {
		effects = append([]Effect{Say{Info, "the next stop signal", []any{"signal", step.Signal, "kill_in", rough(d.kill.Sub(now))}}}, effects...)
	}
	return effects
}
