package supervisor

import (
	"fmt"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// While a restart overlaps, limits look at each app alone and ceilings at both.

// mine is the sample of the main app. Ceilings, and what the kernel counts for all, stay those of the whole.
func mine(s policy.Sample, main int) policy.Sample {
	for _, part := range s.Parts {
		if part.Root == main {
			return partOf(s, part)
		}
	}
	return s
}

func partOf(s policy.Sample, part policy.Part) policy.Sample {
	part.Measures[policy.OOMKills] = s.Measures[policy.OOMKills]
	s.Measures = part.Measures
	return s
}

// judgeOther holds the other app to the kill limits, which are all that can still end it sooner.
func (w *watcher) judgeOther(s policy.Sample, main int) *Tripped {
	if len(s.Parts) == 0 {
		w.other = nil
		return nil
	}
	if w.other == nil {
		only := Limits{Interval: w.limits.Interval}
		for m, limit := range w.limits.Of {
			only.Of[m] = policy.Limit{Metric: limit.Metric, Kill: limit.Kill}
		}
		w.other = newJudge(only)
	}
	for _, part := range s.Parts {
		if part.Root != main {
			return w.other.step(partOf(s, part), 0, true).trip
		}
	}
	return nil
}

// roomShare of every ceiling is what two apps may use together.
const roomShare = 0.9

// noRoom says why two apps at once would come too near to a ceiling: what is used now, and the app's baseline once more.
// Empty: there is room. Descriptors have no ceiling that two apps share.
func (j *judge) noRoom(s policy.Sample) string {
	for m := range policy.NumMetrics {
		if m == policy.FDs {
			continue
		}
		for _, c := range s.Measures[m].Ceilings {
			used, needs := c.Used, j.fresh[m]
			if !used.Known {
				used = s.Measures[m].Reading
			}
			if !needs.Known {
				needs = s.Measures[m].Reading
			}
			if c.Max > 0 && float64(used.Value)+float64(needs.Value) >= roomShare*float64(c.Max) {
				return fmt.Sprintf("%s: %s used, %s for a fresh app, of %s (%s)", m, m.Format(used.Value), m.Format(needs.Value), m.Format(c.Max), c.Name)
			}
		}
	}
	return ""
}

// seeFresh remembers what an app uses when it has settled: the most until min_uptime.
func (j *judge) seeFresh(m policy.Metric, uptime time.Duration, r policy.Reading) {
	if !r.Known || j.settled[m] && uptime > j.limits.MinUptime {
		return
	}
	if j.settled[m] && j.fresh[m].Value > r.Value {
		return
	}
	j.fresh[m], j.settled[m] = r, true
}

// askRoom has the watcher look whether there is room for two apps.
func (l *loop) askRoom() {
	if !l.Limits.Any() {
		l.step(Room{})
		return
	}
	l.roomAsked++
}
