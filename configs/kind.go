package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// form says how a string from the environment or a flag becomes the TOML value that a file would have held.
type form int

const (
	asText form = iota
	asNumber
	asBool
	asList   // separated by commas
	asTables // neither environment nor flags can set it
)

// value reads s in this form. What does not fit stays a string, so that the key itself says what it wants.
func (f form) value(s string) any {
	switch f {
	case asNumber:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	case asBool:
		if b, err := strconv.ParseBool(s); err == nil {
			return b
		}
	case asList:
		list := []any{}
		for _, part := range strings.Split(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list
	}
	return s
}

// kind is a type of value. Its parse answers errKind when the TOML value is not of this kind at all; any other error
// speaks for itself.
type kind[T any] struct {
	noun    string // "a duration"
	example string // as it would stand in a file: `"28s"`
	form    form
	parse   func(raw any) (T, error)
	print   func(T) string
	unset   func(T) bool // nil: is always set
}

var errKind = errors.New("not of this kind")

// bind makes the key at path, whose value lives where at points.
func bind[C, T any](path string, k kind[T], at func(*C) *T) key[C] {
	return key[C]{
		path: path,
		form: k.form,
		set: func(c *C, raw any) error {
			v, err := k.parse(raw)
			if errors.Is(err, errKind) {
				return notKind(raw, k.noun, k.example)
			}
			if err == nil {
				*at(c) = v
			}
			return err
		},
		text:  func(c *C) string { return k.print(*at(c)) },
		shown: func(c *C) bool { return k.unset == nil || !k.unset(*at(c)) },
	}
}

func notKind(raw any, noun, example string) error {
	return fmt.Errorf("%s is not %s (want e.g. %s)", show(raw), noun, example)
}

// show writes a TOML value as a mistake quotes it: what cannot be shown in a few words is named.
func show(raw any) string {
	switch v := raw.(type) {
	case string:
		if len(v) > 60 {
			return strconv.Quote(v[:60]) + "..."
		}
		return strconv.Quote(v)
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	}
	return fmt.Sprint(raw)
}

func presetName() kind[string] {
	k := oneOf[string]("a preset", append([]string{Auto}, Presets()...)...)
	k.unset = func(s string) bool { return s == "" }
	return k
}

// oneOf is a word from a short list.
func oneOf[T ~string](noun string, words ...T) kind[T] {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(string(w))
	}
	return kind[T]{
		noun: noun,
		parse: func(raw any) (T, error) {
			for _, w := range words {
				if raw == any(string(w)) {
					return w, nil
				}
			}
			return "", fmt.Errorf("%s is not %s (want one of %s)", show(raw), noun, strings.Join(quoted, ", "))
		},
		print: func(w T) string { return strconv.Quote(string(w)) },
	}
}

func boolean() kind[bool] {
	return kind[bool]{
		noun: "true or false", example: "true", form: asBool,
		parse: func(raw any) (bool, error) {
			b, ok := raw.(bool)
			if !ok {
				return false, errKind
			}
			return b, nil
		},
		print: strconv.FormatBool,
	}
}

// whole is a whole number from low to high.
func whole(example string, low, high int64) kind[int] {
	return kind[int]{
		noun: "a whole number", example: example, form: asNumber,
		parse: func(raw any) (int, error) {
			n, ok := raw.(int64)
			if !ok {
				return 0, errKind
			}
			if n < low || n > high {
				return 0, fmt.Errorf("%d is out of range (want %d to %d)", n, low, high)
			}
			return int(n), nil
		},
		print: strconv.Itoa,
	}
}

// duration is a Go duration from low to high. A bare number is refused: seconds to one reader are milliseconds to another.
func duration(example string, low, high time.Duration) kind[time.Duration] {
	example = strconv.Quote(example)
	return kind[time.Duration]{
		noun: "a duration", example: example,
		parse: func(raw any) (time.Duration, error) {
			switch v := raw.(type) {
			case int64, float64:
				return 0, fmt.Errorf("%s has no unit (want e.g. %s)", show(raw), example)
			case string:
				if v != "" && strings.Trim(v, "0123456789.") == "" {
					return 0, fmt.Errorf("%s has no unit (want e.g. %s)", show(raw), example)
				}
				return parseDuration(v, low, high)
			}
			return 0, errKind
		},
		print: func(d time.Duration) string { return strconv.Quote(formatDuration(d)) },
	}
}

func parseDuration(s string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, errKind
	case d < 0:
		return 0, fmt.Errorf("%s is negative (want at least %s)", show(s), formatDuration(low))
	case d < low:
		return 0, fmt.Errorf("%s is too short (want at least %s)", show(s), formatDuration(low))
	case d > high:
		return 0, fmt.Errorf("%s is too long (want at most %s)", show(s), formatDuration(high))
	}
	return d, nil
}

// orNone also takes "none" and 0, which is the same with any unit and without.
func orNone(k kind[time.Duration]) kind[time.Duration] {
	parse, print := k.parse, k.print
	k.parse = func(raw any) (time.Duration, error) {
		switch raw {
		case none, int64(0), "0", "0s":
			return 0, nil
		}
		return parse(raw)
	}
	k.print = func(d time.Duration) string {
		if d == 0 {
			return strconv.Quote(none)
		}
		return print(d)
	}
	k.unset = func(d time.Duration) bool { return d == 0 }
	return k
}

// formatDuration drops the zero units that time.Duration ends in: "1m", not "1m0s".
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
