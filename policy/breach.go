package policy

import (
	"math"
	"strconv"
	"time"
)

// Level is a threshold on this machine.
type Level struct {
	Threshold Threshold // as the user asked for it
	At        uint64    // the number that reaches it: of the metric, or of Of's own usage
	Of        string    // the ceiling that a percentage is of; empty for an absolute threshold
	Ceiling   uint64    // that ceiling's number
}

// Breach is a level that was reached, with what a log line says about it.
type Breach struct {
	Metric  Metric
	Level   Level
	Value   uint64        // what was compared with Level.At
	Since   time.Duration // how long the level has been breached
	Source  string        // see Measure.Source
	Lowered bool          // a drain at the kill level, for the drain level lies above it
	Growth  Growth        // of a breach of Limit.Growth, else zero; Level is then unused
}

// KeyValues renders the breach for hclog: metric, value, limit, and where they apply percent, of (the ceiling) and
// source; last for how long. For growth, limit is the rate, and growth and over tell what was measured.
func (b Breach) KeyValues() []any {
	kv := []any{"metric", b.Metric, "value", b.Metric.Format(b.Value)}
	if g := b.Growth; g.Limit.Set() {
		kv = append(kv, "growth", g.Measured.Text(b.Metric), "limit", g.Limit.Text(b.Metric), "over", g.Over)
	} else {
		kv = append(kv, "limit", b.Level.text(b.Metric))
	}
	if b.Level.Threshold.Percent > 0 {
		kv = append(kv, "percent", b.Level.Threshold.Text(b.Metric), "of", b.Level.Of, "ceiling", b.Metric.Format(b.Level.Ceiling))
	}
	if b.Source != "" {
		kv = append(kv, "source", b.Source)
	}
	if b.Since > 0 {
		kv = append(kv, "for", roughly(b.Since))
	}
	return kv
}

// Lowering is a drain level found above the kill level on this machine.
type Lowering struct {
	Drain, Kill Level
}

// KeyValues renders both numbers for hclog.
func (l Lowering) KeyValues(m Metric) []any {
	kv := []any{"metric", m, "drain", l.Drain.text(m), "kill", l.Kill.text(m)}
	for _, of := range []string{l.Drain.Of, l.Kill.Of} {
		if of != "" {
			return append(kv, "of", of)
		}
	}
	return kv
}

// text is the number of the level; a threshold that is no percentage keeps the user's own unit.
func (l Level) text(m Metric) string {
	if l.Threshold.Percent > 0 {
		return m.Format(l.At)
	}
	return l.Threshold.Text(m)
}

// Text writes the threshold as a user would: "80%", "250", "512MiB", and "512MB" for what is round only in decimal.
func (t Threshold) Text(m Metric) string {
	switch {
	case !t.Set:
		return ""
	case t.Percent > 0:
		return strconv.FormatFloat(t.Percent, 'f', -1, 64) + "%"
	}
	return m.text(t.Value)
}

// text writes what a user set: as Format, but bytes that are round only in decimal stay decimal.
func (m Metric) text(v uint64) string {
	if m == Memory && v > 0 && v%1e6 == 0 && v%(1<<20) != 0 {
		return strconv.FormatUint(v/1e6, 10) + "MB"
	}
	return m.Format(v)
}

// under is the least usage that reaches the percentage of a ceiling.
func (t Threshold) under(ceiling uint64) uint64 {
	// The slack keeps 33.3% of 1000 at 333: in floating point the product may come out a hair above it.
	at := math.Ceil(float64(ceiling)*t.Percent/100 - 1e-9)
	if at >= float64(ceiling) {
		return ceiling
	}
	return uint64(at)
}

// roughly rounds a duration for people: tenths of a second, below one second milliseconds.
func roughly(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
