package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/configs"
)

func TestParseCommandLine(t *testing.T) {
	for _, c := range []struct {
		args string // separated by blanks; '' is an empty one
		want string // subcommand | config | preset | keys | command
	}{
		{"", "| | | |"},
		{"app", "| | | | app"},
		{"app -c x --limit y", "| | | | app -c x --limit y"},
		{"-c f app", "| f | | | app"},
		{"--config=f app", "| f | | | app"},
		{"-c f --config g app", "| g | | | app"},
		{"--preset puma -- app", "| | puma | | app"},
		{"-g app", "| | | group=true | app"},
		{"--group app", "| | | group=true | app"},
		{"--group=false app", "| | | group=false | app"},
		{"--grace 5s app", "| | | drain.timeout=5s drain.stop_timeout=5s | app"},
		{"--on-limit restart app", "| | | restart.on_limit=restart | app"},
		{"--rewrite TERM:QUIT --rewrite HUP:0 app", "| | | rewrite=TERM:QUIT rewrite=HUP:0 | app"},
		{"--exit-remap 143:0 --exit-remap 75:1 app", "| | | exit_remap=143:0 exit_remap=75:1 | app"},
		{"--log-level debug --log-level warn --log-format json app", "| | | log.level=debug log.level=warn log.format=json | app"},
		{"--pdeathsig KILL app", "| | | pdeathsig=KILL | app"},
		{"--limit threads=200 --limit memory:warn=70% app", "| | | limits.threads.drain=200 limits.memory.warn=70% | app"},

		// a first word that is reserved
		{"check", "check | | | |"},
		{"check --config f", "check | f | | |"},
		{"-c f check --preset puma", "check | f | puma | |"},
		{"-c f check -c g", "check | g | | |"},
		{"check app -c f", "check | | | | app -c f"},
		{"check -c f -- app", "check | f | | | app"},
		{"version", "version | | | |"},
		{"help", "help | | | |"},
		{"status", "status | | | |"},
		{"drain now", "drain | | | |"},
		{"checks", "| | | | checks"},
		{"app check", "| | | | app check"},
		{"./check", "| | | | ./check"},
		{"/usr/bin/top -b", "| | | | /usr/bin/top -b"},

		// -- ends the flags, and what follows is never a subcommand
		{"-- check", "| | | | check"},
		{"-- -c f", "| | | | -c f"},
		{"-g -- top -b", "| | | group=true | top -b"},
		{"-- -- app", "| | | | -- app"},
		{"app -- check", "| | | | app -- check"},
		{"--", "| | | |"},
		{"-", "| | | | -"},
		{"-- ''", "| | | | ''"},

		// the page and the version, wherever they are asked for
		{"--version", "version | | | |"},
		{"--version app", "version | | | |"},
		{"-h", "help | | | |"},
		{"--help", "help | | | |"},
		{"check --help", "help | | | |"},
		{"check -h app", "help | | | |"},
		{"app --version", "| | | | app --version"},
		{"app -h", "| | | | app -h"},
	} {
		line, err := parseCommandLine(words(c.args))
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if got := tell(line); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.args, got, c.want)
		}
	}
}

func words(args string) []string {
	out := strings.Fields(args)
	for i, word := range out {
		out[i] = strings.ReplaceAll(word, "''", "")
	}
	return out
}

func tell(l *commandLine) string {
	var keys, command []string
	for _, a := range l.keys {
		keys = append(keys, fmt.Sprintf("%s=%v", a.Path, a.Value))
	}
	for _, word := range l.command {
		if word == "" {
			word = "''"
		}
		command = append(command, word)
	}
	out := strings.Join([]string{l.subcommand, l.config, l.preset, strings.Join(keys, " "), strings.Join(command, " ")}, " | ")
	return strings.TrimSpace(strings.Join(strings.Fields(out), " "))
}

func TestWrongFlagsSayWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"--nope app":            "unknown flag: -nope",
		"-x app":                "unknown flag: -x",
		"check --nope":          "unknown flag: -nope",
		"-c":                    "flag needs an argument: -c",
		"--grace":               "flag needs an argument: -grace",
		"--limit threads app":   "threads",
		"--limit nonsense=1 a":  "nonsense",
		"--version=perhaps app": "invalid",
	} {
		_, err := parseCommandLine(words(args))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", args, err, want)
		}
	}
}

func TestEveryFlagOfTheHelpPageIsKnown(t *testing.T) {
	page := help()
	if lines := strings.Count(page, "\n"); lines > 40 {
		t.Errorf("the page has %d lines, want a screen's", lines)
	}
	for _, line := range strings.Split(page, "\n") {
		if n := len([]rune(line)); n > 120 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' }) {
			if name, ok := strings.CutPrefix(word, "--"); ok && name != "" {
				if _, err := parseCommandLine([]string{word}); err != nil && strings.Contains(err.Error(), "unknown") {
					t.Errorf("--help tells of %s, which is unknown", word)
				}
			}
		}
	}
	for _, preset := range configs.Presets() {
		if !strings.Contains(page, preset) {
			t.Errorf("--help does not name the preset %s", preset)
		}
	}
}

func TestAFlagWinsOverTheEnvironmentForTheFile(t *testing.T) {
	t.Setenv("REAPERD_CONFIG", "env.toml")
	if got := (&commandLine{}).sources(nil).File; got != "env.toml" {
		t.Errorf("got %q, want env.toml", got)
	}
	if got := (&commandLine{config: "flag.toml"}).sources(nil).File; got != "flag.toml" {
		t.Errorf("got %q, want flag.toml", got)
	}
}

func TestInheritedDescriptorsAreThoseWithoutCloseOnExec(t *testing.T) {
	ours, err := os.Open("/dev/null") // Go opens everything with it
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := syscall.Dup(int(ours.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	got := inheritedDescriptors()
	if !slices.Contains(got, theirs) || slices.Contains(got, int(ours.Fd())) {
		t.Errorf("got %v, want %d in it and not %d", got, theirs, ours.Fd())
	}
	for fd := range 3 {
		if slices.Contains(got, fd) {
			t.Errorf("got %v, want no standard stream in it", got)
		}
	}
	syscall.Close(theirs)
	if got := inheritedDescriptors(); slices.Contains(got, theirs) {
		t.Errorf("got %v after %d was closed", got, theirs)
	}
}
