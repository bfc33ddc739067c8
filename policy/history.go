package policy

import "time"

// historyPoints bounds a History: a value is then known to at least 1/32 of the time it spans, whatever that is.
const historyPoints = 64

// History is how a value grew over the life of one incarnation of the app: points spread evenly over time, however
// unevenly the looks came, in memory that does not grow.
type History struct {
	points [historyPoints]point
	n      int
	step   time.Duration // points are at least this far apart
	last   point         // the latest look, kept or not
}

type point struct {
	uptime time.Duration
	value  uint64
}

// Add notes a value. What is unknown, or not later than the latest, is left out.
func (h *History) Add(uptime time.Duration, r Reading) {
	if !r.Known || h.n > 0 && uptime <= h.last.uptime {
		return
	}
	h.last = point{uptime, r.Value}
	if h.n == historyPoints {
		h.thin()
	}
	h.keep(h.last)
}

func (h *History) keep(p point) {
	if h.n > 0 && p.uptime < h.points[h.n-1].uptime+h.step {
		return
	}
	h.points[h.n] = p
	h.n++
}

// thin spreads the points over their whole time anew and frees about half of the room.
func (h *History) thin() {
	full := h.points[:h.n]
	h.step = (full[h.n-1].uptime - full[0].uptime) / (historyPoints / 2)
	h.n = 0
	for _, p := range full { // in place: keep never writes past p
		h.keep(p)
	}
}

// At is the value at an uptime, in proportion between the two looks around it. Before the first look and after the
// latest it is unknown.
func (h *History) At(uptime time.Duration) (float64, bool) {
	if h.n == 0 || uptime < h.points[0].uptime || uptime > h.last.uptime {
		return 0, false
	}
	from, to := h.points[0], h.last
	for _, p := range h.points[:h.n] {
		if p.uptime > uptime {
			to = p
			break
		}
		from = p
	}
	if to.uptime == from.uptime {
		return float64(from.value), true
	}
	share := float64(uptime-from.uptime) / float64(to.uptime-from.uptime)
	return float64(from.value) + share*(float64(to.value)-float64(from.value)), true
}
