package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// The keys that are lists of tables.
const (
	eachList   = "limits.each"
	socketList = "socket"
)

// maxTables bounds a list: every process is matched with each of limits.each.
const maxTables = 32

// list is what a text needs to know of such a key.
type list struct {
	path string
	keys names // of one of its tables
}

func listAt(path string) (l list, ok bool) {
	switch path {
	case eachList:
		return list{path, eachRegistry().paths()}, true
	case socketList:
		return list{path, socketRegistry().paths()}, true
	}
	return list{}, false
}

// listed is one table of a list, as a layer sets it, not yet judged.
type listed struct {
	label   string // "limits.each[puma-worker]", by number where it has no name of its own: keys in it begin so
	at      place
	entries []entry
}

// list gives the []listed of a list of tables, and raw itself where it is something else.
func (d *document) list(l list, p toml.Primitive, raw any, at place) any {
	items, inline := raw.([]any)
	_, headed := raw.([]map[string]any)
	if !headed && (!inline || slices.ContainsFunc(items, notTable)) {
		return raw
	}
	all := primitives(d.meta, p)
	if len(all) > maxTables {
		d.wrong(at, l.path, "%d tables are too many (want at most %d)", len(all), maxTables)
		return []listed{}
	}
	elements := d.inline(l, all, at)
	if headed {
		elements = d.headed(l)
	}
	tables, labels := []listed{}, map[string]bool{}
	for i, e := range elements {
		t := listed{label: fmt.Sprintf("%s[%d]", l.path, i+1), at: e.at}
		raw, _ := e.locate(e.members["name"])
		if name, err := parseName(raw); err == nil && !labels[name] {
			labels[name], t.label = true, l.path+"["+name+"]"
		}
		e.within = t.label + "."
		e.table(nil, e.members)
		e.sort()
		t.entries = e.entries
		tables = append(tables, t)
		d.mistakes = append(d.mistakes, e.mistakes...)
	}
	return tables
}

func notTable(item any) bool {
	_, isTable := item.(map[string]any)
	return !isTable
}

// element is one table of a list, as a document of its own.
type element struct {
	*document
	at      place
	members map[string]toml.Primitive
}

// inline takes [{...}, {...}] apart. Everything in it is where it begins, as in any other list.
func (d *document) inline(l list, all []toml.Primitive, at place) []element {
	var elements []element
	for _, p := range all {
		sub := &document{keys: l.keys, meta: d.meta, place: func(int) place { return at }}
		elements = append(elements, element{sub, at, sub.members(p)})
	}
	return elements
}

// headed takes a list apart whose tables have headers. The toml library keeps one line for each key, that of the last
// table that has it; so each table is read from the text that ends before the next one.
func (d *document) headed(l list) []element {
	var elements []element
	for _, end := range append(l.heads(d.text), len(d.text)) {
		meta, tables := l.in(d.text[:end])
		if len(tables) <= len(elements) {
			continue
		}
		sub := &document{keys: l.keys, meta: meta}
		last := tables[len(tables)-1]
		_, head := sub.locate(last)
		// What is only implied in this table may have a line in an earlier one.
		sub.place = func(line int) place { return d.place(max(line, head)) }
		elements = append(elements, element{sub, d.place(head), sub.members(last)})
	}
	return elements
}

// heads are the offsets of the lines that may begin a table of the list; those inside a longer string look the same.
func (l list) heads(text string) []int {
	var heads []int
	offset := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "[[") {
			if _, tables := l.in(line); len(tables) == 1 {
				heads = append(heads, offset)
			}
		}
		offset += len(line)
	}
	return heads
}

// in finds the list in a text; nothing in one that is not TOML, as when it ends inside a string.
func (l list) in(text string) (toml.MetaData, []toml.Primitive) {
	var members map[string]toml.Primitive
	meta, err := toml.Decode(text, &members)
	if err != nil {
		return meta, nil
	}
	d := &document{meta: meta}
	if table := parent(l.path); table != "" {
		members = d.members(members[table])
	}
	return meta, primitives(meta, members[lastWord(l.path)])
}

func primitives(meta toml.MetaData, p toml.Primitive) []toml.Primitive {
	var list []toml.Primitive
	if err := meta.PrimitiveDecode(p, &list); err != nil {
		return nil // not a list
	}
	return list
}

// setTables puts the tables of a layer in the place of all tables of the layers below. Each is judged when it is read.
func setTables[C any](l *loader, path string, at place, tables []listed, keys registry[C], fresh func() C, judge func(t listed, c C)) (all []C, labels []string) {
	maps.DeleteFunc(l.places, func(key string, _ place) bool { return key == path || strings.HasPrefix(key, path+"[") })
	if len(tables) == 0 {
		l.places[path] = at // to be printed: it may have emptied the list of a preset
	}
	for _, t := range tables {
		c := fresh()
		l.places[t.label] = t.at
		for _, set := range t.entries {
			assign(l, keys, &c, t.label+".", set)
		}
		judge(t, c)
		all, labels = append(all, c), append(labels, t.label)
	}
	return all, labels
}

func (t listed) sets(path string) bool {
	return slices.ContainsFunc(t.entries, func(e entry) bool { return e.path == path })
}

// listKey is such a list in the table of keys: only an empty list has a text there, for the tables are printed one by
// one.
func listKey(path string) key[Config] {
	return key[Config]{
		path:  path,
		form:  asTables,
		set:   func(_ *Config, raw any) error { return notKind(raw, "a list of tables", "[["+path+"]]") },
		text:  func(*Config) string { return "[]" },
		shown: func(*Config) bool { return false },
	}
}
