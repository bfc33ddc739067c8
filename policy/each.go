package policy

import "time"

// EachLimit is a [[limits.each]] table: limits of every single process whose command line matches, so that a leaking
// worker of a pre-fork server is recycled by its own master and nobody else notices. Matching is the caller's.
type EachLimit struct {
	Name        string
	Signal      Signal        // asks the process to end
	Timeout     time.Duration // from the signal to KILL of this one process
	Cooldown    time.Duration // from the end of one process to the signal for the next
	IncludeMain bool          // the main process may be signalled too
	Of          [NumMetrics]Limit
}

// EachProcess is one look at one process. Zombies are left out: they are gone.
type EachProcess struct {
	PID      int
	Start    uint64 // as the kernel tells it, in any unit; with PID, who it is
	Name     string // not yet escaped
	Matched  bool
	Main     bool
	Measures [NumMetrics]Measure // of this process alone
}

// EachStep is what to do or to say about one process.
type EachStep uint8

// The steps. Signal and kills are to be done, through a pidfd of the process with that start time.
const (
	EachWarn    EachStep = iota + 1 // a warning: say it
	EachCleared                     // a warning that was said is over
	EachSignal                      // send EachLimit.Signal
	EachKill                        // send KILL: the kill level was reached
	EachTimeout                     // send KILL: it was signalled and did not end in time
	EachGone                        // the process that was signalled or killed is gone
)

func (s EachStep) String() string {
	return [...]string{"none", "warn", "cleared", "signal", "kill", "timeout", "gone"}[s]
}

// EachEvent is one step for one process.
type EachEvent struct {
	Step   EachStep
	PID    int
	Start  uint64
	Name   string
	Breach Breach        // of Warn, Cleared, Signal and Kill
	After  time.Duration // of Kill, Timeout and Gone: since it was told to end
}

// Each watches the processes of one EachLimit.
//
//	signal  the largest process at its drain level, as a Watch judges it, min_uptime counted from the first sight of the
//	        process; not while another that was signalled lives, nor in the cooldown after an end
//	KILL    the one that was signalled, when its time is over, whatever it uses by then; and the largest at its kill
//	        level, without cooldown, but not before the last that was sent KILL is gone or another timeout over
type Each struct {
	limit     EachLimit
	minUptime time.Duration
	known     map[identity]*worker
	look      uint64    // number of the look, to tell who is gone
	dying     *worker   // signalled
	killed    *worker   // sent KILL
	free      time.Time // from then on the next may be signalled
	events    []EachEvent
}

type identity struct {
	pid   int
	start uint64
}

// worker is a process that is or was watched.
type worker struct {
	identity
	name    string
	look    uint64    // the last that saw it
	since   time.Time // first seen
	told    time.Time // to end, by signal or KILL; zero: not
	killed  time.Time // zero: not
	watches [NumMetrics]*Watch
}

// NewEach makes the Each of a limit; minUptime is how long a process must be known before it is signalled.
func NewEach(l EachLimit, minUptime time.Duration) *Each {
	return &Each{limit: l, minUptime: minUptime, known: make(map[identity]*worker)}
}

// Restarted forgets all processes, for the app is another.
func (e *Each) Restarted() { *e = *NewEach(e.limit, e.minUptime) }

// Step judges one look at the processes: all of those that match or ever did. It is not called for a look that could not
// list them, for whoever is missing is gone. The events hold until the next Step. Look asks for a fresh look that will
// decide.
func (e *Each) Step(at time.Time, processes []EachProcess) (events []EachEvent, look bool) {
	e.look++
	e.events = e.events[:0]
	var drain, kill candidate
	for i := range processes {
		w := e.worker(at, &processes[i])
		if w == nil {
			continue
		}
		w.look = e.look
		if !w.killed.IsZero() {
			continue
		}
		c := e.judge(at, w, &processes[i])
		look = look || c.look
		switch {
		case c.act == ActKill:
			kill = larger(kill, c)
		case c.act == ActDrain:
			drain = larger(drain, c)
		}
	}
	e.forget(at)
	e.expire(at)
	if kill.worker != nil && e.killed == nil {
		e.kill(at, EachKill, kill)
	}
	if drain.worker != nil && e.dying == nil && e.killed == nil && !at.Before(e.free) {
		drain.told, e.dying = at, drain.worker
		e.say(EachEvent{Step: EachSignal, Breach: drain.breach}, drain.worker)
	}
	return e.events, look
}

