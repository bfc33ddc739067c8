package policy

import (
	"math"
	"time"
)

// Jitter spreads what replicas do over time, so that ten of them do not drain in the same minute. It only ever takes
// away: what the user set is the most there is. Random is of the replica: drawn once from [0, 1).
type Jitter struct {
	Share float64 // the most it takes, from 0 to below 1
}

// keep is the share that is left.
func (j Jitter) keep(random float64) float64 { return 1 - min(1, max(0, j.Share*random)) }

// Duration shortens a duration, such as max_uptime.
func (j Jitter) Duration(d time.Duration, random float64) time.Duration {
	return min(d, time.Duration(float64(d)*j.keep(random)))
}

// Count lowers a count or a size; one that was above 0 stays so.
func (j Jitter) Count(v uint64, random float64) uint64 {
	if j.keep(random) == 1 {
		return v // a float holds no more than 53 bits of it
	}
	return min(v, max(1, uint64(float64(v)*j.keep(random))))
}

// Threshold lowers a threshold, a percentage by steps of a hundredth.
func (j Jitter) Threshold(t Threshold, random float64) Threshold {
	switch {
	case !t.Set, j.keep(random) == 1:
	case t.Percent == 0:
		t.Value = j.Count(t.Value, random)
	default:
		lower := math.Floor(t.Percent*j.keep(random)*100) / 100
		if lower > 0 {
			t.Percent = min(t.Percent, lower)
		}
	}
	return t
}

// Limit lowers what begins a drain. Kill stays, for it guards what all replicas share; drain is not lowered below warn.
func (j Jitter) Limit(l Limit, random float64) Limit {
	set := l.Drain
	l.Drain = j.Threshold(set, random)
	if l.Warn.Set && set.Set && (l.Warn.Percent > 0) == (set.Percent > 0) {
		l.Drain.Value = min(set.Value, max(l.Drain.Value, l.Warn.Value))
		l.Drain.Percent = min(set.Percent, max(l.Drain.Percent, l.Warn.Percent))
	}
	l.Growth.Value = j.Count(l.Growth.Value, random)
	return l
}
