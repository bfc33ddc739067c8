package policy

import (
	"math"
	"slices"
	"time"
)

// farsight is how many times the time that was looked at a forecast may reach ahead.
const farsight = 4

// scales are the times over which a Trend looks for a line, shortest first. A bucket of one is a quarter of the time
// before it, so that what looks like a rise on a scale still shows as a tooth on the next.
const scales = 5

func scale(i int) time.Duration { return 2 * time.Minute << (3 * i) } // 2 min, 16 min, 2 h, 17 h, 6 days

// Trend is the growth of a value over the life of one incarnation of the app, as far as its history shows a line: on
// five scales of time, in memory that does not grow. The zero value is ready; begin a new one for a new incarnation.
//
// The longest scale that rises steadily speaks; if it quickens, the next shorter one that does. A rise on a short scale
// means nothing where the longer ones show that the value has been as high before: then it is the tooth of a sawtooth.
// The first tooth of its life nobody can tell from a leak.
type Trend struct {
	scales [scales]envelope
	last   point
	seen   bool
}

// Add notes a look. What is unknown, or not later than the latest, is left out.
func (t *Trend) Add(uptime time.Duration, r Reading) {
	if !r.Known || t.seen && uptime <= t.last.uptime {
		return
	}
	t.last, t.seen = point{uptime, r.Value}, true
	for i := range t.scales {
		t.scales[i].window = scale(i)
		t.scales[i].add(t.last)
	}
}

// line finds the scale that speaks, and the growth on it in units of the metric per second. There is none where the data
// show no steady rise.
func (t *Trend) line() (at *envelope, perSecond float64, ok bool) {
	for i := scales - 1; i >= 0; i-- {
		e := &t.scales[i]
		f := e.fit()
		if !f.rising || !t.unprecedented(i) {
			continue
		}
		at, perSecond, ok = e, f.slope, true
		if !f.quickens() {
			return at, perSecond, true
		}
		perSecond = f.late
	}
	return at, perSecond, ok
}

// unprecedented says whether the value now lies above all that longer scales saw before this one's time.
func (t *Trend) unprecedented(i int) bool {
	e := &t.scales[i]
	for j := i + 1; j < scales; j++ {
		if t.scales[j].peakBefore(e.full[0].low.uptime) >= e.latest().value {
			return false
		}
	}
	return true
}

// peakBefore is the highest value of the buckets that were over by then, but for one: that may have been a spike.
func (e *envelope) peakBefore(uptime time.Duration) uint64 {
	var first, second uint64
	for _, b := range e.full[:e.n] {
		switch v := b.high.value; {
		case time.Duration(b.number+1)*(e.window/buckets) > uptime:
			return second
		case v > first:
			first, second = v, first
		case v > second:
			second = v
		}
	}
	return second
}

// Forecast is the time until the value reaches a level above it, if it goes on as before. There is none where there is
// no slope, nor past four times the time in which the slope was seen.
func (t *Trend) Forecast(level uint64) (time.Duration, bool) {
	e, perSecond, ok := t.line()
	if !ok || level <= t.last.value {
		return 0, false
	}
	left := (float64(level) - e.top(perSecond, t.last.uptime)) / perSecond
	if far := t.last.uptime - e.full[0].low.uptime; left > farsight*far.Seconds() {
		return 0, false
	}
	return time.Duration(max(0, left) * float64(time.Second)), true
}

// Reaches is the Forecast for a threshold: of the metric itself, or of the ceiling with the least room, whose usage is
// taken to grow as the metric does.
func (t *Trend) Reaches(th Threshold, m Measure) (time.Duration, bool) {
	room, ok := th.Headroom(m)
	if !ok || room > math.MaxUint64-t.last.value {
		return 0, false
	}
	return t.Forecast(t.last.value + room)
}

// top is where the highs stand at an uptime on a line of that slope: the teeth of a sawtooth reach a level before its
// lows do. The median of the latest buckets is no spike.
func (e *envelope) top(perSecond float64, uptime time.Duration) float64 {
	var room [fewest]float64
	tops := room[:0]
	for _, b := range e.full[e.n-fewest : e.n] {
		tops = append(tops, float64(b.high.value)+perSecond*(uptime-b.high.uptime).Seconds())
	}
	slices.Sort(tops)
	return tops[len(tops)/2]
}
