package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// step is one part of a path: a key, the number of an element, or all of them.
type step struct {
	key string
	all bool
}

// splitPath reads "worker_status.*.last_status.busy_threads". A backslash makes the character after it an ordinary one.
func splitPath(path string) ([]step, error) {
	var steps []step
	var key strings.Builder
	quoted, escaped := false, false
	end := func() error {
		if key.Len() == 0 {
			return errors.New("an empty key")
		}
		steps = append(steps, step{key: key.String(), all: key.String() == "*" && !escaped})
		key.Reset()
		escaped = false
		return nil
	}
	for _, c := range path {
		switch {
		case quoted:
			key.WriteRune(c)
			quoted = false
		case c == '\\':
			quoted, escaped = true, true
		case c == '.':
			if err := end(); err != nil {
				return nil, err
			}
		default:
			key.WriteRune(c)
		}
	}
	if quoted {
		return nil, errors.New("ends in a backslash")
	}
	return steps, end()
}

// differs looks at every value the path leads to and names the first that is not as expected. The error is about the
// first that is not there: it matters only if none differs.
func (e expectation) differs(doc any) (what string, err error) {
	steps, err := splitPath(e.path)
	if err != nil {
		return "", err
	}
	walk(doc, steps, nil, func(at string, value any, missing error) bool {
		text, simple := scalar(value)
		switch {
		case missing != nil:
			err = cmp.Or(err, missing)
		case !simple:
			err = cmp.Or(err, fmt.Errorf("%s is not a single value", at))
		case !equal(text, e.value):
			what = fmt.Sprintf("%s is %s, not %s", at, text, e.value)
		}
		return what == ""
	})
	return what, err
}

// walk calls visit for every value the steps lead to, or with what is missing, until visit has seen enough. Objects are
// walked in the order of their keys.
func walk(value any, steps []step, at []string, visit func(at string, value any, missing error) bool) bool {
	here := strings.Join(at, ".")
	if here == "" {
		here = "the answer"
	}
	if len(steps) == 0 {
		return visit(here, value, nil)
	}
	keys, child := inside(value)
	step := steps[0]
	if !step.all {
		next, found := child(step.key)
		if !found {
			return visit(here, nil, fmt.Errorf("%s has no %q%s", here, step.key, offer(keys)))
		}
		return walk(next, steps[1:], append(slices.Clone(at), step.key), visit)
	}
	if len(keys) == 0 {
		return visit(here, nil, fmt.Errorf("%s has no elements", here))
	}
	for _, key := range keys {
		next, _ := child(key)
		if !walk(next, steps[1:], append(slices.Clone(at), key), visit) {
			return false
		}
	}
	return true
}

// inside gives the keys of an object or the numbers of a list, and what is found there.
func inside(value any) (keys []string, child func(string) (any, bool)) {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return keys, func(key string) (any, bool) {
			next, found := v[key]
			return next, found
		}
	case []any:
		for i := range v {
			keys = append(keys, strconv.Itoa(i))
		}
		return keys, func(key string) (any, bool) {
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			return v[i], true
		}
	}
	return nil, func(string) (any, bool) { return nil, false }
}

// offer lists what there is instead.
func offer(keys []string) string {
	const most = 12
	if len(keys) == 0 {
		return ""
	}
	if len(keys) > most {
		keys = append(slices.Clone(keys[:most]), "...")
	}
	return ", only " + strings.Join(keys, ", ")
}

// scalar is the text of a value that is neither an object nor a list.
func scalar(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case nil:
		return "null", true
	}
	return "", false
}

// equal compares numbers as numbers, 0 and 0.0, and all else as text.
func equal(got, want string) bool {
	if got == want {
		return true
	}
	a, ok1 := number(got)
	b, ok2 := number(want)
	return ok1 && ok2 && a.Cmp(b) == 0
}

func number(text string) (*big.Float, bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	f, _, err := big.ParseFloat(text, 10, 256, big.ToNearestEven)
	return f, err == nil
}
