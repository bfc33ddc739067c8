package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"strings"

	"github.com/reaperd/reaperd/configs"
)

const usage = `reaperd - a PID 1 that reaps, watches and drains

usage: reaperd [flags] [--] COMMAND [ARG...]
       reaperd check [flags] [--] [COMMAND...]
                                    the effective configuration, its sources and every mistake
       reaperd version | help

  -c, --config FILE        TOML file (REAPERD_CONFIG)
      --preset NAME        how to drain a known server (REAPERD_PRESET):
                           PRESETS;
                           auto: by COMMAND
      --limit METRIC=N     drain at N: threads, processes, zombies, fds, memory, oom_kills; also
                           METRIC:warn=N, METRIC:kill=N; N is a number, a share of the ceiling (80%), for memory a
                           size (512MiB); repeatable
      --dry-run            watch and judge, say what would be done, do none of it
      --on-limit WHAT      after that drain: exit (code 75, the default) or restart
      --grace DURATION     from the stop signal to SIGKILL (28s)
  -g, --group              forward signals to the app's process group
      --rewrite FROM:TO    the app gets signal TO for FROM; 0 drops it; repeatable
      --exit-remap A:B     exit with B where it would be A; repeatable
      --pdeathsig SIGNAL   the app gets SIGNAL if reaperd dies
      --log-level LEVEL    trace, debug, info, warn, error (info; warn where nothing is configured)
      --log-format FORMAT  text or json
      --version            print the version
  -h, --help               this page

Every key of the file is also an environment variable: limits.threads.warn is REAPERD_LIMITS_THREADS_WARN.
Exit codes: the app's own; 128+n if signal n killed it; 75 a limit ended it; 125 reaperd's own failure,
126 cannot execute, 127 not found.
`

// help is the usage page.
func help() string {
	const indent, width = "\n                           ", 70
	var presets strings.Builder
	column := 0
	for i, name := range configs.Presets() {
		if i > 0 {
			presets.WriteString(", ")
		}
		if column += len(name) + 2; column > width {
			presets.WriteString(indent)
			column = len(name)
		}
		presets.WriteString(name)
	}
	return strings.ReplaceAll(usage, "PRESETS", strings.ReplaceAll(presets.String(), ", \n", ",\n"))
}

// subcommands are reserved as a first word, unless it follows -- or holds a slash.
var subcommands = []string{"check", "version", "help", "status", "top", "drain", "restart", "dump", "report", "inspect",
	"reload", "pause", "resume", "events"}

// commandLine is what the arguments say.
type commandLine struct {
	subcommand string // empty: run command; check only looks at it
	command    []string
	config     string
	preset     string
	keys       []configs.Assignment
}

// sources are the layers of configuration. A flag wins over the environment.
func (l *commandLine) sources(environ []string) configs.Sources {
	config := l.config
	if config == "" {
		config = os.Getenv("REAPERD_CONFIG")
	}
	return configs.Sources{File: config, Preset: l.preset, Environ: environ, Flags: l.keys, Command: l.command, Find: find}
}

func parseCommandLine(args []string) (*commandLine, error) {
	line := &commandLine{}
	rest, dashes, err := line.parseFlags(args)
	if err != nil || line.subcommand != "" {
		return line, err
	}
	if dashes || len(rest) == 0 || !reserved(rest[0]) {
		line.command = rest
		return line, nil
	}
	line.subcommand = rest[0]
	if line.subcommand != "check" {
		return line, nil
	}
	line.command, _, err = line.parseFlags(rest[1:])
	return line, err
}

func reserved(word string) bool {
	for _, s := range subcommands {
		if s == word {
			return true
		}
	}
	return false
}

// parseFlags reads flags up to the first word that is none, or up to and without --.
func (l *commandLine) parseFlags(args []string) (rest []string, dashes bool, err error) {
	set := flag.NewFlagSet("reaperd", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, name := range []string{"c", "config"} {
		set.StringVar(&l.config, name, l.config, "")
	}
	set.StringVar(&l.preset, "preset", l.preset, "")
	l.keyFlag(set, "on-limit", "restart.on_limit")
	l.keyFlag(set, "grace", "drain.timeout", "drain.stop_timeout")
	l.keyFlag(set, "pdeathsig", "pdeathsig")
	l.keyFlag(set, "log-level", "log.level")
	l.keyFlag(set, "log-format", "log.format")
	l.keyFlag(set, "rewrite", "rewrite")
	l.keyFlag(set, "exit-remap", "exit_remap")
	for name, path := range map[string]string{"g": "group", "group": "group", "dry-run": "dry_run"} {
		set.BoolFunc(name, "", func(value string) error {
			l.keys = append(l.keys, configs.Assignment{Path: path, Value: value, Source: "--" + strings.ReplaceAll(path, "_", "-")})
			return nil
		})
	}
	set.Func("limit", "", func(value string) error {
		a, err := configs.ParseLimitFlag(value)
		if err == nil {
			l.keys = append(l.keys, a)
		}
		return err
	})
	version := set.Bool("version", false, "")
	err = set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		l.subcommand = "help"
		return nil, false, nil
	case err != nil:
		return nil, false, errors.New(strings.ReplaceAll(err.Error(), "flag provided but not defined: -", "unknown flag: -"))
	case *version:
		l.subcommand = "version"
	}
	rest = set.Args()
	consumed := len(args) - len(rest)
	return rest, consumed > 0 && args[consumed-1] == "--", nil
}

// keyFlag is a flag that sets keys of the configuration. Repeated, a list grows and of anything else the last one wins.
func (l *commandLine) keyFlag(set *flag.FlagSet, name string, paths ...string) {
	set.Func(name, "", func(value string) error {
		for _, path := range paths {
			l.keys = append(l.keys, configs.Assignment{Path: path, Value: value, Source: "--" + name})
		}
		return nil
	})
}