// worker finds the process among the known, or takes it in if it is to be watched. One that does not match any more is
// forgotten with those that are gone.
func (e *Each) worker(at time.Time, p *EachProcess) *worker {
	id := identity{p.PID, p.Start}
	w := e.known[id]
	watched := p.Matched && (!p.Main || e.limit.IncludeMain)
	switch {
	case w != nil && (watched || !w.told.IsZero()):
		return w
	case w != nil, !watched:
		return nil
	}
	w = &worker{identity: id, name: p.Name, since: at}
	for m, l := range e.limit.Of {
		if l.Active() {
			w.watches[m] = NewWatch(l, e.minUptime)
		}
	}
	e.known[id] = w
	return w
}

// candidate is what one look means for one process.
type candidate struct {
	*worker
	act    Act
	look   bool
	breach Breach // of the strongest act; of equals the one furthest past its level
}

// larger of two, measured in the level they reached; of equals the older pid.
func larger(a, b candidate) candidate {
	switch x, y := a.breach.ratio(), b.breach.ratio(); {
	case a.worker == nil, y > x, y == x && b.pid < a.pid:
		return b
	}
	return a
}

// ratio is how far past its level a breach is.
func (b Breach) ratio() float64 {
	if b.Growth.Limit.Set() {
		return float64(b.Growth.Measured.Value) / float64(b.Growth.Limit.Value)
	}
	return float64(b.Value) / float64(max(1, b.Level.At))
}

// judge holds a process to all limits.
func (e *Each) judge(at time.Time, w *worker, p *EachProcess) candidate {
	c := candidate{worker: w}
	for m, watch := range w.watches {
		if watch == nil {
			continue
		}
		v := watch.Step(at, at.Sub(w.since), p.Measures[m])
		if v.Warn {
			e.say(EachEvent{Step: EachWarn, Breach: v.Warning}, w)
		}
		if v.Cleared {
			e.say(EachEvent{Step: EachCleared, Breach: v.Warning}, w)
		}
		c.look = c.look || v.Look
		if v.Act > c.act || v.Act == c.act && v.Breach.ratio() > c.breach.ratio() {
			c.act, c.breach = v.Act, v.Breach
		}
	}
	return c
}

// forget drops those that this look did not see.
func (e *Each) forget(at time.Time) {
	for id, w := range e.known {
		if w.look == e.look {
			continue
		}
		delete(e.known, id)
		if w.told.IsZero() {
			continue
		}
		e.say(EachEvent{Step: EachGone, After: at.Sub(w.told)}, w)
		if w == e.dying {
			e.dying, e.free = nil, at.Add(e.limit.Cooldown)
		}
		if w == e.killed {
			e.killed = nil
		}
	}
}

// expire sends KILL to the one that was signalled and did not end in time. What KILL cannot end (a process stuck in the
// kernel) is not in the way for ever.
func (e *Each) expire(at time.Time) {
	if e.killed != nil && at.Sub(e.killed.killed) >= e.limit.Timeout {
		e.killed = nil
	}
	if e.dying != nil && at.Sub(e.dying.told) >= e.limit.Timeout {
		e.kill(at, EachTimeout, candidate{worker: e.dying})
	}
}

// kill sends KILL, after which nothing more is to be done to a process. The cooldown begins.
func (e *Each) kill(at time.Time, step EachStep, c candidate) {
	w := c.worker
	if w.told.IsZero() {
		w.told = at
	}
	if w == e.dying {
		e.dying = nil
	}
	w.killed, e.killed, e.free = at, w, at.Add(e.limit.Cooldown)
	e.say(EachEvent{Step: step, Breach: c.breach, After: at.Sub(w.told)}, w)
}

func (e *Each) say(event EachEvent, w *worker) {
	event.PID, event.Start, event.Name = w.pid, w.start, w.name
	e.events = append(e.events, event)
}
