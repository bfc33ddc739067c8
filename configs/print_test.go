package configs

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func printed(t *testing.T, l *Loaded) string {
	t.Helper()
	var b bytes.Buffer
	if err := l.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reload reads what Print wrote, with no other layer.
func reload(t *testing.T, dir, text string) Config {
	t.Helper()
	file := filepath.Join(dir, "printed.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	l, mistakes := Load(Sources{File: file})
	if mistakes != nil {
		t.Fatalf("printed configuration does not load:\n%v\n%s", mistakes, text)
	}
	return l.Config
}

func TestPrint(t *testing.T) {
	s := inFile(t, "preset = \"generic\"\n[limits.memory]\ndrain = \"512MiB\"\n[limits.zombies]\nwarn = \"none\"\n")
	s.Environ = []string{"REAPERD_LIMITS_THREADS_KILL=250"}
	s.Flags = []Assignment{{"drain.timeout", "8s", "--grace"}, {"rewrite", "TERM:QUIT", "--rewrite"}}
	want := `preset   = "generic"      # reaperd.toml:1
platform = "auto"         # default
dry_run  = false          # default
group    = false          # default
rewrite  = ["TERM:QUIT"]  # --rewrite

[log]
level  = "info"  # default
format = "text"  # default

[limits]
interval   = "1s"   # default
min_uptime = "30s"  # default

[limits.threads]
# warn = "90%"  # default, said after 1m
kill   = 250    # REAPERD_LIMITS_THREADS_KILL

[limits.zombies]
warn = "none"  # reaperd.toml:5

[limits.fds]
# warn = "90%"  # default, said after 1m

[limits.memory]
# warn = "90%"     # default, said after 1m
drain  = "512MiB"  # reaperd.toml:3
for    = "10s"     # default
metric = "auto"    # default

[drain]
quiet_timeout = "1m"             # default
stop_on       = ["TERM", "INT"]  # preset generic
timeout       = "8s"             # --grace
stop_timeout  = "28s"            # preset generic

[restart]
on_limit       = "exit"   # default
on_exit        = "never"  # default
delay          = "1s"     # default
max_delay      = "1m"     # default
burst          = 5        # default
burst_interval = "10m"    # default
exit_code      = 75       # default
`
	if got := printed(t, mustLoad(t, s)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPrintedConfigurationLoadsToTheSame(t *testing.T) {
	var all, none []Assignment
	var sequence, means []Assignment // contradict others
	for path, text := range samples() {
		switch path {
		case "drain.stop_sequence":
			sequence = append(sequence, Assignment{path, text, "--x"})
		case "drain.quiet_command", "drain.quiet_file", "drain.quiet_url":
			means = append(means, Assignment{path, text, "--x"})
		default:
			all = append(all, Assignment{path, text, "--x"})
		}
	}
	for m := range policy.NumMetrics {
		none = append(none, Assignment{"limits." + m.String() + ".warn", "none", "--x"})
	}
	for name, s := range map[string]Sources{
		"nothing":             {},
		"every key":           {Flags: all},
		"a stop sequence":     {Flags: sequence},
		"means of quiet":      {Flags: means},
		"no warning":          {Flags: none},
		"a preset undone":     {Preset: "sidekiq", Flags: []Assignment{{"drain.quiet_signal", "none", "--x"}}},
		"empty lists":         {Flags: []Assignment{{"rewrite", "", "--x"}, {"drain.stop_on", "", "--x"}}},
		"odd bytes":           {Flags: []Assignment{{"limits.memory.drain", "9007199254740993B", "--x"}}},
		"fractions":           {Flags: []Assignment{{"limits.memory.drain", "0.1%", "--x"}, {"drain.timeout", "1.5s", "--x"}}},
		"warn dropped":        {Flags: []Assignment{{"limits.fds.drain", "3%", "--x"}}},
		"a for without limit": {Flags: []Assignment{{"limits.fds.for", "3h", "--x"}}},
		"a place in disguise": {Flags: []Assignment{{"group", "1", "--x\nburst = 0\x00"}}},
	} {
		l := mustLoad(t, s)
		text := printed(t, l)
		if got := reload(t, t.TempDir(), text); !reflect.DeepEqual(got, l.Config) {
			t.Errorf("%s: got %+v, want %+v, from\n%s", name, got, l.Config, text)
		}
	}
}

func TestSizesPrintInTheUnitTheyCameIn(t *testing.T) {
	for in, want := range map[string]string{
		"512MiB": `"512MiB"`, "512MB": `"512MB"`, "512 mib": `"512MiB"`, "1024KiB": `"1MiB"`, "1KB": `"1kB"`, "7B": `"7B"`, "1.5GiB": `"1536MiB"`,
		"2TB": `"2TB"`, "2TiB": `"2TiB"`, "12.5%": `"12.5%"`, "100%": `"100%"`,
	} {
		l := mustLoad(t, Sources{Environ: []string{"REAPERD_LIMIT_MEMORY=" + in}})
		if got := value(l, "limits.memory.drain").Text; got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
