package policy

import "time"

const (
	// blindLooks in a row are worth a word: one or two happen when a process goes away in the middle of a look.
	blindLooks = 5
	// warnAgain is how long a warning that was said is not said again, should it clear and come back.
	warnAgain = 10 * time.Minute
)

// Act is what a limit wants done.
type Act uint8

// The acts, each stronger than the one before.
const (
	ActNone Act = iota
	ActDrain
	ActKill
)

func (a Act) String() string { return [...]string{"none", "drain", "kill"}[a] }

// Verdict is what one look means for one limit. The zero value: nothing to say, nothing to do.
type Verdict struct {
	Warn     bool          // say the warning
	Cleared  bool          // a warning that was said is over
	Warning  Breach        // of Warn and Cleared
	Look     bool          // look again now: the next look decides whether to act
	Wait     time.Duration // a breach of drain has so long to go until it may act: look again then; 0: there is none
	Act      Act           // given again at every look that reaches the level: when already at it, there is nothing more to do
	Breach   Breach        // of Look and Act; of the stronger act where both levels want one
	Blind    bool          // the limit could not be judged at several looks in a row: said once
	Sighted  bool          // after Blind: it can be judged again
	Lowered  bool          // drain lies above kill on this machine, so reaperd drains at kill: said once
	Lowering Lowering
}

// Watch judges one Limit look by look. It stays as it was at a look that finds the number unknown.
//
//	warn   said at once (WarnFor, if set), once until it clears; should it come back, at most every 10 minutes
//	drain  a breach held for For asks for a look, the next look at or over acts; never before minUptime
//	growth acts as drain does, once the growth is known: see growth.go
//	kill   the first look at or over asks for a look, the second acts; it knows no For and no minUptime
//
// A level clears below 95% of itself. Where drain lies above kill on this machine, kill becomes a drain: at its level,
// without For (it is the last one), not before minUptime.
type Watch struct {
	limit             Limit
	minUptime         time.Duration
	warn, drain, kill level
	growth            *growth // nil: not asked for

	said     bool      // the warning, since it last cleared
	saidAt   time.Time // zero: never
	blind    int       // looks in a row
	resting  bool
	lowered  bool
	lowering bool // was said
}

// NewWatch makes the Watch of a limit; minUptime is how long the app must be up before it may be drained for it.
func NewWatch(l Limit, minUptime time.Duration) *Watch {
	w := &Watch{limit: l, minUptime: minUptime}
	if l.Growth.Set() {
		w.growth = newGrowth(l)
	}
	return w
}

// Inactive says whether a percentage is set that has no ceiling to be compared with. Worth saying once.
func (l Limit) Inactive(m Measure) bool {
	for _, t := range []Threshold{l.Warn, l.Drain, l.Kill} {
		if t.Set && !see(t, m, "").active {
			return true
		}
	}
	return false
}

// Rest keeps the drain level from acting until it clears. Kill always acts, also where it has become a drain.
func (w *Watch) Rest() { w.resting = true }

// Restarted forgets the breaches of an app that is gone, without a word; how long a warning stays unsaid is kept.
func (w *Watch) Restarted() {
	w.warn, w.drain, w.kill = level{}, level{}, level{}
	w.said, w.resting = false, false
	if w.growth != nil {
		w.growth = newGrowth(w.limit)
	}
}

