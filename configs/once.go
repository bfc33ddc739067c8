package configs

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// once is where a server is told of what two of it cannot both have: a pidfile that the second one refuses or the first
// one deletes, a socket that it cannot bind.
type once struct {
	options string // of its command line
	config  string // the options that name its configuration
	places  string // where that is if they are not given
	setting string // a regular expression for a line of it
	always  string // what it has in any case
}

var onces = map[string]once{
	"apache":   {always: "the PidFile of its configuration"},
	"celery":   {options: "--pidfile --statedb -S"},
	"gunicorn": {options: "-p --pid", config: "-c --config", places: "gunicorn.conf.py", setting: `^\s*pidfile\s*=`},
	"nginx":    {config: "-c", places: "/etc/nginx/nginx.conf", setting: `^\s*pid\s`},
	"php-fpm":  {options: "-g --pid", config: "-y --fpm-config", places: "/etc/php-fpm.conf", setting: `^\s*pid\s*=`},
	"postgres": {always: "its data directory"},
	"puma": {options: "--pidfile -S --state --control-url", config: "-C --config", places: "config/puma.rb",
		setting: `^\s*(pidfile|state_path|activate_control_app)\b`},
	"unicorn": {config: "-c --config-file", setting: `^\s*pid\b`},
	"uwsgi": {options: "--pidfile --pidfile2 --safe-pidfile --safe-pidfile2 --stats --stats-server --master-fifo", config: "--ini",
		setting: `^\s*(safe-)?pidfile2?\s*=|^\s*stats(-server)?\s*=|^\s*master-fifo\s*=`},
}

// Once lists what of the server two cannot both have, as far as its command line and the configuration that it names or
// has in its usual place show it. A file that cannot be read shows nothing.
func (r Recognised) Once() []string {
	if len(r.Server) == 0 {
		return nil
	}
	o, args := onces[r.Preset], r.Server[1:]
	var found []string
	if path.Base(r.Server[0]) == "rails" {
		o.options = "-P --pid"
		if given(args, o.options) == nil {
			found = append(found, "tmp/pids/server.pid of rails server")
		}
	}
	for _, option := range given(args, o.options) {
		if option.value != "auto" { // Puma then makes up a control socket
			found = append(found, option.name+" "+option.value)
		}
	}
	files := strings.Fields(o.places)
	if named := given(args, o.config); named != nil {
		files = nil
		for _, option := range named {
			files = append(files, option.value)
		}
	}
	if o.setting != "" {
		setting := regexp.MustCompile(o.setting)
		for _, file := range files {
			text, _ := readFile(file)
			for i, line := range strings.Split(text, "\n") {
				if setting.MatchString(line) {
					found = append(found, fmt.Sprintf("%s:%d: %s", file, i+1, strings.TrimSpace(line)))
				}
			}
		}
	}
	if o.always != "" {
		found = append(found, o.always)
	}
	return found
}

// option is one of a command line with its value.
type option struct{ name, value string }

// given are those of the named options that a command line has.
func given(args []string, names string) []option {
	var found []option
	wanted := strings.Fields(names)
	for i, a := range args {
		name, value, joined := strings.Cut(a, "=")
		if !slices.Contains(wanted, name) {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		found = append(found, option{name, value})
	}
	return found
}
