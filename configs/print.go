package configs

import (
	"fmt"
	"io"
	"strings"
)

// Print writes the effective configuration as TOML, each key with where it comes from. Reading it back gives the same
// Config: reaperd's own warnings are comments, since written out they would be a user's, who does not wait a minute.
func (l *Loaded) Print(w io.Writer) error {
	rest := l.Values
	for len(rest) > 0 {
		table := parent(rest[0].Key)
		n := 1
		for n < len(rest) && parent(rest[n].Key) == table {
			n++
		}
		if err := printTable(w, table, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func printTable(w io.Writer, table string, values []Value) error {
	var b strings.Builder
	if table != "" {
		fmt.Fprintf(&b, "\n%s\n", header(table))
	}
	var names, sources []string
	nameWidth, textWidth := 0, 0
	for _, v := range values {
		name, source := lastWord(v.Key), v.Source
		if v.ours {
			name, source = "# "+name, source+", said after "+formatDuration(warnFor)
		}
		names, sources = append(names, name), append(sources, source)
		nameWidth = max(nameWidth, len(name))
		textWidth = max(textWidth, len(v.Text))
	}
	for i, v := range values {
		fmt.Fprintf(&b, "%-*s = %-*s  # %s\n", nameWidth, names[i], textWidth, v.Text, printable(sources[i]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// header is the line that begins a table. "limits.each[puma-worker].memory" is known by that name only to people.
func header(table string) string {
	list, rest, listed := strings.Cut(table, "[")
	if !listed {
		return "[" + table + "]"
	}
	_, rest, _ = strings.Cut(rest, "]")
	if rest == "" {
		return "[[" + list + "]]"
	}
	return "[" + list + rest + "]"
}

// printable makes a file's or variable's name fit for one line and for a TOML comment.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
}
