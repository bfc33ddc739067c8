// Package configs turns defaults, presets, a TOML file, the environment and flags into one Config, or into mistakes
// that name the place, the key and what would be right. It starts nothing and knows nothing of a running app.
//
// keys.go is the one table of all keys: file, environment, flags, suggestions and `reaperd check` are all read off it.
package configs

import (
	"regexp"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// Config is the effective configuration. Every field is a key of the TOML file; `reaperd check` prints them all.
type Config struct {
	Preset    string
	Platform  string                          // auto, heroku, none
	DryRun    bool                            // say what limits would do, and do nothing
	Group     bool                            // forward signals to the app's process group, not only to its main process
	Rewrite   map[policy.Signal]policy.Signal // signal as it came → signal the app gets; 0 drops it
	ExitRemap map[int]int
	Pdeathsig policy.Signal // the app gets it when reaperd dies; 0: none
	Log       Log
	Limits    Limits
	Drain     policy.Drain
	Match     *regexp.Regexp // of the process that the drain's signals are for; nil: the main process
	Quiet     Quiet
	Idle      Idle
	Hooks     Hooks
	Restart   policy.Restart
	AskReady  []string // the command that asks restart.ready's URL; nil where there is none to ask
	Notify    Notify
	Sockets   []Socket // in the order of the file: the app gets them from descriptor 3 on
}

// Log is the [log] table.
type Log struct {
	Level  string // trace, debug, info, warn, error
	Format string // text, json
}

// Idle is the [drain.idle] table: when all that is set here says so, the quiet stage is over.
type Idle struct {
	Title         *regexp.Regexp // of at least one process, or of all that TitleOf matches
	TitleOf       *regexp.Regexp
	NoChildren    bool          // of the main process
	NoConnections bool          // none at work on what the app listens on
	Silence       time.Duration // after which a connection counts as kept alive
	CPUFlat       time.Duration // under 1% of a core for so long; 0: not asked
	Command       []string      // exits with 0 when idle
	Hold          time.Duration // how long all must hold
}

// Set says whether anything is checked.
func (i Idle) Set() bool {
	return i.Title != nil || i.NoChildren || i.NoConnections || i.CPUFlat > 0 || len(i.Command) > 0
}

// Limits is the [limits] table.
type Limits struct {
	Interval     time.Duration // longest time between two looks
	MinUptime    time.Duration // no drain for a limit before the app has been up this long
	MaxUptime    time.Duration // the app is drained when it has been up this long; 0: never
	Jitter       policy.Jitter // of thresholds and MaxUptime
	MemoryMetric string        // auto, anon, working_set, rss, pss
	Of           [policy.NumMetrics]policy.Limit
	Each         []Each
}

// Each is a [[limits.each]] table.
type Each struct {
	policy.EachLimit
	Match        *regexp.Regexp // over the command line
	MemoryMetric string         // of one process: rss_anon, uss
}

// defaults is the lowest layer. What depends on other keys (log.level, limits.interval, the default warnings) is
// settled in settle.go, once all layers are known.
func defaults() Config {
	c := Config{
		Platform: "auto",
		Log:      Log{Level: "warn", Format: "text"},
		Limits:   Limits{Interval: time.Second, MinUptime: 30 * time.Second, MemoryMetric: "auto"},
		Drain: policy.Drain{
			DumpWait:     2 * time.Second,
			QuietTimeout: time.Minute,
			StopOn:       []policy.Signal{policy.SIGTERM, policy.SIGINT},
			// Under the 30 s of Heroku and Kubernetes, over Sidekiq's 25 s and its requeueing.
			Timeout:     28 * time.Second,
			StopTimeout: 28 * time.Second,
		},
		Idle:  Idle{Silence: 5 * time.Second, Hold: time.Second},
		Hooks: Hooks{Timeout: 30 * time.Second},
		Restart: policy.Restart{
			OnLimit:       policy.LimitExit,
			OnExit:        policy.ExitNever,
			Delay:         time.Second,
			MaxDelay:      time.Minute,
			Burst:         5,
			BurstInterval: 10 * time.Minute,
			ExitCode:      75, // EX_TEMPFAIL of sysexits.h: try again
			ReadyTimeout:  time.Minute,
		},
	}
	for m := range c.Limits.Of {
		c.Limits.Of[m] = defaultLimit(policy.Metric(m))
	}
	return c
}

func defaultLimit(m policy.Metric) policy.Limit {
	return policy.Limit{Metric: m, For: m.DefaultFor(), GrowthWindow: policy.DefaultGrowthWindow}
}

// defaultEach has no name, no match and no signal: those are the user's to say.
func defaultEach() Each {
	e := Each{MemoryMetric: "rss_anon"}
	e.Timeout, e.Cooldown = time.Minute, 30*time.Second
	for m := range e.Of {
		e.Of[m] = defaultLimit(policy.Metric(m))
		e.Of[m].For = 10 * time.Second
	}
	return e
}
