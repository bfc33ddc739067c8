package configs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// idleKeys are those of [drain.idle].
func idleKeys() []key[Config] {
	const table = "drain.idle."
	title := optional(pattern(`'\[0 of \d+ busy\] stopping'`))
	silence := bind(table+"silence", duration("5s", 0, time.Hour), func(c *Config) *time.Duration { return &c.Idle.Silence })
	silence.shown = func(c *Config) bool { return c.Idle.NoConnections }
	hold := bind(table+"hold", duration("1s", 0, time.Hour), func(c *Config) *time.Duration { return &c.Idle.Hold })
	hold.shown = func(c *Config) bool { return c.Idle.Set() }
	children := bind(table+"no_children", boolean(), func(c *Config) *bool { return &c.Idle.NoChildren })
	children.shown = func(c *Config) bool { return c.Idle.NoChildren }
	connections := bind(table+"no_connections", boolean(), func(c *Config) *bool { return &c.Idle.NoConnections })
	connections.shown = func(c *Config) bool { return c.Idle.NoConnections }
	flat := bind(table+"cpu_flat", duration("10s", 0, time.Hour), func(c *Config) *time.Duration { return &c.Idle.CPUFlat })
	flat.shown = func(c *Config) bool { return c.Idle.CPUFlat > 0 }
	return []key[Config]{
		bind(table+"title", title, func(c *Config) **regexp.Regexp { return &c.Idle.Title }),
		bind(table+"title_of", title, func(c *Config) **regexp.Regexp { return &c.Idle.TitleOf }),
		children, connections, silence, flat,
		bind(table+"command", words(), func(c *Config) *[]string { return &c.Idle.Command }),
		hold,
	}
}

// optional is a pattern that "none" unsets.
func optional(k kind[*regexp.Regexp]) kind[*regexp.Regexp] {
	parse := k.parse
	k.parse = func(raw any) (*regexp.Regexp, error) {
		if raw == any(none) {
			return nil, nil
		}
		return parse(raw)
	}
	k.unset = func(re *regexp.Regexp) bool { return re == nil }
	return k
}

// words is a command as a list: no shell reads it.
func words() kind[[]string] {
	return kind[[]string]{
		noun: "a command as a list", example: `["reaperd-net", "idle", "--url", "http://127.0.0.1:9293/stats"]`, form: asList,
		parse: func(raw any) ([]string, error) {
			list, ok := raw.([]any)
			if !ok {
				return nil, errKind
			}
			var found []string
			for _, item := range list {
				word, ok := item.(string)
				if !ok {
					return nil, fmt.Errorf("%s is not a word of a command (want a string)", show(item))
				}
				if len(found) == 0 && word == "" {
					return nil, errors.New("the command has no name")
				}
				found = append(found, word)
			}
			return found, nil
		},
		print: func(words []string) string {
			quoted := make([]string, len(words))
			for i, w := range words {
				quoted[i] = literal(w)
			}
			return "[" + strings.Join(quoted, ", ") + "]"
		},
		unset: func(words []string) bool { return len(words) == 0 },
	}
}

// idle ties [drain.idle] to the drain: with a check, the quiet stage ends as soon as the app is idle.
func (l *loader) idle() {
	i := l.config.Idle
	if i.TitleOf != nil && i.Title == nil {
		l.warnings = append(l.warnings, "drain.idle.title_of does nothing without title")
	}
	l.config.Drain.Idle = i.Set()
}
