package configs

import (
	"path"
	"slices"
	"strings"
)

// wrapper is a program that runs another one, which its arguments name.
type wrapper struct {
	values string // its options that take the next word: "-n --adjustment"
	skip   int    // how many words stand before the command: a user, a time
	sub    string // the subcommand that makes it a wrapper: "exec"
	stays  bool   // it waits for the command instead of becoming it
}

var wrappers = map[string]wrapper{
	"bundle":                   {sub: "exec"},
	"catatonit":                {stays: true},
	"chpst":                    {values: "-u -U -b -e -/ -C -n -l -L -m -d -o -p -f -c -r -t"},
	"command":                  {},
	"ddtrace-run":              {},
	"dumb-init":                {values: "-r --rewrite", stays: true},
	"env":                      {values: "-u --unset -C --chdir"},
	"exec":                     {values: "-a"},
	"gosu":                     {skip: 1},
	"ionice":                   {values: "-c --class -n --classdata"},
	"newrelic-admin":           {sub: "run-program"},
	"nice":                     {values: "-n --adjustment"},
	"nohup":                    {},
	"opentelemetry-instrument": {},
	"pipenv":                   {sub: "run"},
	"poetry":                   {values: "-C --directory -P --project", sub: "run"},
	"setpriv":                  {values: "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig"},
	"stdbuf":                   {values: "-i --input -o --output -e --error"},
	"su-exec":                  {skip: 1},
	"thrust":                   {stays: true},
	"timeout":                  {values: "-s --signal -k --kill-after", skip: 1, stays: true},
	"tini":                     {values: "-p -e", stays: true},
	"tini-static":              {values: "-p -e", stays: true},
	"uv":                       {sub: "run", stays: true},
}

const (
	shells       = `^(ash|bash|dash|ksh|sh|zsh)$`
	interpreters = `^(ruby|python)[\d.]*$`
	assignment   = `^[A-Za-z_]\w*=`
)

// unwrap gives the command that a wrapper runs. Nothing inside a wrapper is a command that cannot be read off its words.
func unwrap(words []string) (inside []string, stays, wraps bool) {
	name, args := path.Base(words[0]), words[1:]
	w, known := wrappers[name]
	switch {
	case matches(shells, name):
		inside, stays = inShell(args)
		return inside, stays, true
	case name == "busybox" && len(args) > 0 && matches(shells, args[0]):
		return args, false, true
	case matches(interpreters, name):
		return script(args), false, true
	case strings.Contains(name, "entrypoint") && len(args) > 0: // an image's own: docker-entrypoint.sh COMMAND
		return args, false, true
	case !known:
		return nil, false, false
	}
	if w.sub != "" {
		at := slices.Index(args, w.sub)
		if at < 0 {
			return nil, false, false
		}
		args = args[at+1:]
	}
	args = afterOptions(args, w.values)
	for name == "env" && len(args) > 0 && matches(assignment, args[0]) {
		args = args[1:]
	}
	return args[min(w.skip, len(args)):], w.stays, true
}

// afterOptions are the words that follow the options, and their values, and --.
func afterOptions(args []string, values string) []string {
	taking := strings.Fields(values)
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		option := args[0]
		args = args[1:]
		if option == "--" {
			break
		}
		if slices.Contains(taking, option) {
			args = args[min(1, len(args)):]
		}
	}
	return args
}

// script is what an interpreter runs: a file, or Python's module. Code on the command line is neither.
func script(args []string) []string {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-m", "--":
			return args[1:]
		case "-c", "-e":
			return nil
		case "-C", "-E", "-I", "-W", "-X", "-r":
			args = args[min(1, len(args)-1):]
		}
		args = args[1:]
	}
	return args
}

// inShell is the command that a shell runs for long. A script in a file is not read.
func inShell(args []string) (inside []string, stays bool) {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") {
			break
		}
		if strings.HasSuffix(a, "c") && !strings.HasPrefix(a, "--") && i+1 < len(args) {
			c := longest(parseShell(args[i+1]))
			// bash and busybox become a last command by themselves, dash does not.
			return c.words, len(c.words) > 0 && (c.words[0] != "exec" || c.end == "|")
		}
	}
	return nil, false
}
