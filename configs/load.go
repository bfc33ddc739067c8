package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// Assignment is one key set by a flag.
type Assignment struct {
	Path   string // "drain.timeout"
	Value  string
	Source string // "--grace"
}

// Sources is everything a configuration is made of. The caller has resolved -c and REAPERD_CONFIG into File.
type Sources struct {
	File    string       // "": no file
	Preset  string       // of --preset; "": not given
	Environ []string     // as os.Environ gives it
	Flags   []Assignment // in the order of the command line: the last one wins, lists add up
	Command []string     // the app's, for preset = "auto"

	Find func(name string) (file string, err error) // the absolute path of a command; nil: none is looked for
}

// Value is the effective value of one key.
type Value struct {
	Key    string // "limits.threads.drain"
	Text   string // as TOML: `"80%"`
	Source string // "reaperd.toml:7", "default", "preset puma", "REAPERD_DRAIN_TIMEOUT", "--grace"

	ours bool // one of reaperd's own default warnings, which are more patient than a user's
}

// Loaded is a configuration without mistakes.
type Loaded struct {
	Config   Config
	Values   []Value    // every key that is set, in the order of the table of keys
	Warnings []string   // unknown REAPERD_ names, [[limits.each]] tables without a limit, sockets that are held for nothing
	App      Recognised // with preset = "auto", what the command is
}

// Load lays defaults, preset, file, environment and flags over each other. It returns either a configuration or every
// mistake there is; a syntax error in the file comes alone. Compare the Mistakes with nil before using them as an error.
func Load(s Sources) (*Loaded, Mistakes) {
	l := &loader{keys: newRegistry(), config: defaults(), places: map[string]place{}}
	file, alone := l.file(s.File)
	if alone != nil {
		return nil, alone
	}
	environ := l.environ(s.Environ)
	flags := l.flags(s)
	given := slices.Concat(file, environ, flags)
	for _, e := range slices.Concat(l.preset(given, s.Command), given) {
		l.set(e)
	}
	l.settle(s.File != "" || slices.ContainsFunc(given, asksToWatch))
	found := l.findCommands(s.Find)
	if len(l.mistakes) > 0 {
		l.mistakes.sort()
		return nil, l.mistakes
	}
	values := l.values() // with commands as they were written
	for command, file := range found {
		(*command)[0] = file
	}
	return &Loaded{
		Config:   l.config,
		Values:   values,
		Warnings: l.warnings,
		App:      l.app,
	}, nil
}

// asksToWatch says whether a key from the environment or a flag makes reaperd more than a plain init, which says nothing
// while all is well.
func asksToWatch(e entry) bool {
	tables := []string{"limits.", "notify.", hookTable}
	return e.path == "preset" || slices.ContainsFunc(tables, func(table string) bool { return strings.HasPrefix(e.path, table) })
}

// loader is a configuration in the making.
type loader struct {
	keys     registry[Config]
	config   Config
	places   map[string]place // of every key that is set, by path, and of every [[limits.each]] table, by label
	mistakes Mistakes
	warnings []string
	app      Recognised

	eachLabels   []string // of Config.Limits.Each
	socketLabels []string // of Config.Sockets
}

func (l *loader) wrong(at place, key, format string, args ...any) {
	l.mistakes = append(l.mistakes, mistake(at, key, fmt.Sprintf(format, args...)))
}

func (l *loader) set(e entry) {
	tables, ok := e.raw.([]listed)
	switch {
	case ok && e.path == eachList:
		l.setEach(e.at, tables)
	case ok:
		l.setSockets(e.at, tables)
	default:
		assign(l, l.keys, &l.config, "", e)
	}
}

// assign sets one key of c, which is known to users by its path within the table that is named.
func assign[C any](l *loader, keys registry[C], c *C, within string, e entry) {
	k, known := keys.find(e.path)
	if !known {
		l.wrong(e.at, within+e.path, "unknown key (the nearest known is %s)", nearest(e.path, keys.paths()))
		return
	}
	if err := k.set(c, e.raw); err != nil {
		l.wrong(e.at, within+e.path, "%v", err)
		return
	}
	l.places[within+e.path] = e.at
}

// file reads the file's entries. Mistakes that must be reported alone are returned, others kept.
func (l *loader) file(name string) (entries []entry, alone Mistakes) {
	if name == "" {
		return nil, nil
	}
	text, err := readFile(name)
	if err != nil {
		l.wrong(place{name: name, layer: byFile}, "", "cannot be read: %v", err)
		return nil, nil
	}
	entries, mistakes := parse(l.keys.paths(), text, func(line int) place {
		return place{name: fmt.Sprintf("%s:%d", name, line), layer: byFile, line: line}
	})
	if len(mistakes) == 1 && mistakes[0].Key == "" {
		return nil, mistakes
	}
	l.mistakes = append(l.mistakes, mistakes...)
	return entries, nil
}

// preset gives the entries of the preset that the highest layer names. A wrong name is a mistake of its key, in set.
// "auto" becomes what the command is.
func (l *loader) preset(given []entry, command []string) []entry {
	name := ""
	for _, e := range given {
		if text, ok := e.raw.(string); ok && e.path == "preset" {
			name = text
		}
	}
	if name == Auto {
		l.app = Recognise(command)
		name = l.app.Preset
	}
	text, known := PresetText(name)
	if !known {
		return nil
	}
	entries, mistakes := parse(l.keys.paths(), text, func(line int) place {
		return place{name: "preset " + name, layer: byPreset, line: line}
	})
	l.mistakes = append(l.mistakes, mistakes...)
	return entries
}

// flags gives the entries of the command line. A flag for a list may be repeated: its items add up.
func (l *loader) flags(s Sources) []entry {
	var entries []entry
	if s.Preset != "" {
		entries = append(entries, entry{path: "preset", raw: s.Preset, at: place{name: "--preset", layer: byFlag}})
	}
	for _, a := range s.Flags {
		k, _ := l.keys.find(a.Path)
		e := entry{path: a.Path, raw: k.form.value(a.Value), at: place{name: a.Source, layer: byFlag}}
		before := slices.IndexFunc(entries, func(o entry) bool { return o.path == a.Path })
		if before < 0 || k.form != asList {
			entries = append(entries, e)
			continue
		}
		entries[before].raw = slices.Concat(entries[before].raw.([]any), e.raw.([]any))
	}
	return entries
}

// ParseLimitFlag reads the value of --limit: "threads=200" is limits.threads.drain, "memory:warn=70%" names the level.
// The value itself is judged by Load.
func ParseLimitFlag(s string) (Assignment, error) {
	name, value, ok := strings.Cut(s, "=")
	metric, level, named := strings.Cut(name, ":")
	if !named {
		level = "drain"
	}
	levels := []string{"warn", "drain", "kill", "for", "growth"}
	var metrics []string
	for m := range policy.NumMetrics {
		metrics = append(metrics, m.String())
	}
	switch {
	case !ok || value == "":
		return Assignment{}, fmt.Errorf("%s names no value (want e.g. \"threads=200\", \"memory:warn=70%%\")", show(s))
	case !slices.Contains(metrics, metric):
		return Assignment{}, fmt.Errorf("%s: unknown metric (the nearest known is %s)", show(s), nearest(metric, metrics))
	case !slices.Contains(levels, level):
		return Assignment{}, fmt.Errorf("%s: unknown level (the nearest known is %s)", show(s), nearest(level, levels))
	}
	return Assignment{Path: "limits." + metric + "." + level, Value: value, Source: "--limit"}, nil
}
