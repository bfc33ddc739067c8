package policy

import (
	"strconv"
	"time"
)

// Threshold is an absolute number, a share of a ceiling, or (the zero value) not set.
type Threshold struct {
	Set     bool
	Value   uint64  // bytes for memory, else a count; used if Percent is 0
	Percent float64 // of the nearest ceiling, above 0 and at most 100
}

// Limit is what the user asked for one metric. Thresholds are named after what happens when they are reached.
type Limit struct {
	Metric       Metric
	Warn         Threshold
	WarnFor      time.Duration // how long the warn level must be held before it is said; 0 except for reaperd's own default warnings
	Drain        Threshold
	Kill         Threshold
	For          time.Duration // how long the drain level, or growth, must be held before a drain begins
	Growth       Rate          // steady growth that acts as drain does; the zero value: not set
	GrowthWindow time.Duration // over which growth is measured; 0: DefaultGrowthWindow
}

// Active says whether anything is set.
func (l Limit) Active() bool { return l.Warn.Set || l.Acts() }

// Acts says whether this limit can do more than warn.
func (l Limit) Acts() bool { return l.Drain.Set || l.Kill.Set || l.Growth.Set() }

// DefaultFor is how long the drain level of a metric must be held unless the user says otherwise. A count of OOM kills
// cannot pass by itself: waiting tells nothing.
func (m Metric) DefaultFor() time.Duration {
	if m == OOMKills {
		return 0
	}
	return 10 * time.Second
}

// HasCeiling says whether a percentage can mean anything for the metric.
func (m Metric) HasCeiling() bool { return m != Zombies && m != OOMKills }

// Format writes a value of the metric for people: bytes in binary units, counts as they are.
func (m Metric) Format(v uint64) string {
	if m != Memory {
		return strconv.FormatUint(v, 10)
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(v), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	prec := 1
	if u == 0 || f == float64(uint64(f)) {
		prec = 0
	}
	return strconv.FormatFloat(f, 'f', prec, 64) + units[u]
}

// Headroom is what is left until the threshold is reached, and 0 once it is: of a percentage, under the ceiling with the
// least of it. It is unknown where there is nothing to compare with.
func (t Threshold) Headroom(m Measure) (uint64, bool) {
	switch {
	case !t.Set, t.Percent == 0 && !m.Known:
		return 0, false
	case t.Percent == 0:
		return t.Value - min(t.Value, m.Value), true
	}
	least, known := uint64(0), false
	for _, c := range m.Ceilings {
		if !c.Used.Known || c.Max == 0 {
			continue
		}
		at := t.under(c.Max)
		if room := at - min(at, c.Used.Value); !known || room < least {
			least, known = room, true
		}
	}
	return least, known
}
