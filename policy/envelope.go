package policy

import (
	"slices"
	"time"
)

const (
	// buckets of an envelope: 496 pairs of points, which take some 10 µs to fit.
	buckets = 32
	// fewest points that a line is laid through: eight in random order agree as much as asked once in a thousand times.
	fewest = 8
	// agreement is the share of pairs of points that rise, less those that fall (Kendall's tau), from which on a value
	// rises. A step has at most 0.57, a sawtooth of two teeth or more less than 0.5.
	agreement = 0.8
	// lately: the later half must rise at this share of the slope of the whole, or the growth is over.
	lately = 0.4
	// quicker: from this multiple of it on, the growth quickens.
	quicker = 1.25
	// short: the share of its rise by which a line may overshoot the last points; beyond, the growth is over.
	short = 0.2
)

// bucket is the lowest and the highest of the values of one piece of time.
type bucket struct {
	number    int64 // of the piece, counted from the start of the app
	low, high point
}

// envelope is the latest window of a value, in buckets of a 32nd of it: memory that does not grow, and a few comparisons
// a look. The slope is of the lows, for what a garbage collector leaves behind is what leaks; and a spike is hardly one.
type envelope struct {
	window time.Duration
	first  time.Duration // uptime of the first look
	seen   bool
	open   bucket // the one being filled; not fit before it is complete
	full   [buckets]bucket
	n      int
	line   fit // of the full ones
	fitted bool
}

// add notes a value; one that is not later than the last is left out.
func (e *envelope) add(p point) {
	number := int64(p.uptime / max(1, e.window/buckets))
	switch {
	case !e.seen:
		e.seen, e.first = true, p.uptime
	case number < e.open.number:
		return
	case number == e.open.number:
		e.open.take(p)
		return
	default:
		e.close(number)
	}
	e.open = bucket{number, p, p}
}

func (b *bucket) take(p point) {
	if p.value < b.low.value {
		b.low = p
	}
	if p.value > b.high.value {
		b.high = p
	}
}

// close keeps the open bucket and drops those that are out of the window once the one of that number is open.
func (e *envelope) close(number int64) {
	kept := e.full[:e.n]
	for len(kept) > 0 && kept[0].number < number-buckets {
		kept = kept[1:]
	}
	e.n = copy(e.full[:], kept)
	if e.open.number >= number-buckets {
		e.full[e.n] = e.open
		e.n++
	}
	e.fitted = false
}

// latest is the low of the last full bucket; only for an envelope that was fit.
func (e *envelope) latest() point { return e.full[e.n-1].low }

// covered says whether there are looks from the whole window: it was seen for so long, and not only lately.
func (e *envelope) covered() bool {
	now := e.open.low.uptime
	return e.n >= fewest && now-e.first >= e.window && now-e.full[0].low.uptime >= e.window*3/4
}

// fit is the line through the lows.
type fit struct {
	rising bool    // steadily, and lately too; the rest is only then given
	slope  float64 // units of the metric per second, above 0
	late   float64 // of the later half
}

func (f fit) quickens() bool { return f.late > quicker*f.slope }

// fit lays the line: the median of the slopes of all pairs (Theil and Sen), which three points in ten cannot bend.
// Where the single buckets disagree, teeth of a sawtooth may be longer than they are: then the lows of two, then of
// four of them are tried.
func (e *envelope) fit() fit {
	if e.fitted {
		return e.line
	}
	e.line, e.fitted = fit{}, true
	var lows [buckets]point
	for width := int64(1); ; width *= 2 {
		points := e.lows(lows[:0], width)
		if len(points) < fewest {
			return e.line
		}
		if !rises(points) {
			continue
		}
		f := fit{slope: slope(points), late: slope(points[len(points)/2:])}
		if f.rising = f.slope > 0 && f.late >= lately*f.slope && !overshoots(points, f.slope); f.rising {
			e.line = f
		}
		return e.line
	}
}

// lows are the lowest points of so many buckets each.
func (e *envelope) lows(points []point, width int64) []point {
	group := int64(-1)
	for _, b := range e.full[:e.n] {
		if g := b.number / width; g != group {
			group = g
			points = append(points, b.low)
		} else if last := &points[len(points)-1]; b.low.value < last.value {
			*last = b.low
		}
	}
	return points
}

func rises(points []point) bool {
	more := 0
	for i, p := range points {
		for _, q := range points[i+1:] {
			switch {
			case q.value > p.value:
				more++
			case q.value < p.value:
				more--
			}
		}
	}
	return float64(more) >= agreement*float64(pairs(len(points)))
}

// overshoots says whether the line passes well above the last two points. One alone may be a misreading.
func overshoots(points []point, slope float64) bool {
	var room [buckets]float64
	starts := room[:0] // of the line at the first point, through each
	first := points[0].uptime
	for _, p := range points {
		starts = append(starts, float64(p.value)-slope*(p.uptime-first).Seconds())
	}
	last := max(starts[len(starts)-1], starts[len(starts)-2])
	slices.Sort(starts)
	return starts[len(starts)/2]-last > short*slope*(points[len(points)-1].uptime-first).Seconds()
}

func pairs(n int) int { return n * (n - 1) / 2 }

// slope is the median of the slopes of all pairs, in units per second.
func slope(points []point) float64 {
	var room [buckets * (buckets - 1) / 2]float64
	slopes := room[:0]
	for i, p := range points {
		for _, q := range points[i+1:] {
			slopes = append(slopes, (float64(q.value)-float64(p.value))/(q.uptime-p.uptime).Seconds())
		}
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2]
}
