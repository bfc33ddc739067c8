package configs

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

const workers = `
[[limits.each]]
name     = "unicorn-worker"
match    = '^unicorn worker\['
signal   = "QUIT"
timeout  = "65s"
cooldown = "20s"
for      = "15s"
main     = true
[limits.each.memory]
drain  = "300MiB"
kill   = "1GB"
metric = "uss"
growth = "12MiB/min"
growth_window = "5m"
[limits.each.fds]
warn = "80%"

[[limits.each]]
name   = "puma-worker"
match  = '^puma: cluster worker '
signal = "TERM"
`

func TestEachIsLoaded(t *testing.T) {
	l := mustLoad(t, inFile(t, workers+"memory.drain = \"300MiB\"\nmemory.growth = \"none\"\n"))
	unicorn, puma := defaultEach(), defaultEach()
	unicorn.Name, unicorn.Signal, unicorn.IncludeMain = "unicorn-worker", policy.SIGQUIT, true
	unicorn.Timeout, unicorn.Cooldown = 65*time.Second, 20*time.Second
	unicorn.Match, unicorn.MemoryMetric = regexp.MustCompile(`^unicorn worker\[`), "uss"
	for m := range unicorn.Of {
		unicorn.Of[m].For = 15 * time.Second
	}
	memory := &unicorn.Of[policy.Memory]
	memory.Drain, memory.Kill = policy.Threshold{Set: true, Value: 300 << 20}, policy.Threshold{Set: true, Value: 1e9}
	memory.Growth, memory.GrowthWindow = policy.Rate{Value: 12 << 20, Per: time.Minute}, 5*time.Minute
	unicorn.Of[policy.FDs].Warn = policy.Threshold{Set: true, Percent: 80}
	puma.Name, puma.Signal, puma.Match = "puma-worker", policy.SIGTERM, regexp.MustCompile("^puma: cluster worker ")
	puma.Of[policy.Memory].Drain = policy.Threshold{Set: true, Value: 300 << 20}
	if want := []Each{unicorn, puma}; !reflect.DeepEqual(l.Config.Limits.Each, want) {
		t.Errorf("got %+v, want %+v", l.Config.Limits.Each, want)
	}
	if l.Config.Limits.Interval != time.Second || l.Warnings != nil {
		t.Errorf("got interval %v and %q, want a second and no warning", l.Config.Limits.Interval, l.Warnings)
	}
}

func TestEachDefaults(t *testing.T) {
	e := defaultEach()
	if e.Timeout != time.Minute || e.Cooldown != 30*time.Second || e.IncludeMain || e.MemoryMetric != "rss_anon" {
		t.Errorf("got %+v", e)
	}
	for m, limit := range e.Of {
		if want := (policy.Limit{Metric: policy.Metric(m), For: 10 * time.Second, GrowthWindow: 10 * time.Minute}); limit != want {
			t.Errorf("got %+v, want %+v", limit, want)
		}
	}
}

func TestEachWithoutALimitIsWarnedOf(t *testing.T) {
	l := mustLoad(t, inFile(t, "\n[[limits.each]]\nname = \"web\"\nmatch = 'x'\nsignal = \"TERM\"\n[limits.each.memory]\n"))
	want := []string{"limits.each[web] (reaperd.toml:2) sets no limit and does nothing"}
	if !reflect.DeepEqual(l.Warnings, want) {
		t.Errorf("got %q, want %q", l.Warnings, want)
	}
	if l.Config.Limits.Interval != idleInterval {
		t.Errorf("got %v, want %v", l.Config.Limits.Interval, idleInterval)
	}
}

