package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Row 7: a bad configuration says what, where and what would be right, all of it, and starts nothing.
func TestBadConfigurationStartsNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config string
		words        []string // each in some line of stderr
	}{
		{"a syntax error", "[limits\nthreads = 1\n", []string{"reaperd.toml:1"}},
		{"an unknown key", "[limits.threads]\nwarn = 5\ndrian = 7\n", []string{"reaperd.toml:3", "drian", "drain"}},
		{"a size without its unit's meaning", "[limits.memory]\ndrain = \"512M\"\n", []string{"reaperd.toml:2", "limits.memory.drain", "512MiB", "512MB"}},
		{"levels in the wrong order", "[limits.threads]\nwarn = 9\ndrain = 5\n", []string{"limits.threads", "warn", "drain"}},
		{"several mistakes", "[limits]\ninterval = \"soon\"\n[drain]\nstop_signal = \"TREM\"\n[restart]\non_limit = \"reboot\"\n",
			[]string{"reaperd.toml:2", "reaperd.toml:4", "reaperd.toml:6"}},
		{"a duration without a unit", "[drain]\ntimeout = 28\n", []string{"reaperd.toml:2", "drain.timeout"}},
		{"an exit code of 0", "[restart]\nexit_code = 0\n", []string{"reaperd.toml:2", "exit_code"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := launch(t, spec{App: sh("echo started"), Config: tt.config})
			r.wants(125)
			for _, word := range tt.words {
				if r.err.count(word) == 0 {
					t.Errorf("got %q, want %q in it", r.err, word)
				}
			}
			if got := r.out.String(); got != "" {
				t.Errorf("got %q, want nothing started", got)
			}
			check := launch(t, spec{Flags: []string{"check"}, Config: tt.config})
			check.wants(125)
			for _, word := range tt.words {
				if !strings.Contains(check.err.String()+check.out.String(), word) {
					t.Errorf("check: got %q and %q, want %q in it", check.out, check.err, word)
				}
			}
		})
	}
}

func TestAMissingConfigurationFileStartsNothing(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{Flags: []string{"--config", "/no/such/file.toml"}, App: sh("echo started")})
	r.wants(125)
	if r.out.String() != "" || r.err.count("/no/such/file.toml") == 0 {
		t.Errorf("got %q and %q, want the file named and nothing started", r.out, r.err)
	}
}

// The layers, seen through check: defaults < preset < file < environment < flags.
func TestLayersOfConfiguration(t *testing.T) {
	t.Parallel()
	file := "[drain]\ntimeout = \"31s\"\n"
	tests := []struct {
		name  string
		spec  spec
		words []string
	}{
		{"the default", spec{}, []string{"timeout", "28s"}},
		{"the file over the default", spec{Config: file}, []string{"timeout", "31s", "reaperd.toml"}},
		{"the environment over the file", spec{Config: file, Env: []string{"REAPERD_DRAIN_TIMEOUT=32s"}}, []string{"timeout", "32s", "REAPERD_DRAIN_TIMEOUT"}},
		{"a flag over the environment", spec{Flags: []string{"--grace", "33s"}, Env: []string{"REAPERD_DRAIN_TIMEOUT=32s"}}, []string{"timeout", "33s", "--grace"}},
		{"a preset's signal", spec{Flags: []string{"--preset", "sidekiq"}}, []string{"quiet_signal", "TSTP", "sidekiq"}},
		{"the short form of a limit", spec{Env: []string{"REAPERD_LIMIT_ZOMBIES=12"}}, []string{"drain", "12", "REAPERD_LIMIT_ZOMBIES"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.spec.Flags = append([]string{"check"}, tt.spec.Flags...)
			r := launch(t, tt.spec)
			r.wants(0)
			if r.out.count(tt.words...) == 0 {
				t.Errorf("got\n%s\nwant a line with %q", r.out, tt.words)
			}
		})
	}
}

// Kubernetes injects REAPERD_PORT for a Service of that name: a warning, and the app runs.
func TestUnknownNameInTheEnvironmentIsOnlyAWarning(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: sh("exit 4"), Env: []string{"REAPERD_PORT=tcp://10.0.0.1:80", "REAPERD_DRAIN_TIMEOT=3s"}})
	r.wants(4)
	if r.err.count("REAPERD_DRAIN_TIMEOT", "REAPERD_DRAIN_TIMEOUT") != 1 || r.err.count("REAPERD_PORT") != 1 {
		t.Errorf("got %q, want a warning for each, with the nearest name", r.err)
	}
	r = launch(t, spec{App: sh("echo started"), Env: []string{"REAPERD_DRAIN_TIMEOUT=soon"}})
	r.wants(125)
	if r.err.count("REAPERD_DRAIN_TIMEOUT", "soon") == 0 || r.out.String() != "" {
		t.Errorf("got %q and %q, want a mistake and nothing started", r.out, r.err)
	}
}

// Limits by flag and by environment do what the file would.
func TestLimitsByFlagAndEnvironment(t *testing.T) {
	t.Parallel()
	looks := []string{"REAPERD_LIMITS_INTERVAL=50ms", "REAPERD_LIMITS_MIN_UPTIME=0s", "REAPERD_LIMITS_ZOMBIES_FOR=0s"}
	for _, s := range []spec{
		{Flags: []string{"--limit", "zombies=10"}, Env: looks},
		{Flags: []string{"--limit", "zombies:kill=10"}, Env: looks},
		{Env: append([]string{"REAPERD_LIMIT_ZOMBIES=10"}, looks...)},
		{Env: append([]string{"REAPERD_LIMITS_ZOMBIES_KILL=10"}, looks...)},
	} {
		s.App = leaky("zombies", "20")
		r := launch(t, s)
		r.wants(75)
	}
}

