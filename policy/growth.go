package policy

import "time"

// DefaultGrowthWindow holds several cycles of most garbage collectors and pools. One that holds fewer than eight may
// take a single rise of the sawtooth for growth, or see none under a large one.
const DefaultGrowthWindow = 10 * time.Minute

// Growth is what a breach of Limit.Growth says.
type Growth struct {
	Measured, Limit Rate // per the same time
	Over            time.Duration
}

// growth judges Limit.Growth: the robust slope of the value over the window. It is known only when this incarnation of
// the app has been seen for as long as the window; growth that is not steady counts as none.
type growth struct {
	window time.Duration
	values envelope
	level  level
}

func newGrowth(l Limit) *growth {
	g := &growth{window: l.GrowthWindow}
	if g.window <= 0 {
		g.window = DefaultGrowthWindow
	}
	g.values.window = g.window
	return g
}

// see measures the growth per the limit's own time, rounded down.
func (g *growth) see(limit Rate, uptime time.Duration, m Measure) sight {
	s := sight{active: true, level: Level{At: limit.Value}}
	if !m.Known {
		return s
	}
	g.values.add(point{uptime, m.Value})
	if s.known = g.values.covered(); s.known {
		if f := g.values.fit(); f.rising {
			s.value = uint64(f.slope * limit.Per.Seconds())
		}
	}
	return s
}

func (w *Watch) stepGrowth(v *Verdict, at time.Time, uptime time.Duration, m Measure, ready bool) {
	g, limit := w.growth, w.limit.Growth
	s := g.see(limit, uptime, m)
	g.level.note(at, s)
	if s.reached() && m.Value < g.values.latest().value {
		g.level.asked = false // the slope is of the past: a look that finds the value fallen does not confirm it
		return
	}
	if !ready {
		return
	}
	look, act := g.level.confirm(at, s, w.limit.For)
	v.decide(look, act, ActDrain, Breach{
		Metric: w.limit.Metric, Value: m.Value, Since: at.Sub(g.level.since), Source: m.Source,
		Growth: Growth{Measured: Rate{s.value, limit.Per}, Limit: limit, Over: g.window},
	})
}