func TestEachPrints(t *testing.T) {
	l := mustLoad(t, inFile(t, workers+"threads.drain = 200\n"))
	_, got, _ := strings.Cut(printed(t, l), "\n[[")
	want := `limits.each]]
name     = "unicorn-worker"     # reaperd.toml:3
match    = '^unicorn worker\['  # reaperd.toml:4
signal   = "QUIT"               # reaperd.toml:5
timeout  = "1m5s"               # reaperd.toml:6
cooldown = "20s"                # reaperd.toml:7
for      = "15s"                # reaperd.toml:8
main     = true                 # reaperd.toml:9

[limits.each.fds]
warn = "80%"  # reaperd.toml:17

[limits.each.memory]
drain         = "300MiB"     # reaperd.toml:11
kill          = "1GB"        # reaperd.toml:12
growth        = "12MiB/min"  # reaperd.toml:14
growth_window = "5m"         # reaperd.toml:15
metric        = "uss"        # reaperd.toml:13

[[limits.each]]
name     = "puma-worker"             # reaperd.toml:20
match    = '^puma: cluster worker '  # reaperd.toml:21
signal   = "TERM"                    # reaperd.toml:22
timeout  = "1m"                      # default
cooldown = "30s"                     # default
for      = "10s"                     # default
main     = false                     # default

[limits.each.threads]
drain = 200  # reaperd.toml:23
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := reload(t, t.TempDir(), printed(t, l)); !reflect.DeepEqual(got, l.Config) {
		t.Errorf("got %+v, want %+v", got, l.Config)
	}
}

func TestAnyPatternPrintsAsTOML(t *testing.T) {
	for _, pattern := range []string{
		`^unicorn worker\[`, `it's`, `"both" 'quotes'`, `back\\slash's`, "tab\tand\x01\x7f", "new\nline", "ünï – 漢字 \U0001F480", "#", "\uFFFD\u0085", "]]",
	} {
		var l Loaded
		e := defaultEach()
		e.Name, e.Signal, e.Match = "web", policy.SIGTERM, regexp.MustCompile(pattern)
		l.Values = valuesOf(&loader{}, eachRegistry(), &e, "limits.each[web].")
		got := reload(t, t.TempDir(), printed(t, &l))
		if !reflect.DeepEqual(got.Limits.Each, []Each{e}) {
			t.Errorf("%q: got %+v, want %+v", pattern, got.Limits.Each, []Each{e})
		}
	}
}

// layered lays a file over a preset; the presets of reaperd set no list.
func layered(t *testing.T, preset, file string) *loader {
	t.Helper()
	l := &loader{keys: newRegistry(), config: defaults(), places: map[string]place{}}
	for i, text := range []string{preset, file} {
		from := byPreset + layer(i)
		entries, mistakes := parse(l.keys.paths(), text, func(line int) place {
			return place{name: fmt.Sprint(from, ":", line), layer: from, line: line}
		})
		l.mistakes = append(l.mistakes, mistakes...)
		for _, e := range entries {
			l.set(e)
		}
	}
	l.settle(true)
	if l.mistakes != nil {
		t.Fatal(l.mistakes)
	}
	return l
}

func TestAFileReplacesTheListOfAPreset(t *testing.T) {
	web := "[[limits.each]]\nname = \"web\"\nmatch = 'x'\nsignal = \"TERM\"\n"
	preset := web + "memory.kill = \"1GB\"\n" + strings.ReplaceAll(web, "web", "job") + "fds.drain = 9\n"
	l := layered(t, preset, web+"threads.drain = 5\n")
	if each := l.config.Limits.Each; len(each) != 1 || each[0].Name != "web" || each[0].Of[policy.Memory].Active() {
		t.Errorf("got %+v, want what the file says and nothing else", each)
	}
	for _, v := range l.values() {
		if strings.HasPrefix(v.Key, "limits.each") && strings.HasPrefix(v.Source, "1:") {
			t.Errorf("got %+v, want nothing of the preset", v)
		}
	}
	if l = layered(t, preset, "group = true"); len(l.config.Limits.Each) != 2 || l.config.Limits.Interval != time.Second {
		t.Errorf("got %+v, want the preset's list", l.config.Limits)
	}
	l = layered(t, preset, "limits.each = []")
	text := printed(t, &Loaded{Values: l.values()})
	if l.config.Limits.Each != nil || !strings.Contains(text, "\neach       = []     # 2:1\n") {
		t.Errorf("got %+v and\n%s\nwant an empty list, and it printed", l.config.Limits.Each, text)
	}
}

func TestEnvironmentAndFlagsDoNotSetEach(t *testing.T) {
	l := mustLoad(t, Sources{Environ: []string{"REAPERD_LIMITS_EACH=x"}})
	if len(l.Warnings) != 1 || l.Config.Limits.Each != nil {
		t.Errorf("got %q and %+v, want a warning and no list", l.Warnings, l.Config.Limits.Each)
	}
	_, mistakes := Load(Sources{Flags: []Assignment{{"limits.each", "x", "--x"}}})
	if got, want := mistakes.Error(), `--x: limits.each: "x" is not a list of tables (want e.g. [[limits.each]])`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPlacesInAListOfTables(t *testing.T) {
	whole := "name = 1\nmatch = 'x'\nsignal = \"TERM\"\n"
	for _, row := range []struct {
		name string
		file string
		want string
	}{
		{"the first of three tables keeps its lines",
			"[[limits.each]]\n" + whole + " [[ 'limits' . each ]] # second\r\n" + whole + "[[limits.each]]\n" + whole,
			"2 6 10"},
		{"a header inside a string begins nothing",
			"[[limits.each]]\n" + whole + "memory.drain = '''\n[[limits.each]]\n'''\n\n[[limits.each]]\n" + whole,
			"2 7 10"},
		{"a table below, a table between",
			"[[limits.each]]\n" + whole + "[limits.each.memory]\ndrain = 1.5\n[drain]\ntimeout = 1\n[[limits.each]]\n\n" + whole,
			"2 6 8 11"},
		{"a list on lines of its own is all where it begins", "group = true\nlimits.each = [\n{name = 1, match = 'x',\n signal = \"TERM\"},\n]", "2"},
		{"dotted, where an earlier table has a header",
			"[[limits.each]]\nmatch = 'x'\nsignal = 0\n[limits.each.memry]\n[[limits.each]]\nmatch = 'x'\nsignal = 0\nmemry.x = 1",
			"1 3 4 5 5 7"},
	} {
		_, mistakes := Load(inFile(t, row.file))
		var lines []string
		for _, m := range mistakes {
			lines = append(lines, fmt.Sprint(m.at.line))
		}
		if got := strings.Join(lines, " "); got != row.want {
			t.Errorf("%s: got %s, want %s, of\n%v", row.name, got, row.want, mistakes)
		}
	}
}

func TestTooManyTables(t *testing.T) {
	one := "[[limits.each]]\nname = \"w%d\"\nmatch = 'x'\nsignal = \"TERM\"\nfds.drain = 9\n"
	var b strings.Builder
	for i := range maxTables {
		fmt.Fprintf(&b, one, i)
	}
	s := inFile(t, b.String())
	if got := mustLoad(t, s).Config.Limits.Each; len(got) != maxTables || got[7].Name != "w7" {
		t.Errorf("got %d tables, want %d", len(got), maxTables)
	}
	fmt.Fprintf(&b, one, maxTables)
	if err := os.WriteFile("reaperd.toml", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	_, mistakes := Load(s)
	if got, want := mistakes.Error(), "reaperd.toml:161: limits.each: 33 tables are too many (want at most 32)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
