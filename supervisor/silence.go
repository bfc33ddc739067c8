package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// silence stands in for a metric where the app gives no sign of life.
const silence = policy.NumMetrics + 1

// doubtFor is how long a silence that is too long is still doubted, at most: an app that was frozen together with us, or
// that waits for the same processor, gets the time to speak.
const doubtFor = time.Second

// onAlive: WATCHDOG=1, or what counts as much.
func (m *Machine) onAlive(now time.Time) { m.told.alive, m.told.doubted = now, time.Time{} }

// silentAt is when the silence of a running app will have been too long, unless it ends; zero: never. As with a limit,
// that is not before MinUptime.
func (m *Machine) silentAt() time.Time {
	t := &m.told
	if t.watchdog == 0 || t.stopping {
		return time.Time{}
	}
	due := latest(latest(m.upSince, t.alive).Add(t.watchdog), m.upSince.Add(m.plan.MinUptime))
	return latest(latest(due, t.doubted), m.dryRuns[dryRun{metric: silence}].Add(dryRunAgain))
}

// onSilence: the app has been silent for too long.
func (m *Machine) onSilence(now time.Time) []Effect {
	t := &m.told
	if t.doubted.IsZero() {
		t.doubted = now.Add(min(doubtFor, t.watchdog/2))
		return nil
	}
	story := []any{"silent", rough(now.Sub(latest(m.upSince, t.alive))), "limit", t.watchdog}
	if t.alive.IsZero() {
		story = append(story, "heard", "never")
	}
	return m.onHung(now, story)
}

// onHung trips like a limit.
func (m *Machine) onHung(now time.Time, story []any) []Effect {
	m.told.doubted = time.Time{}
	say := m.withStatus(Say{Story: append([]any{"metric", "watchdog"}, story...)})
	return m.onTrip(now, Tripped{Metric: silence, Story: say.Story})
}
