package policy

import (
	"math"
	"time"
)

const (
	// calmer: a value that does not move is looked at this many times less often than the floor.
	calmer = 20
	// forgotten is the time after which half of a speed is forgotten.
	forgotten = 5 * time.Second
)

// gait is how fast a metric can move, in units per second, and how often it is worth a look.
type gait struct {
	floor time.Duration // the shortest time between two looks; 0: this metric never shortens it
	first float64       // what is assumed until more is known: about the worst seen in the field
	burst float64       // what a value at rest may always begin with
}

// gaitOf gives a page-faulting loop 1 GiB/s (earlyoom saw 6 GB/s of many) and a fork or thread bomb 1000/s. The bursts
// are what a well-kept app can do from one look to the next: they, and not the floor, decide what watching costs an app
// that rests near its limit.
func gaitOf(m Metric) gait {
	switch m {
	case Memory:
		return gait{5 * time.Millisecond, 1 << 30, 256 << 20}
	case OOMKills:
		return gait{}
	}
	return gait{50 * time.Millisecond, 1000, 100}
}

// Pace says when to look next: rarely while there is room, ever sooner as a limit nears, so that at the fastest growth
// seen lately half of the room is left at the next look. At limits that only warn it is never in a hurry, nor at one
// that is reached.
type Pace struct {
	limits     [NumMetrics]Limit
	longest    time.Duration
	generation uint64
	toward     [NumMetrics][2]approach // to drain and to kill
	budget     budget
	raised     bool // was said
}

// NewPace makes the Pace for limits; longest is limits.interval.
func NewPace(limits [NumMetrics]Limit, longest time.Duration) *Pace {
	return &Pace{limits: limits, longest: longest}
}

// Next takes in a look and the CPU time it cost, and says how long after it the next is due. To be called for every
// look, also those taken out of turn. Raised says, once, that the budget made the time longer than it would have been;
// the budget yields only to longest, which is the user's word.
func (p *Pace) Next(s Sample, cost time.Duration) (wait time.Duration, raised bool) {
	if s.Generation != p.generation {
		p.generation, p.toward = s.Generation, [NumMetrics][2]approach{}
	}
	wait = p.longest
	for m := range NumMetrics {
		gait := gaitOf(m)
		if gait.floor == 0 {
			continue
		}
		for i, t := range [2]Threshold{p.limits[m].Drain, p.limits[m].Kill} {
			if room, ok := t.Headroom(s.Measures[m]); ok {
				p.toward[m][i].near(s.At, room, gait.first)
			}
			wait = min(wait, p.toward[m][i].wait(gait, p.longest))
		}
	}
	p.budget.spend(s.At, cost)
	if paid := min(p.longest, p.budget.wait(cost)); paid > wait {
		raised, p.raised = !p.raised, true
		return paid, raised
	}
	return wait, false
}

// approach is how a value comes near a level.
type approach struct {
	at    time.Time // of the last look that saw it; zero: none yet
	room  uint64
	speed float64 // the fastest, in units per second; it fades
}

// near notes the room that is left.
func (a *approach) near(at time.Time, room uint64, first float64) {
	passed := at.Sub(a.at).Seconds()
	switch {
	case a.at.IsZero():
		a.speed = first
	case passed <= 0:
		return
	default:
		a.speed *= math.Exp2(-passed / forgotten.Seconds())
		if room < a.room {
			a.speed = max(a.speed, float64(a.room-room)/passed)
		}
	}
	a.at, a.room = at, room
}

// wait is the time until half of the room may be gone at the fastest speed seen, or all of it in a burst from rest:
// what of the two is sooner, each no less than its floor.
func (a *approach) wait(g gait, longest time.Duration) time.Duration {
	if a.room == 0 {
		return longest
	}
	chase := max(g.floor, within(float64(a.room)/(2*a.speed), longest))
	burst := max(calmer*g.floor, within(float64(a.room)/g.burst, longest))
	return min(longest, chase, burst)
}

// within is a time in seconds as a Duration, at most longest; it may be infinite.
func within(s float64, longest time.Duration) time.Duration {
	if s >= longest.Seconds() {
		return longest
	}
	return time.Duration(s * float64(time.Second))
}
