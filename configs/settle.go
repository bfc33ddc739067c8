package configs

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// idleInterval is the longest time between two looks while only reaperd's own warnings are on: they take a minute to
// be said, so looking every second would be cost without use.
const idleInterval = 5 * time.Second

// warnFor is how long one of reaperd's own warnings must hold before it is said.
const warnFor = time.Minute

// ownWarning is the warning that a metric has without any configuration; unset if it has none. Processes have none:
// every process has a thread, so the ceiling of threads speaks for both.
func ownWarning(m policy.Metric) policy.Threshold {
	switch m {
	case policy.Threads, policy.FDs, policy.Memory:
		return policy.Threshold{Set: true, Percent: 90}
	case policy.Zombies:
		return policy.Threshold{Set: true, Value: 10}
	}
	return policy.Threshold{}
}

// settle fills in the defaults that depend on other keys, and judges what only all layers together can show.
func (l *loader) settle(watches bool) {
	c := &l.config
	if watches && !l.isSet("log.level") {
		c.Log.Level = "info"
	}
	limited := l.settleEach() || c.Limits.MaxUptime > 0
	for m := range policy.NumMetrics {
		limited = limited || c.Limits.Of[m].Active()
		l.judge("limits."+m.String()+".", c.Limits.Of[m])
		l.warnByDefault(m)
	}
	if !limited && !l.isSet("limits.interval") {
		c.Limits.Interval = idleInterval
	}
	l.delays()
	l.overlap()
	l.notify()
	l.stopSequence()
	l.idle()
	l.sockets()
	l.hooks()
	l.quiet()
	l.unproven()
}

func (l *loader) isSet(path string) bool { return l.places[path].layer != byDefault }

// at is where a key was set, or "default".
func (l *loader) at(path string) place {
	if !l.isSet(path) {
		return place{name: "default"}
	}
	return l.places[path]
}

// warnByDefault adds reaperd's own warning, unless the user has one or acts below it.
func (l *loader) warnByDefault(m policy.Metric) {
	limit := &l.config.Limits.Of[m]
	own := ownWarning(m)
	if l.isSet("limits."+m.String()+".warn") || above(own, limit.Drain) || above(own, limit.Kill) {
		return
	}
	if own.Set {
		limit.Warn, limit.WarnFor = own, warnFor
	}
}

// judge judges what the keys of one limit say together.
func (l *loader) judge(table string, limit policy.Limit) {
	l.ordered(table, limit)
	l.measurable(table, limit)
}

// ordered judges warn <= drain <= kill. A number and a percentage can only be compared on a machine, not here.
func (l *loader) ordered(table string, limit policy.Limit) {
	levels := []struct {
		name string
		policy.Threshold
	}{{"warn", limit.Warn}, {"drain", limit.Drain}, {"kill", limit.Kill}}
	wrong := false
	for _, pair := range [][2]int{{0, 1}, {1, 2}, {0, 2}} {
		low, high := levels[pair[0]], levels[pair[1]]
		if !above(low.Threshold, high.Threshold) || wrong && pair[1]-pair[0] > 1 {
			continue // warn and kill are compared only if drain has not shown it
		}
		wrong = true
		l.contrary(table+low.name, formatThreshold(limit.Metric, low.Threshold),
			table+high.name, formatThreshold(limit.Metric, high.Threshold), "warn <= drain <= kill")
	}
}

// growthLooks is how many looks a growth window must hold at least: policy lays its line through eight or more.
const growthLooks = 16

// measurable judges whether growth can be seen with this interval. It stands at the window where that is set.
func (l *loader) measurable(table string, limit policy.Limit) {
	interval, window := l.config.Limits.Interval, limit.GrowthWindow
	if !limit.Growth.Set() || window >= growthLooks*interval {
		return
	}
	if key := table + "growth_window"; l.isSet(key) {
		l.wrong(l.at(key), key, "%s is too short for %d looks with limits.interval = %s (%s): want at least %s", formatDuration(window),
			growthLooks, formatDuration(interval), l.at("limits.interval").name, formatDuration(growthLooks*interval))
		return
	}
	l.wrong(l.at("limits.interval"), "limits.interval", "%s is too long for %d looks in %sgrowth_window = %s (default): want at most %s",
		formatDuration(interval), growthLooks, table, formatDuration(window), formatDuration(window/growthLooks))
}

// above says whether a is set higher than b; what cannot be compared is not.
func above(a, b policy.Threshold) bool {
	if !a.Set || !b.Set || (a.Percent > 0) != (b.Percent > 0) {
		return false
	}
	return a.Percent > b.Percent || a.Value > b.Value
}

// delays judges delay <= max_delay. A default max_delay gives way.
func (l *loader) delays() {
	r := &l.config.Restart
	if r.Delay <= r.MaxDelay {
		return
	}
	if !l.isSet("restart.max_delay") {
		r.MaxDelay = r.Delay
		return
	}
	l.contrary("restart.delay", formatDuration(r.Delay), "restart.max_delay", formatDuration(r.MaxDelay), "delay <= max_delay")
}

// contrary is the mistake of two keys of one table that contradict each other. It stands at the one that was set
// last, for that is the one that made it wrong.
func (l *loader) contrary(lowKey, low, highKey, high, want string) {
	lowAt, highAt := l.at(lowKey), l.at(highKey)
	if highAt.layer > lowAt.layer || highAt.layer == lowAt.layer && highAt.line > lowAt.line {
		l.wrong(highAt, highKey, "%s is below %s = %s (%s): want %s", high, lastWord(lowKey), low, lowAt.name, want)
		return
	}
	l.wrong(lowAt, lowKey, "%s is above %s = %s (%s): want %s", low, lastWord(highKey), high, highAt.name, want)
}

// values lists the effective keys. Keys that nobody set and that mean nothing unset are left out.
func (l *loader) values() []Value {
	values := valuesOf(l, l.keys, &l.config, "")
	for i, label := range l.eachLabels {
		values = append(values, valuesOf(l, eachRegistry(), &l.config.Limits.Each[i], label+".")...)
	}
	for i, label := range l.socketLabels {
		values = append(values, valuesOf(l, socketRegistry(), &l.config.Sockets[i], label+".")...)
	}
	return values
}

func valuesOf[C any](l *loader, keys registry[C], c *C, within string) []Value {
	var values []Value
	for _, k := range keys {
		path := within + k.path
		if !l.isSet(path) && !k.shown(c) {
			continue
		}
		values = append(values, Value{
			Key:    path,
			Text:   k.text(c),
			Source: l.at(path).name,
			ours:   !l.isSet(path) && lastWord(path) == "warn",
		})
	}
	return values
}
