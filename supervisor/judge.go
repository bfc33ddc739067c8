package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/reaperd/reaperd/policy"
)

// Limits is what the supervisor watches.
type Limits struct {
	Interval  time.Duration // longest time between two looks
	MinUptime time.Duration // no drain for a limit before the app has been up this long
	Of        [policy.NumMetrics]policy.Limit
	Each      []policy.EachLimit // of single processes
}

// Any says whether there is anything to watch at all.
func (l Limits) Any() bool {
	if len(l.Each) > 0 {
		return true
	}
	for _, limit := range l.Of {
		if limit.Active() {
			return true
		}
	}
	return false
}

// judge holds every limit to every sample. It remembers what was said over all incarnations of the app.
type judge struct {
	limits    Limits
	watches   [policy.NumMetrics]*policy.Watch
	baselines [policy.NumMetrics]*policy.Baseline
	inactive  [policy.NumMetrics]bool // that a percentage has no ceiling was said
	trends    [policy.NumMetrics]*policy.Trend
	oomKills  uint64 // of this incarnation, said

	fresh   [policy.NumMetrics]policy.Reading // what an app uses once it has settled
	settled [policy.NumMetrics]bool           // it is that of this incarnation
}

func newJudge(l Limits) *judge {
	j := &judge{limits: l}
	for m, limit := range l.Of {
		if limit.Active() {
			j.watches[m] = policy.NewWatch(limit, l.MinUptime)
			j.baselines[m] = policy.NewBaseline(limit, l.MinUptime, l.Interval)
			j.trends[m] = &policy.Trend{}
		}
	}
	return j
}

// restarted begins a new incarnation.
func (j *judge) restarted() {
	j.oomKills = 0
	j.settled = [policy.NumMetrics]bool{}
	for m, w := range j.watches {
		if w != nil {
			w.Restarted()
			j.baselines[m].Started()
			*j.trends[m] = policy.Trend{}
		}
	}
}

// ruling is what one sample means for all limits together.
type ruling struct {
	says []Say
	note []Noted       // that warnings were said
	trip *Tripped      // the strongest of all
	look bool          // look again at once
	wait time.Duration // or when this much time has passed, if not 0
}

// step judges one look. While a drain runs only the kill level asks for more: another trip of the drain level, later in
// the same uptime, would look to the baseline like an app that lived on.
func (j *judge) step(s policy.Sample, uptime time.Duration, draining bool) ruling {
	var r ruling
	j.stepOOMKills(&r, s.Measures[policy.OOMKills])
	for metric := range policy.NumMetrics {
		if j.watches[metric] != nil {
			j.stepMetric(&r, metric, s, uptime, draining)
		}
	}
	return r
}

func (j *judge) stepMetric(r *ruling, metric policy.Metric, s policy.Sample, uptime time.Duration, draining bool) {
	measure := s.Measures[metric]
	limit, baseline := j.limits.Of[metric], j.baselines[metric]
	if !j.inactive[metric] && measure.Known && Inactive(limit, measure) {
		j.inactive[metric] = true
		r.say(Info, "a percentage is inactive: no ceiling here", "metric", metric)
	}
	baseline.See(uptime, measure.Reading)
	j.seeFresh(metric, uptime, measure.Reading)
	j.trends[metric].Add(uptime, measure.Reading)
	v := j.watches[metric].Step(s.At, uptime, measure)
	switch {
	case v.Blind:
		r.say(Warn, "a limit is blind: its number cannot be read", "metric", metric)
	case v.Sighted:
		r.say(Info, "a limit sees again", "metric", metric)
	}
	if v.Lowered {
		r.say(Warn, "drain lies above kill here: draining at the kill level", v.Lowering.KeyValues(metric)...)
	}
	if v.Warn {
		warning := append(story(v.Warning, measure), j.forecast(metric, measure)...)
		r.say(Warn, "limit warning", warning...)
		r.note = append(r.note, Noted{policy.OnWarn, levelWarn, warning, blamed(measure)})
	}
	if v.Cleared {
		r.say(Info, "limit warning cleared", v.Warning.KeyValues()...)
	}
	r.look = r.look || v.Look
	if v.Wait > 0 && (r.wait == 0 || v.Wait < r.wait) {
		r.wait = v.Wait
	}
	switch v.Act {
	case policy.ActKill:
		r.trip = &Tripped{Kill: true, Metric: metric, Story: story(v.Breach, measure), Who: blamed(measure)}
	case policy.ActDrain:
		if draining {
			return
		}
		if judged := baseline.Judge(uptime, v.Breach); judged.Rest {
			j.watches[metric].Rest()
			if judged.Say {
				r.say(Warn, "limit lies below the app's baseline: its drain rests until it clears", story(v.Breach, measure)...)
			}
			return
		}
		if r.trip == nil {
			r.trip = &Tripped{Metric: metric, Story: story(v.Breach, measure), Who: blamed(measure)}
		}
	}
}

// stepOOMKills says what the kernel killed. It kills one process and leaves the app half alive, or ends it with a 137
// that nobody can explain.
func (j *judge) stepOOMKills(r *ruling, m policy.Measure) {
	if m.Known && m.Value > j.oomKills {
		r.say(Warn, "the kernel OOM-killed a process of the app", "oom_kills", m.Value)
		j.oomKills = m.Value
	}
}

// forecast is when the drain level will be reached if the value grows on as it does; nothing where the data show no
// steady growth.
func (j *judge) forecast(metric policy.Metric, m policy.Measure) []any {
	if in, ok := j.trends[metric].Reaches(j.limits.Of[metric].Drain, m); ok {
		return []any{"drain_in", in.Round(time.Second)}
	}
	return nil
}

func (r *ruling) say(level Level, message string, kv ...any) {
	r.says = append(r.says, Say{level, message, kv})
}

// Inactive says whether a percentage that the user set has no ceiling here. Of reaperd's own warnings nobody need know.
func Inactive(limit policy.Limit, m policy.Measure) bool {
	if limit.WarnFor > 0 {
		limit.Warn = policy.Threshold{}
	}
	return limit.Inactive(m)
}

// story is a breach with the processes to blame, largest first.
func story(b policy.Breach, m policy.Measure) []any {
	kv := b.KeyValues()
	if len(m.Top) == 0 {
		return kv
	}
	blame := make([]string, len(m.Top))
	for i, p := range m.Top {
		blame[i] = fmt.Sprintf("%s[%d]=%s", Printable(p.Name), p.PID, b.Metric.Format(p.Value))
	}
	return append(kv, "top", strings.Join(blame, " "))
}

// Printable escapes a name that the app chose, so that it can neither break a log line nor steer a terminal. Quotes are
// left to the log.
func Printable(name string) string {
	for _, r := range name {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			quoted := strconv.Quote(name)
			return quoted[1 : len(quoted)-1]
		}
	}
	return name
}
