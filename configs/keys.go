package configs

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// key is one row of the table: how its value is read into a C, a Config or an Each, and written back as TOML.
type key[C any] struct {
	path  string // "drain.timeout"
	form  form
	set   func(c *C, raw any) error // raw is a TOML value; the error says what is wrong and what would be right
	text  func(c *C) string         // the effective value as TOML
	shown func(c *C) bool           // whether an unset key is worth a line in `reaperd check`
}

// registry is every key of a C, in the order `reaperd check` prints them.
type registry[C any] []key[C]

// Bounds. A week is longer than any job that a drain should wait for, and keeps sums of durations far from overflow.
const (
	shortest = 10 * time.Millisecond
	day      = 24 * time.Hour
	week     = 7 * day
	year     = 365 * day
)

func newRegistry() registry[Config] {
	level := oneOf[string]("a log level", "trace", "debug", "info", "warn", "error")
	r := registry[Config]{
		bind("preset", presetName(), func(c *Config) *string { return &c.Preset }),
		bind("platform", oneOf[string]("a platform", "auto", "heroku", "none"), func(c *Config) *string { return &c.Platform }),
		bind("dry_run", boolean(), func(c *Config) *bool { return &c.DryRun }),
		bind("group", boolean(), func(c *Config) *bool { return &c.Group }),
		bind("rewrite", rewrites(), func(c *Config) *map[policy.Signal]policy.Signal { return &c.Rewrite }),
		bind("exit_remap", remaps(), func(c *Config) *map[int]int { return &c.ExitRemap }),
		bind("pdeathsig", signal(anySignal), func(c *Config) *policy.Signal { return &c.Pdeathsig }),
		listKey(socketList),
		bind("log.level", level, func(c *Config) *string { return &c.Log.Level }),
		bind("log.format", oneOf[string]("a log format", "text", "json"), func(c *Config) *string { return &c.Log.Format }),
		bind("limits.interval", duration("1s", shortest, time.Hour), func(c *Config) *time.Duration { return &c.Limits.Interval }),
		bind("limits.min_uptime", duration("30s", 0, week), func(c *Config) *time.Duration { return &c.Limits.MinUptime }),
		bind("limits.max_uptime", orNone(duration("12h", time.Second, year)), func(c *Config) *time.Duration { return &c.Limits.MaxUptime }),
		bind("limits.jitter", jitter(), func(c *Config) *policy.Jitter { return &c.Limits.Jitter }),
		listKey(eachList),
	}
	for m := range policy.NumMetrics {
		r = append(r, limitKeys(m)...)
	}
	return slices.Concat(r, drainKeys(), quietKeys(), idleKeys(), restartKeys(), notifyKeys(), hookKeys())
}

func limitKeys(m policy.Metric) []key[Config] {
	table := "limits." + m.String() + "."
	limit := func(c *Config) *policy.Limit { return &c.Limits.Of[m] }
	held := bind(table+"for", duration("10s", 0, week), func(c *Config) *time.Duration { return &limit(c).For })
	held.shown = func(c *Config) bool { return limit(c).Drain.Set || limit(c).Growth.Set() }
	keys := append(levelKeys(table, threshold(m), limit), held)
	if m != policy.OOMKills { // each of them is an event: drain counts them
		keys = append(keys, growthKeys(table, m, limit)...)
	}
	if m != policy.Memory {
		return keys
	}
	metric := oneOf[string]("a memory metric", "auto", "anon", "working_set", "rss", "pss")
	return append(keys, bind(table+"metric", metric, func(c *Config) *string { return &c.Limits.MemoryMetric }))
}

func levelKeys[C any](table string, level kind[policy.Threshold], limit func(*C) *policy.Limit) []key[C] {
	return []key[C]{
		bind(table+"warn", level, func(c *C) *policy.Threshold { return &limit(c).Warn }),
		bind(table+"drain", level, func(c *C) *policy.Threshold { return &limit(c).Drain }),
		bind(table+"kill", level, func(c *C) *policy.Threshold { return &limit(c).Kill }),
	}
}

func growthKeys[C any](table string, m policy.Metric, limit func(*C) *policy.Limit) []key[C] {
	window := bind(table+"growth_window", duration("10m", time.Second, day), func(c *C) *time.Duration { return &limit(c).GrowthWindow })
	window.shown = func(c *C) bool { return limit(c).Growth.Set() }
	return []key[C]{bind(table+"growth", growth(m), func(c *C) *policy.Rate { return &limit(c).Growth }), window}
}

func drainKeys() []key[Config] {
	timeout := bind("drain.timeout", duration("28s", shortest, week), func(c *Config) *time.Duration { return &c.Drain.Timeout })
	timeout.shown = func(c *Config) bool { return len(c.Drain.StopSequence) == 0 } // it is their sum
	wait := bind("drain.dump_wait", duration("2s", 0, week), func(c *Config) *time.Duration { return &c.Drain.DumpWait })
	wait.shown = func(c *Config) bool { return c.Drain.DumpSignal != 0 }
	delay := bind("drain.pre_stop_delay", duration("5s", 0, week), func(c *Config) *time.Duration { return &c.Drain.PreStopDelay })
	delay.shown = func(c *Config) bool { return c.Drain.PreStopDelay > 0 }
	return []key[Config]{
		bind("drain.match", optional(pattern(`'^puma \d'`)), func(c *Config) **regexp.Regexp { return &c.Match }),
		delay,
		bind("drain.dump_signal", signal(quietSignal), func(c *Config) *policy.Signal { return &c.Drain.DumpSignal }),
		wait,
		bind("drain.quiet_signal", signal(quietSignal), func(c *Config) *policy.Signal { return &c.Drain.QuietSignal }),
		bind("drain.quiet_timeout", duration("60s", 0, week), func(c *Config) *time.Duration { return &c.Drain.QuietTimeout }),
		bind("drain.stop_signal", signal(stopSignal), func(c *Config) *policy.Signal { return &c.Drain.StopSignal }),
		bind("drain.stop_sequence", stopSteps(), func(c *Config) *[]policy.StopStep { return &c.Drain.StopSequence }),
		bind("drain.stop_on", signals(heardSignal), func(c *Config) *[]policy.Signal { return &c.Drain.StopOn }),
		// Not 0: other tools take it for "wait for ever", and a drain always ends.
		timeout,
		bind("drain.stop_timeout", duration("28s", shortest, week), func(c *Config) *time.Duration { return &c.Drain.StopTimeout }),
	}
}

func (r registry[C]) find(path string) (key[C], bool) {
	for _, k := range r {
		if k.path == path {
			return k, true
		}
	}
	return key[C]{}, false
}

func (r registry[C]) paths() names {
	var paths names
	for _, k := range r {
		paths = append(paths, k.path)
	}
	return paths
}

// names are the paths of all keys of a registry.
type names []string

// isTable says whether path names a table, such as "limits" or "limits.threads".
func (n names) isTable(path string) bool {
	return slices.ContainsFunc(n, func(k string) bool { return strings.HasPrefix(k, path+".") })
}

// tables lists the names of all tables, without repeats.
func (n names) tables() names {
	var tables names
	for _, k := range n {
		for t := parent(k); t != "" && !slices.Contains(tables, t); t = parent(t) {
			tables = append(tables, t)
		}
	}
	return tables
}

// parent is the table that holds path; "" for the top.
func parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}