// Step judges one look, taken at a time when the app had been up for uptime.
func (w *Watch) Step(at time.Time, uptime time.Duration, m Measure) Verdict {
	warn := see(w.limit.Warn, m, w.warn.of)
	drain := see(w.limit.Drain, m, w.drain.of)
	kill := see(w.limit.Kill, m, w.kill.of)

	var v Verdict
	w.stepSight(&v, warn, drain, kill, sight{active: w.growth != nil, known: w.growth != nil && m.Known})
	w.stepLowering(&v, m)
	w.stepWarn(&v, at, warn, m)

	ready := uptime >= w.minUptime
	if w.growth != nil {
		w.stepGrowth(&v, at, uptime, m, ready)
	}
	w.drain.note(at, drain)
	w.resting = w.resting && w.drain.breached
	if drain.reached() && !w.resting {
		v.Wait = max(0, w.limit.For-at.Sub(w.drain.since), w.minUptime-uptime)
	}
	if ready && !w.resting {
		look, act := w.drain.confirm(at, drain, w.limit.For)
		v.decide(look, act, ActDrain, w.breach(at, w.drain, drain, m))
	}
	w.kill.note(at, kill)
	if ready || !w.lowered {
		look, act := w.kill.confirm(at, kill, 0)
		b, what := w.breach(at, w.kill, kill, m), ActKill
		if b.Lowered = w.lowered; w.lowered {
			what = ActDrain
		}
		v.decide(look, act, what, b)
	}
	return v
}

// decide lets the stronger act win, and of equals the later: kill is judged last.
func (v *Verdict) decide(look, act bool, what Act, b Breach) {
	if !look && !act {
		return
	}
	v.Look = v.Look || look
	if act {
		v.Act = what
	}
	if act || v.Act == ActNone {
		v.Breach = b
	}
}

func (w *Watch) stepWarn(v *Verdict, at time.Time, s sight, m Measure) {
	before := w.warn
	w.warn.note(at, s)
	if before.breached && !w.warn.breached {
		v.Cleared, w.said = w.said, false
		if v.Cleared {
			v.Warning = w.breach(at, before, s, m)
		}
		return
	}
	held := s.reached() && at.Sub(w.warn.since) >= w.limit.WarnFor
	if !held || w.said || !w.saidAt.IsZero() && at.Sub(w.saidAt) < warnAgain {
		return
	}
	w.said, w.saidAt = true, at
	v.Warn, v.Warning = true, w.breach(at, w.warn, s, m)
}

// stepSight counts looks at which a threshold had something to be compared with and could not be.
func (w *Watch) stepSight(v *Verdict, sights ...sight) {
	blind, sighted := false, false
	for _, s := range sights {
		blind = blind || s.active && !s.known
		sighted = sighted || s.known
	}
	switch {
	case blind:
		w.blind = min(w.blind+1, blindLooks+1)
		if v.Blind = w.blind == blindLooks; v.Blind {
			// A look from before the dark is no half of "two looks in a row".
			w.drain.asked, w.kill.asked = false, false
			if w.growth != nil {
				w.growth.level.asked = false
			}
		}
	case sighted:
		v.Sighted = w.blind >= blindLooks
		w.blind = 0
	}
}

// stepLowering finds out whether drain lies above kill here. It stays as it was while there is no ceiling to tell.
func (w *Watch) stepLowering(v *Verdict, m Measure) {
	drain, ok1 := lowest(w.limit.Drain, m)
	kill, ok2 := lowest(w.limit.Kill, m)
	if !ok1 || !ok2 {
		return
	}
	w.lowered = drain.At > kill.At
	if w.lowered && !w.lowering {
		w.lowering = true
		v.Lowered, v.Lowering = true, Lowering{Drain: drain, Kill: kill}
	}
}

// lowest is the threshold under the lowest ceiling: where it lies does not depend on what is used.
func lowest(t Threshold, m Measure) (Level, bool) {
	if !t.Set || t.Percent == 0 {
		return Level{Threshold: t, At: t.Value}, t.Set
	}
	low := Level{Threshold: t}
	for _, c := range m.Ceilings {
		if at := t.under(c.Max); c.Max > 0 && (low.At == 0 || at < low.At) {
			low.At, low.Of = at, c.Name
		}
	}
	return low, low.At > 0
}

func (w *Watch) breach(at time.Time, l level, s sight, m Measure) Breach {
	return Breach{Metric: w.limit.Metric, Level: s.level, Value: s.value, Since: at.Sub(l.since), Source: m.Source}
}
