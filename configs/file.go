package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile bounds a configuration file, in bytes. Finding the line of each value costs a pass over the text.
const maxFile = 64 << 10

// entry is one value as a layer sets it, not yet judged.
type entry struct {
	path string
	raw  any // a TOML value
	at   place
}

// readFile returns at most maxFile bytes of the file.
func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", reason(err)
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("larger than %d KiB", maxFile>>10)
	}
	return string(data), nil
}

// reason is err without the path, which the mistake names already.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// document is a TOML text on its way to entries. The toml library stops at the first bad value and gives unknown keys
// no line, so every value is decoded by itself, into a locator, whose error comes back with the position of its key.
type document struct {
	text     string
	keys     names
	within   string // what keys begin with in mistakes: "" or "limits.each[puma-worker]."
	meta     toml.MetaData
	place    func(line int) place
	entries  []entry
	mistakes Mistakes
}

// parse lists what text sets, by line. A syntax error is reported alone: nothing after it can be trusted.
func parse(keys names, text string, at func(line int) place) ([]entry, Mistakes) {
	var top map[string]toml.Primitive
	meta, err := toml.Decode(text, &top)
	if err != nil {
		return nil, Mistakes{syntaxMistake(text, err, at)}
	}
	d := &document{text: text, keys: keys, meta: meta, place: at}
	d.table(nil, top)
	d.sort()
	return d.entries, d.mistakes
}

func (d *document) sort() {
	slices.SortStableFunc(d.entries, func(a, b entry) int { return a.at.line - b.at.line })
}

// syntaxMistake counts line and column itself: the library counts the line break that ended a value as the next line.
func syntaxMistake(text string, err error, at func(line int) place) Mistake {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return mistake(at(1), "", err.Error())
	}
	before := text[:min(max(parse.Position.Start, 0), len(text))]
	m := mistake(at(1+strings.Count(before, "\n")), "", "syntax: "+parse.Message)
	m.Place += fmt.Sprintf(":%d", len(before)-strings.LastIndexByte(before, '\n'))
	return m
}

func (d *document) table(path toml.Key, members map[string]toml.Primitive) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		d.member(append(slices.Clone(path), name), members[name])
	}
}

func (d *document) member(path toml.Key, p toml.Primitive) {
	name := path.String()
	raw, line := d.locate(p)
	at := d.place(line)
	if l, ok := listAt(name); ok && d.within == "" {
		raw = d.list(l, p, raw, at)
	}
	if slices.Contains(d.keys, name) {
		d.entries = append(d.entries, entry{path: name, raw: raw, at: at})
		return
	}
	_, isTable := raw.(map[string]any)
	switch {
	case !d.keys.isTable(name) && isTable:
		d.wrong(at, name, "unknown table (the nearest known is %s)", d.within+nearest(name, d.keys.tables()))
	case !d.keys.isTable(name):
		d.wrong(at, name, "unknown key (the nearest known is %s)", d.within+nearest(name, d.keys))
	case !isTable:
		d.wrong(at, name, "%s is not a table (want %s and its keys below)", show(raw), header(d.within+name))
	default:
		d.table(path, d.members(p))
	}
}

func (d *document) wrong(at place, key, format string, args ...any) {
	d.mistakes = append(d.mistakes, mistake(at, d.within+key, fmt.Sprintf(format, args...)))
}

func (d *document) members(p toml.Primitive) map[string]toml.Primitive {
	var members map[string]toml.Primitive
	if err := d.meta.PrimitiveDecode(p, &members); err != nil {
		return nil // cannot be: p was seen to be a table
	}
	return members
}

// locator takes any TOML value and answers with an error, because errors carry positions.
type locator struct{ raw any }

var errHere = errors.New("here")

// UnmarshalTOML implements toml.Unmarshaler.
func (l *locator) UnmarshalTOML(raw any) error {
	l.raw = raw
	return errHere
}

// locate gives a value and its line. A table that is only implied ("limits" in [limits.threads]) has no line of its
// own; it gets that of the first thing in it.
func (d *document) locate(p toml.Primitive) (raw any, line int) {
	var l locator
	var parse toml.ParseError
	if errors.As(d.meta.PrimitiveDecode(p, &l), &parse) && parse.Position.Line > 0 {
		return l.raw, parse.Position.Line
	}
	if _, isTable := l.raw.(map[string]any); !isTable {
		return l.raw, 0
	}
	for _, member := range d.members(p) {
		if _, first := d.locate(member); line == 0 || first != 0 && first < line {
			line = first
		}
	}
	return l.raw, line
}
