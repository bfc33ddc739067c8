package configs

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// FuzzLoad: whatever is in the file, the environment and a flag, Load answers with mistakes or with a configuration
// that keeps its promises and can be printed and read back.
func FuzzLoad(f *testing.F) {
	for _, name := range Presets() {
		text, _ := PresetText(name)
		f.Add(text, "REAPERD_PRESET="+name, "threads=200")
	}
	f.Add("[limits.memory]\ndrain = \"512M\"\nwarn = 1.5\n", "REAPERD_LIMIT_MEMORY=80%", "memory:warn=70%")
	f.Add("limits = { threads = { drain = \"80%\", kill = 9 } }\n[[log]]\nlevel = 1", "REAPERD_DRAIN_STOP_ON=TERM,RTMAX-1", "zombies:for=1h")
	f.Add("\"a\".\"\".b.c = 1\nrewrite = [\"TERM:0\", 5, {}]", "REAPERD_REWRITE=1:2,1:3", "fds=1e3")
	f.Add("drain.timeout = 1979-05-27T07:32:00Z\nexit_remap = [\"143:0\"]\n\xff", "REAPERD_", "=")
	f.Add("[drain]\nquiet_signal = \"none\"\n[drain.timeout.x]\ny = [[1], [2]]", "REAPERD_LIMITS_MEMORY_KILL=9223372036854775807B", "memory:warn=0.1kB")
	f.Add(workers, "REAPERD_LIMITS_JITTER=12.3%", "threads:growth=3/30s")
	f.Add(workers+"[limits.each.zombies]\nwarn=3\n[[limits.each]]\nname='x'\nmatch=\"'\\u0001\"\nsignal=9\n", "REAPERD_LIMITS_MAX_UPTIME=12h", "oom_kills=1")
	f.Add("limits.each = [{name = \"a\", match = 'b', signal = 34, memory.growth = \"1B/1h\"}, {}]", "REAPERD_PLATFORM=heroku", "memory:growth=12MiB/min")
	f.Add("limits.each = []\n[[limits.each]]", "REAPERD_LIMITS_MAX_UPTIME=0", "oom_kills:for=1s")
	f.Add(sockets, "REAPERD_SOCKET=tcp://0.0.0.0:1", "fds=9")
	f.Add("socket = [{listen = \"tcp://[::1]:1\"}, {listen = \"unix:///a'b\", mode = \"7\", backlog = 1, name = \"x\"}]", "", "fds=9")
	f.Add("socket = []\n[[socket]]\nlisten = \"tcp://[::ffff:1.2.3.4]:80\"\nlisten.x = 1", "", "fds=9")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, variable, limit string) {
		s := Sources{File: filepath.Join(dir, "fuzz.toml"), Environ: []string{variable}}
		if err := os.WriteFile(s.File, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if a, err := ParseLimitFlag(limit); err == nil {
			s.Flags = append(s.Flags, a)
		}
		l, mistakes := Load(s)
		if (l == nil) != (mistakes != nil) {
			t.Fatalf("got %v and %v, want one of them", l, mistakes)
		}
		if l == nil {
			checkMistakes(t, mistakes)
			return
		}
		checkConfig(t, l.Config)
		var b bytes.Buffer
		if err := l.Print(&b); err != nil {
			t.Fatal(err)
		}
		if got := reload(t, dir, b.String()); !reflect.DeepEqual(got, l.Config) {
			t.Fatalf("got %+v, want %+v, from\n%s", got, l.Config, b.String())
		}
	})
}

func checkMistakes(t *testing.T, mistakes Mistakes) {
	t.Helper()
	for _, m := range mistakes {
		if m.Place == "" || m.Text == "" || m.at.layer == byPreset || m.at.layer == byDefault {
			t.Errorf("got %+v, want a place of the user's and a text", m)
		}
		if m.at.layer == byFile && m.at.line == 0 {
			t.Errorf("got %v, want a line", m)
		}
	}
}

func checkConfig(t *testing.T, c Config) {
	t.Helper()
	for _, d := range []struct {
		name           string
		got, low, high time.Duration
	}{
		{"limits.interval", c.Limits.Interval, shortest, time.Hour},
		{"limits.max_uptime", c.Limits.MaxUptime, 0, year},
		{"limits.min_uptime", c.Limits.MinUptime, 0, week},
		{"drain.quiet_timeout", c.Drain.QuietTimeout, 0, week},
		{"drain.timeout", c.Drain.Timeout, shortest, week},
		{"drain.stop_timeout", c.Drain.StopTimeout, shortest, week},
		{"restart.delay", c.Restart.Delay, 0, c.Restart.MaxDelay},
		{"restart.max_delay", c.Restart.MaxDelay, 0, week},
		{"restart.burst_interval", c.Restart.BurstInterval, time.Second, week},
	} {
		if d.got < d.low || d.got > d.high {
			t.Errorf("%s: got %v, want %v to %v", d.name, d.got, d.low, d.high)
		}
	}
	if c.Restart.Burst < 1 || c.Restart.ExitCode < 1 || c.Restart.ExitCode > 255 {
		t.Errorf("restart: got %+v", c.Restart)
	}
	for from := range c.Rewrite {
		if heardSignal(from) != nil {
			t.Errorf("rewrite: got %v, which never arrives", from)
		}
	}
	if share := c.Limits.Jitter.Share; share < 0 || share > 0.5 {
		t.Errorf("jitter: got %v", share)
	}
	for _, s := range c.Sockets {
		if (s.Listen.Path == "") != s.Listen.Address.IsValid() || s.Mode > 0o777 || len(s.Listen.Path) > longestPath {
			t.Errorf("got %+v, want something to bind", s)
		}
	}
	checkLimits(t, c.Limits.Of)
	for _, e := range c.Limits.Each {
		if e.Name == "" || e.Match == nil || e.Signal == 0 || e.Timeout < shortest {
			t.Errorf("got %+v, want all that it takes to ask a process", e)
		}
		checkLimits(t, e.Of)
	}
}

func checkLimits(t *testing.T, of [policy.NumMetrics]policy.Limit) {
	t.Helper()
	for m, limit := range of {
		if r := limit.Growth; r != (policy.Rate{}) && (!r.Set() || r.Per < time.Second || limit.GrowthWindow < time.Second) {
			t.Errorf("%v: got %+v", policy.Metric(m), limit)
		}
		if limit.Metric != policy.Metric(m) || above(limit.Warn, limit.Drain) || above(limit.Drain, limit.Kill) || above(limit.Warn, limit.Kill) {
			t.Errorf("%v: got %+v", policy.Metric(m), limit)
		}
		for _, th := range []policy.Threshold{limit.Warn, limit.Drain, limit.Kill} {
			relative := th.Percent > 0 && th.Percent <= 100 && th.Value == 0
			absolute := th.Percent == 0 && th.Value > 0
			if th.Set && relative == absolute || !th.Set && th != (policy.Threshold{}) {
				t.Errorf("%v: got %+v", policy.Metric(m), th)
			}
		}
	}
}
