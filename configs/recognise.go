package configs

import (
	"path"
	"regexp"
	"strings"
)

// Auto is the preset that is chosen by the command line of the app.
const Auto = "auto"

// generic is the preset of what is not known.
const generic = "generic"

// Recognised is what a command line says of the server that it starts.
type Recognised struct {
	Preset string   // "generic" if Word is not known
	Word   string   // what decided: "puma", "rails server"; "" where there is no command
	Stays  string   // the first wrapper that stays in front of the server instead of becoming it: "sh"; "" if none does
	Server []string // the server and its arguments, without the wrappers
}

// Known says whether the command is one of a server that has a preset.
func (r Recognised) Known() bool { return r.Preset != generic }

// Recognise looks through wrappers for a server that has a preset. It reads no file, so a script is not known; nor is a
// program that could be anything, such as one written in Go.
func Recognise(command []string) Recognised {
	r := Recognised{Preset: generic, Server: command}
	for len(r.Server) > 0 {
		inside, stays, wraps := unwrap(r.Server)
		if !wraps {
			break
		}
		if len(inside) == 0 {
			r.Word = path.Base(r.Server[0])
			return r
		}
		if stays && r.Stays == "" {
			r.Stays = path.Base(r.Server[0])
		}
		r.Server = inside
	}
	if len(r.Server) == 0 {
		return r
	}
	name := path.Base(r.Server[0])
	r.Word = r.Server[0]
	if s, decided, known := serverOf(name, r.Server[1:]); known {
		r.Preset, r.Word = s.preset, decided
		if s.stays && r.Stays == "" {
			r.Stays = name
		}
	}
	return r
}

// mains are regular expressions for the command line of a server's main process, by preset, where it differs from that
// of a wrapper.
var mains = map[string]string{
	"apache":   `^\S*(apache2|httpd)( |$)`,
	"jvm":      `^\S*java `,
	"nginx":    `^nginx: master`,
	"node":     `^\S*node `,
	"php-fpm":  `^php-fpm: master`,
	"postgres": `^\S*(postgres|postmaster)( |$)`,
	"puma":     `^puma \d`,
	"sidekiq":  `^sidekiq \d`,
	"unicorn":  `^unicorn(_rails)? master`,
	"uwsgi":    `^\S*uwsgi`,
}

// Match is what drain.match would be behind a wrapper that stays; "" where that is not known.
func (r Recognised) Match() string { return mains[r.Preset] }

// server is how one is known: by its name, and where that could start other things too, by its arguments.
type server struct {
	name   string // a regular expression for the whole name
	args   string // one for the arguments, joined by spaces; "": any will do
	preset string
	stays  bool // starts the server as a child
}

var servers = []server{
	{name: `apache2|httpd|apache2-foreground|httpd-foreground`, preset: "apache"},
	{name: `apache2ctl|apachectl`, preset: "apache", stays: true},
	{name: `celery`, args: `(^| )worker( |$)`, preset: "celery"},
	{name: `delayed_job`, args: `(^| )run( |$)`, preset: "delayed_job"},
	{name: `rake|rails`, args: `(^| )jobs:work( |$)`, preset: "delayed_job"},
	{name: `gunicorn3?`, preset: "gunicorn"},
	{name: `java`, preset: "jvm"},
	{name: `nginx(-debug)?`, preset: "nginx"},
	{name: `node|nodejs`, preset: "node"},
	{name: `npm|npx|yarn|pnpm`, preset: "node", stays: true},
	{name: `php-fpm[\d.]*`, preset: "php-fpm"},
	{name: `postgres|postmaster`, preset: "postgres"},
	{name: `puma`, preset: "puma"},
	{name: `rails`, args: `^s(erver)?( |$)`, preset: "puma"},
	{name: `rackup`, args: `(^| )(-s|--server)[ =]?puma( |$)`, preset: "puma"},
	{name: `sidekiq`, preset: "sidekiq"},
	{name: `unicorn(_rails)?`, preset: "unicorn"},
	{name: `uwsgi(-core|_python[\d.]*)?`, preset: "uwsgi"},
}

// otherRack is a `rails server` that is told to use another server than its own choice, which is Puma.
const otherRack = `(^| )(-u|--using)[ =]?(falcon|iodine|thin|unicorn|webrick|passenger)( |$)`

// serverOf also gives the words that decided. Expressions are compiled here, where a command is to be recognised, and not
// at every start.
func serverOf(name string, args []string) (s server, decided string, known bool) {
	joined := strings.Join(args, " ")
	for _, s := range servers {
		if !matches(`^(`+s.name+`)$`, name) {
			continue
		}
		if s.args == "" {
			return s, name, true
		}
		said := regexp.MustCompile(s.args).FindString(joined)
		if said != "" && !(name == "rails" && matches(otherRack, joined)) {
			return s, name + " " + strings.TrimSpace(said), true
		}
	}
	return server{}, "", false
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
