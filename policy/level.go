package policy

import "time"

// sight is what one look shows of one threshold.
type sight struct {
	active bool // the threshold is set and has something to be compared with
	known  bool
	value  uint64
	level  Level
}

// see compares a threshold with a measure. A percentage looks at each known ceiling's own usage; the nearest one
// decides. The ceiling last seen in breach (held) must be readable before a lower one can be believed.
func see(t Threshold, m Measure, held string) sight {
	if !t.Set {
		return sight{}
	}
	if t.Percent == 0 {
		return sight{active: true, known: m.Known, value: m.Value, level: Level{Threshold: t, At: t.Value}}
	}
	s := sight{level: Level{Threshold: t}}
	hidden, nearest := false, 0.0
	for _, c := range m.Ceilings {
		if c.Max == 0 {
			continue // an app under a ceiling of nothing could not have started: a misreading
		}
		s.active = true
		if !c.Used.Known {
			hidden = hidden || c.Name == held
			continue
		}
		if ratio := float64(c.Used.Value) / float64(c.Max); !s.known || ratio > nearest {
			s.known, nearest = true, ratio
			s.value, s.level.At, s.level.Of, s.level.Ceiling = c.Used.Value, t.under(c.Max), c.Name, c.Max
		}
	}
	s.known = s.known && (!hidden || s.reached())
	return s
}

func (s sight) reached() bool { return s.known && s.value >= s.level.At }

// cleared: below 95% of the level, which for a small count is one less.
func (s sight) cleared() bool { return s.known && s.value < s.level.At-s.level.At/20 }

// level is what a Watch remembers of one threshold.
type level struct {
	breached bool
	since    time.Time // of the breach
	of       string    // the ceiling last seen in breach
	asked    bool      // the look before this one was ripe to act: this one confirms it
}

// note follows the breach: begun when the level is reached, over when it is cleared; in between and unknown it stays.
func (l *level) note(at time.Time, s sight) {
	switch {
	case s.reached():
		if !l.breached {
			l.breached, l.since = true, at
		}
		l.of = s.level.Of
	case s.cleared():
		*l = level{}
	case s.known:
		l.asked = false // a look under the level confirms nothing
	}
}

// confirm asks for a fresh look when the level is reached and has been breached for hold, and acts on the next look
// that still reaches it: never on one look alone.
func (l *level) confirm(at time.Time, s sight, hold time.Duration) (look, act bool) {
	if !s.reached() || at.Sub(l.since) < hold {
		return false, false
	}
	look, act = !l.asked, l.asked
	l.asked = true
	return look, act
}
