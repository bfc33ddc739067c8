package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// inFile makes text the reaperd.toml of the working directory, so that places read as an operator sees them.
func inFile(t *testing.T, text string) Sources {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("reaperd.toml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Sources{File: "reaperd.toml"}
}

func mustLoad(t *testing.T, s Sources) *Loaded {
	t.Helper()
	l, mistakes := Load(s)
	if mistakes != nil {
		t.Fatalf("mistakes:\n%v", mistakes)
	}
	return l
}

func value(l *Loaded, key string) Value {
	i := slices.IndexFunc(l.Values, func(v Value) bool { return v.Key == key })
	if i < 0 {
		return Value{}
	}
	return l.Values[i]
}

func TestDefaults(t *testing.T) {
	l := mustLoad(t, Sources{Environ: []string{"HOME=/root", "PATH=/bin"}})
	signals := []policy.Signal{policy.SIGTERM, policy.SIGINT}
	of := [policy.NumMetrics]policy.Limit{
		policy.Threads:   {Warn: policy.Threshold{Set: true, Percent: 90}, WarnFor: time.Minute},
		policy.Processes: {},
		policy.Zombies:   {Warn: policy.Threshold{Set: true, Value: 10}, WarnFor: time.Minute},
		policy.FDs:       {Warn: policy.Threshold{Set: true, Percent: 90}, WarnFor: time.Minute},
		policy.Memory:    {Warn: policy.Threshold{Set: true, Percent: 90}, WarnFor: time.Minute},
	}
	for m := range of {
		of[m].Metric, of[m].For, of[m].GrowthWindow = policy.Metric(m), 10*time.Second, 10*time.Minute
	}
	of[policy.OOMKills].For = 0
	want := Config{
		Platform: "auto",
		Log:      Log{Level: "warn", Format: "text"},
		Limits:   Limits{Interval: 5 * time.Second, MinUptime: 30 * time.Second, MemoryMetric: "auto", Of: of},
		Drain: policy.Drain{
			DumpWait: 2 * time.Second, QuietTimeout: time.Minute, StopOn: signals, Timeout: 28 * time.Second, StopTimeout: 28 * time.Second,
		},
		Idle:  Idle{Silence: 5 * time.Second, Hold: time.Second},
		Hooks: Hooks{Timeout: 30 * time.Second},
		Restart: policy.Restart{
			OnLimit: "exit", OnExit: "never", Delay: time.Second, MaxDelay: time.Minute, Burst: 5,
			BurstInterval: 10 * time.Minute, ExitCode: 75, ReadyTimeout: time.Minute,
		},
	}
	for h := range want.Hooks.Of {
		want.Hooks.Of[h].Timeout = 30 * time.Second
	}
	if !reflect.DeepEqual(l.Config, want) {
		t.Errorf("got %+v, want %+v", l.Config, want)
	}
	if l.Warnings != nil {
		t.Errorf("got warnings %v, want none", l.Warnings)
	}
}

func TestEachLayerOverridesTheOneBelow(t *testing.T) {
	s := inFile(t, "")
	steps := []struct {
		name   string
		add    func()
		want   time.Duration
		source string
	}{
		{"default", func() {}, 28 * time.Second, "default"},
		{"preset from the file", func() {
			if err := os.WriteFile("reaperd.toml", []byte(`preset = "unicorn"`), 0o644); err != nil {
				t.Fatal(err)
			}
		}, 65 * time.Second, "preset unicorn"},
		{"preset from the environment", func() { s.Environ = append(s.Environ, "REAPERD_PRESET=sidekiq") }, 30 * time.Second, "preset sidekiq"},
		{"preset from a flag", func() { s.Preset = "puma" }, 35 * time.Second, "preset puma"},
		{"file", func() {
			if err := os.WriteFile("reaperd.toml", []byte("preset = \"unicorn\"\n[drain]\ntimeout = \"3s\"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, 3 * time.Second, "reaperd.toml:3"},
		{"environment", func() { s.Environ = append(s.Environ, "REAPERD_DRAIN_TIMEOUT=4s") }, 4 * time.Second, "REAPERD_DRAIN_TIMEOUT"},
		{"flag", func() { s.Flags = append(s.Flags, Assignment{"drain.timeout", "5s", "--grace"}) }, 5 * time.Second, "--grace"},
		{"later flag", func() { s.Flags = append(s.Flags, Assignment{"drain.timeout", "6s", "--grace"}) }, 6 * time.Second, "--grace"},
	}
	for _, step := range steps {
		step.add()
		l := mustLoad(t, s)
		if got := l.Config.Drain.Timeout; got != step.want {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
		if got := value(l, "drain.timeout").Source; got != step.source {
			t.Errorf("%s: got source %q, want %q", step.name, got, step.source)
		}
	}
}

// samples has a value for every key that is not its default, as environment and flags write it.
func samples() map[string]string {
	s := map[string]string{
		"preset": "puma", "platform": "heroku", "dry_run": "true", "group": "true", "rewrite": "TERM:QUIT,USR1:0", "exit_remap": "143:0,130:1", "pdeathsig": "KILL",
		"log.level": "trace", "log.format": "json", "limits.interval": "2s", "limits.min_uptime": "1h", "limits.max_uptime": "12h", "limits.jitter": "12.5%",
		"drain.pre_stop_delay": "5s", "drain.dump_signal": "TTIN", "drain.dump_wait": "3s", "drain.match": "^puma \\d", "drain.stop_sequence": "QUIT:20s,TERM:5s",
		"drain.idle.title": `\[0 of \d+ busy\]`, "drain.idle.title_of": "^sidekiq ", "drain.idle.no_children": "true", "drain.idle.no_connections": "true",
		"drain.idle.silence": "6s", "drain.idle.cpu_flat": "7s", "drain.idle.command": "reaperd-net,idle,--raw,tcp://127.0.0.1:1717", "drain.idle.hold": "11s",
		"drain.quiet_signal": "TSTP", "drain.quiet_command": "touch /tmp/x", "drain.quiet_file": "/run/quiet", "drain.quiet_url": "POST http://x/quiet", "drain.quiet_timeout": "1m30s", "drain.stop_signal": "3", "drain.stop_on": "QUIT, RTMIN+3",
		"drain.timeout": "8s", "drain.stop_timeout": "9s",
		"restart.on_limit": "restart", "restart.on_exit": "always", "restart.delay": "2s", "restart.max_delay": "3s",
		"restart.burst": "7", "restart.burst_interval": "1m", "restart.exit_code": "76",
		"notify.socket": "true", "notify.watchdog": "31s",
		"restart.overlap": "true", "restart.ready": "http+unix:///run/app.sock/up", "restart.ready_timeout": "20s", "limits.memory.metric": "rss",
	}
	s["hooks.timeout"] = "6s"
	for h := range policy.NumHooks {
		s["hooks."+h.String()], s["hooks."+h.String()+"_timeout"] = "echo a, b", "7s"
	}
	for m := range policy.NumMetrics {
		table := "limits." + m.String() + "."
		s[table+"warn"], s[table+"drain"], s[table+"kill"], s[table+"for"] = "70", "80", "90", "11s"
		if m != policy.OOMKills {
			s[table+"growth"], s[table+"growth_window"] = "20/min", "5m"
		}
	}
	s["limits.memory.growth"] = "1.5MiB/h"
	s["limits.memory.warn"], s["limits.memory.drain"], s["limits.memory.kill"] = "1MB", "1.5MiB", "80%"
	return s
}

func TestEveryKeyHasAnEnvironmentNameAndAFlag(t *testing.T) {
	given := samples()
	needs := map[string][]string{"restart.overlap": {"REAPERD_RESTART_ON_LIMIT=restart", "REAPERD_RESTART_READY=1s"}}
	plain := mustLoad(t, Sources{})
	keys := slices.DeleteFunc(newRegistry(), func(k key[Config]) bool { return k.form == asTables })
	for _, k := range keys {
		text, ok := given[k.path]
		if !ok {
			t.Errorf("%s: no sample for this key: add one", k.path)
			continue
		}
		env := mustLoad(t, Sources{Environ: append(needs[k.path], EnvName(k.path)+"="+text)})
		flag := mustLoad(t, Sources{Environ: needs[k.path], Flags: []Assignment{{k.path, text, "--x"}}})
		if got := value(env, k.path); got.Source != EnvName(k.path) || got.Text == value(plain, k.path).Text {
			t.Errorf("%s by environment: got %+v", k.path, got)
		}
		if !reflect.DeepEqual(env.Config, flag.Config) || reflect.DeepEqual(env.Config, plain.Config) {
			t.Errorf("%s: got %+v from the environment and %+v from a flag", k.path, env.Config, flag.Config)
		}
	}
	if len(given) != len(keys) {
		t.Errorf("got %d samples, want %d", len(given), len(keys))
	}
}

func TestEnvironmentNamesAreDistinct(t *testing.T) {
	r := newRegistry()
	if got, want := len(envNames(r)), len(r)-2+int(policy.NumMetrics); got != want { // not the two lists of tables
		t.Errorf("got %d names, want %d", got, want)
	}
	for path, want := range map[string]string{
		"drain.timeout":       "REAPERD_DRAIN_TIMEOUT",
		"restart.on_limit":    "REAPERD_RESTART_ON_LIMIT",
		"limits.threads.warn": "REAPERD_LIMITS_THREADS_WARN",
		"preset":              "REAPERD_PRESET",
		"log.level":           "REAPERD_LOG_LEVEL",
	} {
		if got := EnvName(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestShortEnvironmentNameIsTheDrain(t *testing.T) {
	l := mustLoad(t, Sources{Environ: []string{"REAPERD_LIMIT_MEMORY=80%", "REAPERD_LIMIT_THREADS=200"}})
	if got := l.Config.Limits.Of[policy.Memory].Drain; got != (policy.Threshold{Set: true, Percent: 80}) {
		t.Errorf("memory: got %+v", got)
	}
	if got := value(l, "limits.threads.drain"); got.Text != "200" || got.Source != "REAPERD_LIMIT_THREADS" {
		t.Errorf("threads: got %+v", got)
	}
}

func TestUnknownEnvironmentNamesAreOnlyWarnedOf(t *testing.T) {
	l := mustLoad(t, Sources{Environ: []string{
		"REAPERD_DRAIN_TIMOUT=1s", "REAPERD_PORT=tcp://10.0.0.1:80", "REAPERD_SERVICE_HOST=10.0.0.1", "REAPERD_CONFIG=x", "REAPER=1",
	}})
	if len(l.Warnings) != 3 {
		t.Fatalf("got %q, want three warnings", l.Warnings)
	}
	want := "REAPERD_DRAIN_TIMOUT is no setting of reaperd and is ignored (the nearest known is REAPERD_DRAIN_TIMEOUT)"
	if l.Warnings[0] != want {
		t.Errorf("got %q, want %q", l.Warnings[0], want)
	}
	if l.Config.Log.Level != "warn" {
		t.Errorf("got log level %s, want names that Kubernetes injects to count for nothing", l.Config.Log.Level)
	}
}

func TestListFlagsAddUp(t *testing.T) {
	l := mustLoad(t, Sources{
		Environ: []string{"REAPERD_REWRITE=HUP:0"},
		Flags:   []Assignment{{"rewrite", "TERM:QUIT", "--rewrite"}, {"rewrite", "10:SIGUSR2", "--rewrite"}},
	})
	want := map[policy.Signal]policy.Signal{policy.SIGTERM: policy.SIGQUIT, policy.SIGUSR1: policy.SIGUSR2}
	if !reflect.DeepEqual(l.Config.Rewrite, want) {
		t.Errorf("got %v, want %v: flags add up, layers replace", l.Config.Rewrite, want)
	}
}

func TestLogLevelAndInterval(t *testing.T) {
	for _, row := range []struct {
		name     string
		sources  Sources
		level    string
		interval time.Duration
	}{
		{"nothing given", Sources{}, "warn", 5 * time.Second},
		{"a preset", Sources{Preset: "puma"}, "info", 5 * time.Second},
		{"how to be an init", Sources{Flags: []Assignment{{"drain.timeout", "2s", "--grace"}, {"group", "true", "-g"}}}, "warn", 5 * time.Second},
		{"a level alone", Sources{Environ: []string{"REAPERD_LOG_LEVEL=error"}}, "error", 5 * time.Second},
		{"a warning of one's own", Sources{Flags: []Assignment{{"limits.fds.warn", "100", "--limit"}}}, "info", time.Second},
		{"a for without a limit", Sources{Flags: []Assignment{{"limits.fds.for", "1s", "--limit"}}}, "info", 5 * time.Second},
		{"a limit and an interval", Sources{Environ: []string{"REAPERD_LIMIT_FDS=9", "REAPERD_LIMITS_INTERVAL=7s"}}, "info", 7 * time.Second},
		{"an uptime", Sources{Environ: []string{"REAPERD_LIMITS_MAX_UPTIME=12h"}}, "info", time.Second},
		{"an uptime switched off", Sources{Environ: []string{"REAPERD_LIMITS_MAX_UPTIME=0"}}, "info", 5 * time.Second},
		{"growth alone", Sources{Flags: []Assignment{{"limits.fds.growth", "1/s", "--limit"}}}, "info", time.Second},
		{"jitter alone", Sources{Environ: []string{"REAPERD_LIMITS_JITTER=10%"}}, "info", 5 * time.Second},
		{"a platform alone", Sources{Environ: []string{"REAPERD_PLATFORM=none"}}, "warn", 5 * time.Second},
		{"an interval alone", Sources{Environ: []string{"REAPERD_LIMITS_INTERVAL=1s"}}, "info", time.Second},
	} {
		l := mustLoad(t, row.sources)
		if l.Config.Log.Level != row.level || l.Config.Limits.Interval != row.interval {
			t.Errorf("%s: got %s and %v, want %s and %v", row.name, l.Config.Log.Level, l.Config.Limits.Interval, row.level, row.interval)
		}
	}
	empty := inFile(t, "[limits.threads]\n")
	if l := mustLoad(t, empty); l.Config.Log.Level != "info" || l.Config.Limits.Interval != 5*time.Second {
		t.Errorf("an empty table: got %+v, want it to set nothing but count as given", l.Config)
	}
}

func TestDefaultWarningGivesWay(t *testing.T) {
	ours := policy.Threshold{Set: true, Value: 10}
	for _, row := range []struct {
		name string
		file string
		want policy.Threshold
		hold time.Duration
	}{
		{"stays beside a higher drain", "drain = 50", ours, time.Minute},
		{"goes for a drain below it", "drain = 9", policy.Threshold{}, 0},
		{"goes for a kill below it", "kill = 3", policy.Threshold{}, 0},
		{"is replaced by the user's, said at once", "warn = 4", policy.Threshold{Set: true, Value: 4}, 0},
		{"the user's may have the same value", "warn = 10", ours, 0},
		{"none switches it off", `warn = "none"`, policy.Threshold{}, 0},
	} {
		l := mustLoad(t, inFile(t, "[limits.zombies]\n"+row.file))
		if got := l.Config.Limits.Of[policy.Zombies]; got.Warn != row.want || got.WarnFor != row.hold {
			t.Errorf("%s: got %+v for %v, want %+v for %v", row.name, got.Warn, got.WarnFor, row.want, row.hold)
		}
	}
	l := mustLoad(t, inFile(t, "limits.threads.drain = 5\nlimits.fds.drain = \"80%\""))
	if !l.Config.Limits.Of[policy.Threads].Warn.Set {
		t.Error("threads: got no warning, want 90% to stay beside a number it cannot be compared with")
	}
	if l.Config.Limits.Of[policy.FDs].Warn.Set {
		t.Error("fds: got 90% above a drain of 80%, want it dropped")
	}
}

func TestDefaultMaxDelayGivesWay(t *testing.T) {
	l := mustLoad(t, Sources{Flags: []Assignment{{"restart.delay", "5m", "--x"}}})
	if got := l.Config.Restart.MaxDelay; got != 5*time.Minute {
		t.Errorf("got %v, want 5m", got)
	}
}

func TestPresetsLoadCleanAndSetNoLimit(t *testing.T) {
	for _, name := range []string{"generic", "puma", "sidekiq", "unicorn"} {
		if !slices.Contains(Presets(), name) {
			t.Errorf("got %q, want %s among them", Presets(), name)
		}
	}
	for _, name := range Presets() {
		text, ok := PresetText(name)
		if !ok || !strings.HasPrefix(text, "# "+name) {
			t.Errorf("%s: got %q", name, text)
		}
		l := mustLoad(t, Sources{Preset: name})
		for _, v := range l.Values {
			fromPreset := v.Source == "preset "+name
			if fromPreset && !strings.HasPrefix(v.Key, "drain.") {
				t.Errorf("%s sets %s: a preset says only how to drain", name, v.Key)
			}
		}
		if l.Config.Drain.StopTimeout != 28*time.Second {
			t.Errorf("%s: got %v, want a stop from outside to end inside a platform's 30s", name, l.Config.Drain.StopTimeout)
		}
	}
	generic, plain := mustLoad(t, Sources{Preset: "generic"}).Config.Drain, mustLoad(t, Sources{}).Config.Drain
	if !reflect.DeepEqual(generic, plain) {
		t.Errorf("generic: got %+v, want the defaults %+v", generic, plain)
	}
	unicorn := mustLoad(t, Sources{Preset: "unicorn"}).Config.Drain
	if unicorn.StopSignal != policy.SIGQUIT || !unicorn.StopsOn(policy.SIGQUIT) {
		t.Errorf("unicorn: got %+v, want QUIT sent and heard", unicorn)
	}
	if got := mustLoad(t, Sources{Preset: "sidekiq"}).Config.Drain.QuietSignal; got != policy.SIGTSTP {
		t.Errorf("sidekiq: got %v, want TSTP", got)
	}
	if _, ok := PresetText("../presets/puma"); ok {
		t.Error("got a preset by a path")
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, []byte(strings.Repeat("#\n", maxFile)), 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "no.toml")
	for file, want := range map[string]string{
		missing: missing + ": cannot be read: no such file or directory\n--x: restart.burst: 0 is out of range (want 1 to 1000000)",
		dir:     dir + ": cannot be read: is a directory\n--x: restart.burst: 0 is out of range (want 1 to 1000000)",
		big:     big + ": cannot be read: larger than 64 KiB\n--x: restart.burst: 0 is out of range (want 1 to 1000000)",
	} {
		_, mistakes := Load(Sources{File: file, Flags: []Assignment{{"restart.burst", "0", "--x"}}})
		if got := mistakes.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParseLimitFlag(t *testing.T) {
	for in, want := range map[string]Assignment{
		"threads=200":        {"limits.threads.drain", "200", "--limit"},
		"memory:warn=70%":    {"limits.memory.warn", "70%", "--limit"},
		"zombies:kill=9":     {"limits.zombies.kill", "9", "--limit"},
		"fds:for=20s":        {"limits.fds.for", "20s", "--limit"},
		"threads:growth=3/s": {"limits.threads.growth", "3/s", "--limit"},
		"memory=a=strange":   {"limits.memory.drain", "a=strange", "--limit"},
	} {
		if got, err := ParseLimitFlag(in); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"threads":       `"threads" names no value (want e.g. "threads=200", "memory:warn=70%")`,
		"threads=":      `"threads=" names no value (want e.g. "threads=200", "memory:warn=70%")`,
		"thread=5":      `"thread=5": unknown metric (the nearest known is threads)`,
		"memory:max=5%": `"memory:max=5%": unknown level (the nearest known is warn)`,
	} {
		if got, err := ParseLimitFlag(in); err == nil || err.Error() != want {
			t.Errorf("%s: got %+v, %v, want %s", in, got, err, want)
		}
	}
}
