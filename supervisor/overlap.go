package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// An overlapping restart: the next app starts first, and this one drains when the next is ready.
//
//	limit trips → room for two? → start the next one beside → ready in time? → the next one is main; the old one drains,
//	              │ no                                        │ no             with a machine and a walker of its own
//	              ↓                                           ↓
//	              the ordinary order                          the next one is dismissed, the old one stays
//
// Kill ends the old one first, ready or not; so does its own end. A stop from outside is for both.
type overlap struct {
	stage     overlapStage
	until     time.Time // its end
	startedAt time.Time // of the next app
	pid       int       // of the next app
	again     time.Time // not before: the last one never became ready
	failures  int       // in a row
	company   bool      // the app before this one is still there: no third
}

type overlapStage uint8

const (
	alone         overlapStage = iota
	askingForRoom              // for two apps at once
	preparingNext              // by pre_start
	startingNext
	awaitingReady
)

// roomWait bounds how long a look may take that tells whether there is room: a busy machine has none.
const roomWait = 5 * time.Second

// overlaps answers a trip of drain where restarts overlap; not, if the ordinary order is to be taken.
func (m *Machine) overlaps(now time.Time, e Tripped) ([]Effect, bool) {
	o := &m.overlap
	switch {
	case !m.plan.Restart.Overlap:
		return nil, false
	case o.stage != alone, o.company, now.Before(o.again):
		return nil, true // it trips again at every look
	}
	o.stage, o.until = askingForRoom, now.Add(roomWait)
	m.drain = drain{began: now}
	return []Effect{Say{Warn, "limit tripped", e.Story}, AskRoom{}}, true
}

func (m *Machine) onRoom(now time.Time, e Room) []Effect {
	o := &m.overlap
	if o.stage != askingForRoom {
		return nil
	}
	o.stage, o.until = alone, time.Time{}
	if e.None == "" && m.backoff.Spent(now) {
		e.None = "too many restarts"
	}
	if e.None != "" {
		return append([]Effect{Say{Info, "no overlap: the old app goes first", []any{"why", e.None}}}, m.drainForLimit(now)...)
	}
	effects := []Effect{Say{Info, "overlap: starting the next app beside this one", nil}}
	if timeout := m.plan.Hooks[policy.PreStart].Timeout; m.plan.Hooks.Set(policy.PreStart) {
		o.stage, o.until = preparingNext, now.Add(timeout+hookSlack)
		return append(effects, RunHook{policy.PreStart, timeout, []any{"restarts", m.starts, "cause", reasonLimit}})
	}
	return append(effects, m.startNext(now)...)
}

func (m *Machine) startNext(now time.Time) []Effect {
	o := &m.overlap
	o.stage, o.startedAt, o.until = startingNext, now, now.Add(startReport)
	return []Effect{StartNext{}}
}

func (m *Machine) onNextStarted(now time.Time, e NextStarted) []Effect {
	o := &m.overlap
	if o.stage != startingNext || m.phase != Running { // meanwhile this one has ended, or was stopped
		return []Effect{Dismiss{}}
	}
	r := m.plan.Restart
	o.pid = e.PID
	o.stage, o.until = awaitingReady, now.Add(r.ReadyTimeout)
	story := []any{"pid", e.PID, "ready", "READY=1", "within", r.ReadyTimeout}
	switch {
	case r.Ready.After > 0:
		o.until = now.Add(r.Ready.After)
		story = []any{"pid", e.PID, "ready_in", r.Ready.After}
	case r.Ready.URL != "":
		story[3] = r.Ready.URL
	}
	effects := []Effect{Say{Info, "overlap: the next app has started", story}, WatchReady{}}
	if m.plan.Hooks.Set(policy.PostStart) {
		effects = append(effects, RunHook{policy.PostStart, m.plan.Hooks[policy.PostStart].Timeout, []any{"restarts", m.starts, "pid", e.PID}})
	}
	return effects
}

func (m *Machine) onNextReady(now time.Time) []Effect {
	if m.overlap.stage != awaitingReady {
		return nil
	}
	effects := []Effect{Say{Info, "overlap: the next app is ready, the old one goes", []any{"after", rough(now.Sub(m.overlap.startedAt))}}}
	effects = append(effects, m.promote(now))
	return append(effects, m.drainForLimit(now)...)
}

