package configs

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// eachRegistry is every key of a [[limits.each]] table.
func eachRegistry() registry[Each] {
	held := bind("for", duration("10s", 0, week), func(e *Each) *time.Duration { return &e.Of[0].For })
	setFirst := held.set
	held.set = func(e *Each, raw any) error {
		err := setFirst(e, raw)
		for m := range e.Of {
			e.Of[m].For = e.Of[0].For
		}
		return err
	}
	r := registry[Each]{
		bind("name", eachName(), func(e *Each) *string { return &e.Name }),
		bind("match", pattern("'^puma: cluster worker '"), func(e *Each) **regexp.Regexp { return &e.Match }),
		bind("signal", endSignal(), func(e *Each) *policy.Signal { return &e.Signal }),
		bind("timeout", duration("60s", shortest, week), func(e *Each) *time.Duration { return &e.Timeout }),
		bind("cooldown", duration("30s", 0, week), func(e *Each) *time.Duration { return &e.Cooldown }),
		held,
		bind("main", boolean(), func(e *Each) *bool { return &e.IncludeMain }),
	}
	for m := range policy.NumMetrics {
		if m == policy.OOMKills {
			continue // the kernel counts them for the cgroup
		}
		table := m.String() + "."
		limit := func(e *Each) *policy.Limit { return &e.Of[m] }
		r = append(append(r, levelKeys(table, eachThreshold(m), limit)...), growthKeys(table, m, limit)...)
	}
	metric := bind("memory.metric", oneOf[string]("a memory metric of one process", "rss_anon", "uss"),
		func(e *Each) *string { return &e.MemoryMetric })
	metric.shown = func(e *Each) bool { return e.Of[policy.Memory].Active() }
	return append(r, metric)
}

// eachName is a word that is fit for a key in brackets, for a log line and for a label.
func eachName() kind[string] {
	return kind[string]{noun: "a name", example: `"puma-worker"`, parse: parseName, print: strconv.Quote}
}

func parseName(raw any) (string, error) {
	s, ok := raw.(string)
	if !ok {
		return "", errKind
	}
	letter := func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	other := func(r rune) bool { return !letter(r) && !('0' <= r && r <= '9') && r != '-' && r != '_' }
	if len(s) == 0 || len(s) > 40 || !letter(rune(s[0])) || strings.ContainsFunc(s, other) {
		return "", fmt.Errorf("%s is not a name (want a letter, then letters, digits, - and _, at most 40)", show(s))
	}
	return s, nil
}

// pattern is a regular expression of Go's regexp, whose time is linear in the command line, whoever wrote that.
func pattern(example string) kind[*regexp.Regexp] {
	return kind[*regexp.Regexp]{
		noun: "a regular expression", example: example,
		parse: func(raw any) (*regexp.Regexp, error) {
			s, ok := raw.(string)
			if !ok {
				return nil, errKind
			}
			if s == "" {
				return nil, fmt.Errorf("%s matches every process (want e.g. %s)", show(raw), example)
			}
			re, err := regexp.Compile(s)
			var bad *syntax.Error
			if errors.As(err, &bad) {
				err = fmt.Errorf("%s is not a regular expression (%s: %s)", show(raw), bad.Code, show(bad.Expr))
			}
			return re, err
		},
		print: func(re *regexp.Regexp) string { return literal(re.String()) },
	}
}

// literal is s as a TOML string: in single quotes, in which nothing needs an escape, wherever that can be.
func literal(s string) string {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if !strings.ContainsFunc(s, control) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case control(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		case r == '"', r == '\\':
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// endSignal cannot be "none": a table without a signal has nothing to ask with.
func endSignal() kind[policy.Signal] {
	k := signal(stopSignal)
	k.parse = func(raw any) (policy.Signal, error) { return parseSignal(raw, stopSignal) }
	return k
}

// setEach takes the tables of a layer.
func (l *loader) setEach(at place, tables []listed) {
	names := map[string]place{}
	l.config.Limits.Each, l.eachLabels = setTables(l, eachList, at, tables, eachRegistry(), defaultEach, func(t listed, e Each) {
		l.complete(t)
		nameAt := l.at(t.label + ".name")
		if other, twice := names[e.Name]; twice && e.Name != "" {
			l.wrong(nameAt, t.label+".name", "%s is the name of another table (%s)", show(e.Name), other.name)
		}
		names[e.Name] = nameAt
	})
}

// complete judges whether a table has what only its user can know.
func (l *loader) complete(t listed) {
	for _, must := range []struct{ key, want string }{
		{"name", `a name of your own for these processes, e.g. "puma-worker"`},
		{"match", "a regular expression over the command line, e.g. '^puma: cluster worker '"},
		{"signal", `the signal on which such a process ends its work and itself, e.g. "TERM" for a worker of Puma, "QUIT" ` +
			`for one of Unicorn: a wrong one loses requests`},
	} {
		if !t.sets(must.key) {
			l.wrong(t.at, t.label+"."+must.key, "is missing (want %s)", must.want)
		}
	}
}

// settleEach judges the limits of each table and says whether there is one.
func (l *loader) settleEach() (limited bool) {
	for i, e := range l.config.Limits.Each {
		active := false
		for _, limit := range e.Of {
			active = active || limit.Active()
			l.judge(l.eachLabels[i]+"."+limit.Metric.String()+".", limit)
		}
		if !active {
			l.warnings = append(l.warnings, fmt.Sprintf("%s (%s) sets no limit and does nothing",
				l.eachLabels[i], printable(l.at(l.eachLabels[i]).name)))
		}
		limited = limited || active
	}
	return limited
}