// check finds the ceilings of this machine.
func TestCheckShowsTheCeilings(t *testing.T) {
	t.Parallel()
	group := newPidsGroup(t, 321)
	r := launch(t, spec{Flags: []string{"check"}, Config: "[limits.threads]\ndrain = \"80%\"\n", Stage: stage{Cgroups: group.join(), UID: newUID(), Limits: [][3]int{{rlimitNproc, 654, 654}}}})
	r.wants(0)
	for _, words := range [][]string{{"pids.max", "321"}, {"RLIMIT_NPROC", "654"}} {
		if r.out.count(words...) == 0 {
			t.Errorf("got\n%s\nwant a line with %q", r.out, words)
		}
	}
}

// The same file on a laptop: a percentage of nothing is inactive and said once, never an error.
func TestAPercentageWithoutACeilingIsInactive(t *testing.T) {
	t.Parallel()
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil && strings.TrimSpace(string(b)) != "max" {
		t.Logf("this machine has a memory ceiling of %s", b)
	}
	r := launch(t, spec{App: sh("exit 3"), Config: "[limits.fds]\ndrain = \"80%\"\n[limits.threads]\ndrain = \"80%\"\n[limits.memory]\ndrain = \"99%\"\n"})
	r.wants(3)
	if n := r.err.count("inactive"); n > 3 {
		t.Errorf("got %q, want each said once", r.err)
	}
}

// preset = "auto" says what it is by the command, at the start and in check; nothing else chooses one.
func TestPresetAutoGoesByTheCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := "#!/bin/sh\necho served\n"
	for _, name := range []string{"nginx", "server"} {
		writeExecutable(t, filepath.Join(dir, name), script, 0o755)
	}
	nginx, server := filepath.Join(dir, "nginx"), filepath.Join(dir, "server")
	for _, tt := range []struct {
		name         string
		preset       string
		app          []string
		said         []string // on a line of the log
		shown        []string // on a line of check
		signal, note string   // in check; "": none
	}{
		{"a server", "auto", []string{"env", "A=1", nginx}, []string{"preset auto:", "preset=nginx", "word=nginx"},
			[]string{`preset = "auto" is "nginx", by "nginx"`}, `"QUIT"`, ""},
		{"behind a shell", "auto", sh(nginx + "; true"), []string{"preset=nginx", "behind=sh"},
			[]string{`preset = "auto" is "nginx"`}, `"QUIT"`, `sh may stay in front of the server and get its signals: write "exec" in front of the server in its script, or set drain.match = '^nginx: master'`},
		{"any program", "auto", []string{server}, []string{"preset auto: the command is not known", "preset=generic", "word=" + server},
			[]string{`preset = "auto" is "generic"`, server}, "", ""},
		{"without the word", "generic", []string{nginx}, nil, []string{`"generic"`, "--preset"}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := launch(t, spec{Flags: []string{"--preset", tt.preset}, App: tt.app})
			r.wants(0)
			if got := r.err.count("preset auto"); r.out.count("served") != 1 || got > 1 || (got == 1) != (tt.said != nil) || r.err.count(tt.said...) == 0 {
				t.Errorf("got %q and %q, want %q said once", r.out, r.err, tt.said)
			}
			check := launch(t, spec{Flags: []string{"check", "--preset", tt.preset}, App: tt.app})
			check.wants(0)
			if check.out.count(tt.shown...) != 1 || check.out.count("served") != 0 {
				t.Errorf("check: got\n%s\nwant a line with %q, and nothing started", check.out, tt.shown)
			}
			if got := check.out.count("stop_signal"); (got == 1) != (tt.signal != "") || got == 1 && check.out.count("stop_signal", tt.signal, "preset nginx") != 1 {
				t.Errorf("check: got\n%s\nwant a stop_signal of %q", check.out, tt.signal)
			}
			if got := check.out.count("in front of the server"); (got == 1) != (tt.note != "") || check.out.count(tt.note) == 0 {
				t.Errorf("check: got\n%s\nwant the note %q", check.out, tt.note)
			}
		})
	}
}

// Two apps at once cannot both have one pidfile or control socket.
func TestCheckNamesWhatAnOverlapCannotHaveTwice(t *testing.T) {
	t.Parallel()
	app := []string{"bundle", "exec", "puma", "--pidfile", "tmp/puma.pid", "--no-config"}
	for _, ready := range []string{"10s", ""} {
		s := spec{Flags: []string{"check"}, App: app}
		if ready != "" {
			s.Config = "[restart]\non_limit = \"restart\"\noverlap = true\nready = \"" + ready + "\"\n"
		}
		r := launch(t, s)
		r.wants(0)
		if got := r.out.count("restart.overlap: two apps at once cannot both have --pidfile tmp/puma.pid"); (got == 1) != (ready != "") {
			t.Errorf("ready = %q: got\n%s\nwant the pidfile named where two overlap", ready, r.out)
		}
		if got := r.out.count("cannot both have a port, unless"); (got == 1) != (ready != "") {
			t.Errorf("ready = %q: got\n%s\nwant the port named where two overlap", ready, r.out)
		}
	}
}

// Presets are files that pass their own check.
func TestPresetsAreValid(t *testing.T) {
	t.Parallel()
	for _, preset := range []string{"generic", "puma", "sidekiq", "unicorn"} {
		r := launch(t, spec{Flags: []string{"check", "--preset", preset}})
		r.wants(0)
		if r.out.count(preset) == 0 {
			t.Errorf("%s: got %q, want values of the preset", preset, r.out)
		}
		r = launch(t, spec{App: sh("exit 3"), Env: []string{fmt.Sprintf("REAPERD_PRESET=%s", preset)}})
		r.wants(3)
	}
}
