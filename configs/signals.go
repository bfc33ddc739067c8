package configs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// none switches a signal or a threshold off that a lower layer has set.
const none = "none"

func anySignal(policy.Signal) error { return nil }

func quietSignal(s policy.Signal) error {
	if s == policy.SIGKILL || s == policy.SIGSTOP {
		return fmt.Errorf("%q cannot be caught, so no app goes quiet on it (want e.g. \"TSTP\")", s)
	}
	return nil
}

func stopSignal(s policy.Signal) error {
	if s == policy.SIGSTOP {
		return fmt.Errorf("%q freezes the app, it does not stop it (want e.g. \"TERM\")", s)
	}
	return nil
}

// heardSignal refuses the signals that can never arrive as an order: reaperd could neither stop on them nor rewrite them.
func heardSignal(s policy.Signal) error {
	switch s {
	case policy.SIGKILL, policy.SIGSTOP:
		return fmt.Errorf("%q cannot be caught, reaperd never sees it", s)
	case policy.SIGCHLD:
		return fmt.Errorf("%q tells reaperd of its children, it is never passed on", s)
	case policy.SIGURG, policy.SIGPROF, 32, 33, 34:
		return fmt.Errorf("%q is kept by the Go runtime, reaperd never sees it", s)
	}
	return nil
}

// signal is a name, a number or "none".
func signal(fits func(policy.Signal) error) kind[policy.Signal] {
	return kind[policy.Signal]{
		noun: "a signal", example: `"TERM"`,
		parse: func(raw any) (policy.Signal, error) {
			if raw == any(none) {
				return 0, nil
			}
			return parseSignal(raw, fits)
		},
		print: func(s policy.Signal) string { return strconv.Quote(s.String()) },
		unset: func(s policy.Signal) bool { return s == 0 },
	}
}

func parseSignal(raw any, fits func(policy.Signal) error) (policy.Signal, error) {
	if n, ok := raw.(int64); ok {
		raw = strconv.FormatInt(n, 10)
	}
	text, ok := raw.(string)
	if !ok {
		return 0, errKind
	}
	s, err := policy.ParseSignal(text)
	if err != nil {
		return 0, err
	}
	return s, fits(s)
}

func signals(fits func(policy.Signal) error) kind[[]policy.Signal] {
	return kind[[]policy.Signal]{
		noun: "a list of signals", example: `["TERM", "INT"]`, form: asList,
		parse: func(raw any) ([]policy.Signal, error) {
			list, ok := raw.([]any)
			if !ok {
				return nil, errKind
			}
			found := []policy.Signal{}
			for _, item := range list {
				s, err := parseSignal(item, fits)
				if errors.Is(err, errKind) {
					err = fmt.Errorf("%s is not a signal (want e.g. \"TERM\")", show(item))
				}
				if err != nil {
					return nil, err
				}
				if !slices.Contains(found, s) {
					found = append(found, s)
				}
			}
			return found, nil
		},
		print: func(list []policy.Signal) string {
			var items []string
			for _, s := range list {
				items = append(items, strconv.Quote(s.String()))
			}
			return "[" + strings.Join(items, ", ") + "]"
		},
	}
}

// rewrites are "FROM:TO" pairs of signals; TO may be 0, which drops the signal.
func rewrites() kind[map[policy.Signal]policy.Signal] {
	from := func(text string) (policy.Signal, error) { return parseSignal(text, heardSignal) }
	to := func(text string) (policy.Signal, error) {
		if text == "0" || text == none {
			return 0, nil
		}
		return policy.ParseSignal(text)
	}
	return pairs("a list of signal pairs", `["TERM:QUIT", "USR1:0"]`, from, to, func(s policy.Signal) string {
		if s == 0 {
			return "0"
		}
		return s.String()
	})
}

// remaps are "FROM:TO" pairs of exit codes.
func remaps() kind[map[int]int] {
	code := func(text string) (int, error) {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			return 0, fmt.Errorf("%q is not an exit code (want 0 to 255)", text)
		}
		return int(n), nil
	}
	return pairs("a list of exit code pairs", `["143:0"]`, code, code, strconv.Itoa)
}

// pairs is a list of "FROM:TO" strings, each FROM once.
func pairs[T ~int](noun, example string, from, to func(string) (T, error), name func(T) string) kind[map[T]T] {
	return kind[map[T]T]{
		noun: noun, example: example, form: asList,
		parse: func(raw any) (map[T]T, error) {
			list, ok := raw.([]any)
			if !ok {
				return nil, errKind
			}
			var found map[T]T // stays nil without pairs: "set to nothing" and "never set" are one
			for _, item := range list {
				left, right, ok := splitPair(item)
				if !ok {
					return nil, fmt.Errorf("%s is not a pair (want e.g. %s)", show(item), example)
				}
				f, err := from(left)
				if err != nil {
					return nil, err
				}
				t, err := to(right)
				if err != nil {
					return nil, err
				}
				if old, twice := found[f]; twice && old != t {
					return nil, fmt.Errorf("%q is there twice, for %q and for %q", name(f), name(old), name(t))
				}
				if found == nil {
					found = map[T]T{}
				}
				found[f] = t
			}
			return found, nil
		},
		print: func(m map[T]T) string {
			var items []string
			for _, f := range slices.Sorted(maps.Keys(m)) {
				items = append(items, strconv.Quote(name(f)+":"+name(m[f])))
			}
			return "[" + strings.Join(items, ", ") + "]"
		},
		unset: func(m map[T]T) bool { return len(m) == 0 },
	}
}

func splitPair(item any) (left, right string, ok bool) {
	text, isText := item.(string)
	if !isText {
		return "", "", false
	}
	left, right, ok = strings.Cut(text, ":")
	return strings.TrimSpace(left), strings.TrimSpace(right), ok
}
