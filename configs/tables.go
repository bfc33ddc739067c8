package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// eachList is the one key that is a list of tables.
const eachList = "limits.each"

// maxEach bounds the list: every process is matched with each of them.
const maxEach = 32

// eachTable is one table of the list, as a layer sets it, not yet judged.
type eachTable struct {
	label   string // "limits.each[puma-worker]", by number where it has no name of its own: keys in it begin so
	at      place
	entries []entry
}

// list gives the []eachTable of a list of tables, and raw itself where it is something else.
func (d *document) list(p toml.Primitive, raw any, at place) any {
	items, inline := raw.([]any)
	_, headed := raw.([]map[string]any)
	if !headed && (!inline || slices.ContainsFunc(items, notTable)) {
		return raw
	}
	all := primitives(d.meta, p)
	if len(all) > maxEach {
		d.wrong(at, eachList, "%d tables are too many (want at most %d)", len(all), maxEach)
		return []eachTable{}
	}
	elements := d.inline(all, at)
	if headed {
		elements = d.headed()
	}
	tables, labels := []eachTable{}, map[string]bool{}
	for i, e := range elements {
		t := eachTable{label: fmt.Sprintf("%s[%d]", eachList, i+1), at: e.at}
		raw, _ := e.locate(e.members["name"])
		if name, err := parseName(raw); err == nil && !labels[name] {
			labels[name], t.label = true, eachList+"["+name+"]"
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
func (d *document) inline(all []toml.Primitive, at place) []element {
	var elements []element
	for _, p := range all {
		sub := &document{keys: eachRegistry().paths(), meta: d.meta, place: func(int) place { return at }}
		elements = append(elements, element{sub, at, sub.members(p)})
	}
	return elements
}

// headed takes a list apart whose tables have headers. The toml library keeps one line for each key, that of the last
// table that has it; so each table is read from the text that ends before the next one.
func (d *document) headed() []element {
	var elements []element
	for _, end := range append(heads(d.text), len(d.text)) {
		meta, list := eachIn(d.text[:end])
		if len(list) <= len(elements) {
			continue
		}
		sub := &document{keys: eachRegistry().paths(), meta: meta}
		last := list[len(list)-1]
		_, head := sub.locate(last)
		// What is only implied in this table may have a line in an earlier one.
		sub.place = func(line int) place { return d.place(max(line, head)) }
		elements = append(elements, element{sub, d.place(head), sub.members(last)})
	}
	return elements
}

// heads are the offsets of the lines that may begin a table of the list; those inside a longer string look the same.
func heads(text string) []int {
	var heads []int
	offset := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "[[") {
			if _, list := eachIn(line); len(list) == 1 {
				heads = append(heads, offset)
			}
		}
		offset += len(line)
	}
	return heads
}

// eachIn finds the list in a text; nothing in one that is not TOML, as when it ends inside a string.
func eachIn(text string) (toml.MetaData, []toml.Primitive) {
	var top map[string]toml.Primitive
	meta, err := toml.Decode(text, &top)
	if err != nil {
		return meta, nil
	}
	d := &document{meta: meta}
	return meta, primitives(meta, d.members(top["limits"])["each"])
}

func primitives(meta toml.MetaData, p toml.Primitive) []toml.Primitive {
	var list []toml.Primitive
	if err := meta.PrimitiveDecode(p, &list); err != nil {
		return nil // not a list
	}
	return list
}
