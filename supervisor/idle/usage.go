package idle

import "time"

// usage is the processor time of a tree over the last while.
type usage struct {
	last  map[process]uint64
	total uint64
	marks []mark // oldest first; the first is the youngest that lies the whole time back, or the very first
}

type mark struct {
	at    time.Time
	total uint64
}

// marksPer bounds how many marks a window holds, however often one looks.
const marksPer = 64

// add takes the ticks that each process and its reaped children have used so far. What a process used before it was first
// seen counts when others were seen before it: it is new. When a child is reaped its whole time appears in its parent's,
// so what was counted for the child is counted twice: an end is activity.
func (u *usage) add(now time.Time, cpu map[process]uint64, window time.Duration) {
	if u.last != nil {
		for p, ticks := range cpu {
			if before := u.last[p]; ticks > before {
				u.total += ticks - before
			}
		}
	}
	u.last = cpu
	if n := len(u.marks); n > 1 && now.Sub(u.marks[n-2].at) < window/marksPer {
		u.marks[n-1] = mark{now, u.total}
	} else {
		u.marks = append(u.marks, mark{now, u.total})
	}
	for len(u.marks) > 1 && now.Sub(u.marks[1].at) >= window {
		u.marks = u.marks[1:]
	}
}

// grown is how much was used over the time that is remembered.
func (u *usage) grown() (ticks uint64, over time.Duration) {
	first, last := u.marks[0], u.marks[len(u.marks)-1]
	return last.total - first.total, last.at.Sub(first.at)
}
