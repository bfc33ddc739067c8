package configs

import (
	"slices"
	"strings"
)

// layer is where a value comes from. A higher one wins.
type layer int

const (
	byDefault layer = iota
	byPreset
	byFile
	byEnviron
	byFlag
)

// place is where a value was set.
type place struct {
	name  string // "reaperd.toml:7", "REAPERD_DRAIN_TIMEOUT", "--grace", "preset puma", "default"
	layer layer
	line  int // of the file or preset
}

// Mistake is one wrong value, key or file.
type Mistake struct {
	Place string // "reaperd.toml:7", "REAPERD_DRAIN_TIMEOUT", "--grace"
	Key   string // "" if it is about the whole file
	Text  string // what is wrong, and what would be right

	at place
}

func (m Mistake) Error() string {
	if m.Key == "" {
		return m.Place + ": " + m.Text
	}
	return m.Place + ": " + m.Key + ": " + m.Text
}

func mistake(at place, key, text string) Mistake {
	return Mistake{Place: at.name, Key: key, Text: text, at: at}
}

// Mistakes are all mistakes of a configuration, by place: preset, file by line, environment, flags.
type Mistakes []Mistake

// Error gives one mistake a line.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

func (ms Mistakes) sort() {
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		if a.at.layer != b.at.layer {
			return int(a.at.layer - b.at.layer)
		}
		return a.at.line - b.at.line
	})
}
