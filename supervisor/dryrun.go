package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// uptime stands in for a metric where max_uptime trips.
const uptime = policy.NumMetrics

// dryRunAgain is how long a limit that stays over is not said again.
const dryRunAgain = 10 * time.Minute

// dryRun is what would be done for what.
type dryRun struct {
	metric policy.Metric
	kill   bool
}

// onDryRun says what a trip would have done.
func (m *Machine) onDryRun(now time.Time, e Tripped) []Effect {
	what := dryRun{e.Metric, e.Kill}
	if m.phase != Running || now.Before(m.dryRuns[what].Add(dryRunAgain)) {
		return nil
	}
	if m.dryRuns == nil {
		m.dryRuns = map[dryRun]time.Time{}
	}
	m.dryRuns[what] = now
	if e.Kill {
		return []Effect{Say{Warn, "dry run: would send SIGKILL to the whole tree", e.Story}}
	}
	d := m.plan.Drain
	story := append(e.Story[:len(e.Story):len(e.Story)], "then", m.plan.Restart.OnLimit)
	for _, stage := range easing(m.plan) {
		story = append(story, stage.name, stage.lasts)
	}
	for _, step := range d.Steps(m.rewritten(policy.SIGTERM), d.Timeout) {
		story = append(story, "stop", step.Signal)
	}
	return []Effect{Say{Warn, "dry run: would drain", append(story, "timeout", d.Timeout)}}
}
