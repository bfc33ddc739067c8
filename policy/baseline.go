package policy

import "time"

const (
	// flat is the growth, over the last half of the uptime, from which on a value is growing.
	flat = 1.05
	// earlyTrips in a row show that it was no accident.
	earlyTrips = 2
)

// Baseline breaks kill loops. An app that is over its limit as soon as it may be drained, twice in a row and without
// growing, needs what it uses: draining it again helps nobody. One that grew is leaking fast: a restart helps it.
//
// It outlives the incarnations of the app; per incarnation: Started, See at every look, Judge at a trip of drain.
type Baseline struct {
	early   time.Duration // a trip at this uptime or before is early
	history History
	tripped bool // early, in this incarnation
	trips   int  // incarnations in a row that tripped early and flat
}

// NewBaseline makes the Baseline of a limit. A trip is early until minUptime, the limit's For and two looks are over;
// interval is the longest time between looks.
func NewBaseline(l Limit, minUptime, interval time.Duration) *Baseline {
	return &Baseline{early: minUptime + l.For + 2*interval}
}

// Started begins a new incarnation of the app.
func (b *Baseline) Started() {
	b.history, b.tripped = History{}, false
}

// See takes in a look. An incarnation that lives on past the early time without a trip ends the row.
func (b *Baseline) See(uptime time.Duration, r Reading) {
	b.history.Add(uptime, r)
	if uptime > b.early && !b.tripped {
		b.trips = 0
	}
}

// Judgement is what a trip of drain means. The zero value: drain.
type Judgement struct {
	Rest bool    // the limit lies below the app's baseline: do not drain, call Watch.Rest
	Say  bool    // for the first time in this row: say so
	Half float64 // the value at half of the uptime; 0 if unknown
}

// Judge judges a trip of drain (Verdict.Act) at the look that See was last given. Asked again in the same incarnation
// it counts nothing twice. A drain at the kill level is never put to rest, for kill always acts; nor is one for growth.
func (b *Baseline) Judge(uptime time.Duration, trip Breach) Judgement {
	half, known := b.history.At(uptime / 2)
	j := Judgement{Half: half}
	switch {
	case b.tripped && uptime <= b.early:
	case uptime > b.early, trip.Lowered, trip.Growth.Limit.Set(), !known || float64(b.history.last.value) >= flat*half:
		b.trips = 0
	default:
		b.tripped = true
		b.trips++
		j.Say = b.trips == earlyTrips
	}
	j.Rest = b.trips >= earlyTrips
	return j
}