// onNextGone: the old one stays, over its limit, until another try; a limit of kill still holds.
func (m *Machine) onNextGone(now time.Time, why string) []Effect {
	o := &m.overlap
	if o.stage != startingNext && o.stage != awaitingReady {
		o.company = false // a start that was given up on has failed
		return nil
	}
	o.company = o.stage == awaitingReady // until nothing is left of it
	o.failures++
	wait := m.plan.Restart.MaxDelay
	if doubled := m.plan.Restart.Delay << min(o.failures-1, 20); doubled > 0 {
		wait = min(wait, doubled)
	}
	o.stage, o.until, o.again = alone, time.Time{}, now.Add(wait)
	return []Effect{Say{Warn, "overlap: the next app never became ready, the old one stays", []any{"why", why, "again_in", wait}}}
}

// onOverlapDue is the end of a stage of the overlap.
func (m *Machine) onOverlapDue(now time.Time) []Effect {
	switch m.overlap.stage {
	case askingForRoom:
		return m.onRoom(now, Room{None: "the look at it took too long"})
	case preparingNext:
		return m.startNext(now)
	case startingNext:
		m.overlap.until = time.Time{}
		return []Effect{Say{Warn, "overlap: the exec of the next app has not returned yet", []any{"after", startReport}}}
	case awaitingReady:
		if m.plan.Restart.Ready.After > 0 {
			return m.onNextReady(now)
		}
		return append(m.onNextGone(now, "not ready within "+m.plan.Restart.ReadyTimeout.String()), Dismiss{})
	}
	return nil
}

// endOverlap settles the overlap of an app that leaves Running in another way than for its successor.
func (m *Machine) endOverlap(now time.Time) []Effect {
	waiting := m.overlap.stage == awaitingReady
	if m.overlap.stage == startingNext { // it will come, and is dismissed then
		m.overlap.company = true
	}
	m.overlap.stage, m.overlap.until = alone, time.Time{}
	if !waiting {
		return nil
	}
	if m.down {
		return []Effect{Dismiss{}}
	}
	return []Effect{Say{Info, "overlap: the old app goes before the next one is ready", nil}, m.promote(now)}
}

// promote makes the next app the main one. This machine goes on with what is left of the old one.
func (m *Machine) promote(now time.Time) Promote {
	next := NewMachine(m.plan)
	m.backoff.Next(now) // counted as a restart; one that never became ready is none
	next.backoff, next.starts = m.backoff, m.starts+1
	next.phase, next.up, next.pid = Running, true, m.overlap.pid
	next.startedAt, next.upSince = m.overlap.startedAt, m.overlap.startedAt
	next.told.watchdog, next.told.alive = m.plan.Watchdog, now // what it has said so far was not for this machine
	next.overlap.company = true
	m.retire()
	return Promote{Next: next}
}

// onHurry ends what only waits.
func (m *Machine) onHurry(now time.Time) []Effect {
	if m.phase != Quiet {
		return nil
	}
	return m.toStop(now)
}

// retire leaves the machine nothing but to bring its app down.
func (m *Machine) retire() {
	m.overlap.stage = alone
	m.retired = true
	m.plan.PID1 = false // kill(-1) would take the other app, too
	m.plan.Restart.OnExit, m.plan.Restart.OnLimit = policy.ExitNever, policy.LimitExit
}

// dismissal is the machine that brings an app down which never became the main one.
func (m *Machine) dismissal(now time.Time) (*Machine, []Effect) {
	d := NewMachine(m.plan)
	d.retire()
	d.phase, d.up, d.down = Running, true, true
	d.startedAt, d.upSince = now, now
	d.plan.Hooks[policy.PreStop] = policy.HookCommand{}
	all := m.plan.Drain
	d.plan.Drain = policy.Drain{StopSignal: all.StopSignal, StopSequence: all.StopSequence, StopOn: all.StopOn, Timeout: all.Timeout}
	return d, d.drainForLimit(now)
}
