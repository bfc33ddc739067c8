package policy

import "time"

// Backoff says how long to wait before the app is started again, and when to give up.
//
// Restarts are counted that were granted less than burst_interval ago. The n-th of them, the one asked for included,
// waits delay × 2^(n-1), at most max_delay; where n exceeds burst it is not granted. So with burst = 5 the sixth
// restart within burst_interval is the one refused. A burst of 0 grants none; a burst_interval of 0 remembers none, so
// that it neither grows the delay nor gives up.
type Backoff struct {
	restart Restart
	granted []time.Time // oldest first, at most burst
}

// NewBackoff makes the Backoff of a [restart] table.
func NewBackoff(r Restart) *Backoff { return &Backoff{restart: r} }

// Spent says whether a restart at a time would be refused.
func (b *Backoff) Spent(at time.Time) bool {
	for len(b.granted) > 0 && at.Sub(b.granted[0]) >= b.restart.BurstInterval {
		b.granted = b.granted[1:]
	}
	return len(b.granted) >= b.restart.Burst
}

// Next asks for a restart at a time. A refused one is not counted.
func (b *Backoff) Next(at time.Time) (delay time.Duration, giveUp bool) {
	if b.Spent(at) {
		return 0, true
	}
	delay = min(b.restart.Delay, b.restart.MaxDelay)
	for range b.granted {
		delay += min(delay, b.restart.MaxDelay-delay) // never past max_delay, so never past what a Duration holds
	}
	b.granted = append(b.granted, at)
	return delay, false
}
