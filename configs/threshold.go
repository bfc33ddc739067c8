package configs

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// unit is a suffix of a size.
type unit struct {
	name string
	size uint64
}

// units from large to small, so that the first that divides a size is the one to print it in.
func units() []unit {
	return []unit{
		{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
		{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1},
	}
}

// threshold is a threshold of the whole tree.
func threshold(m policy.Metric) kind[policy.Threshold] {
	switch m {
	case policy.Memory:
		return level(m, true, "a size", `"512MB", "80%"`)
	case policy.Zombies:
		return level(m, false, "a number", "10; no ceiling is about zombies alone")
	case policy.OOMKills:
		return level(m, false, "a number", "1; no ceiling is about OOM kills")
	}
	return level(m, true, "a count or a percentage", `200, "80%"`)
}

// eachThreshold is a threshold of one process. Of all ceilings it has only RLIMIT_NOFILE to itself.
func eachThreshold(m policy.Metric) kind[policy.Threshold] {
	switch m {
	case policy.Memory:
		return level(m, false, "a size", `"300MiB"; one process has no ceiling of its own`)
	case policy.FDs:
		return level(m, true, "a count or a percentage", `200, "80%"`)
	}
	return level(m, false, "a number", "200; one process has no ceiling of its own")
}

// level is a number, "none", for memory also a size, and a percentage where there can be a ceiling.
func level(m policy.Metric, ceiling bool, noun, example string) kind[policy.Threshold] {
	return kind[policy.Threshold]{
		noun: noun, example: example,
		parse: func(raw any) (policy.Threshold, error) {
			switch v := raw.(type) {
			case int64:
				n, err := atLeastOne(v, show(raw))
				return policy.Threshold{Set: err == nil, Value: n}, err
			case string:
				return parseThreshold(m, ceiling, strings.TrimSpace(v), example)
			}
			return policy.Threshold{}, errKind
		},
		print: func(t policy.Threshold) string { return formatThreshold(m, t) },
		unset: func(t policy.Threshold) bool { return !t.Set },
	}
}

func parseThreshold(m policy.Metric, ceiling bool, s, example string) (policy.Threshold, error) {
	number, percent := strings.CutSuffix(s, "%")
	switch {
	case s == none:
		return policy.Threshold{}, nil
	case percent && !ceiling:
		return policy.Threshold{}, errKind
	case percent:
		return parsePercent(s, number)
	}
	n, err := parseAmount(m, s, example)
	return policy.Threshold{Set: err == nil, Value: n}, err
}

// parseAmount reads a count, for memory a size.
func parseAmount(m policy.Metric, s, example string) (uint64, error) {
	if m == policy.Memory {
		return parseSize(s, example)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errKind
	}
	return atLeastOne(n, show(s))
}

func atLeastOne(n int64, shown string) (uint64, error) {
	if n < 1 {
		return 0, fmt.Errorf("%s is too small (want at least 1)", shown)
	}
	return uint64(n), nil
}

func parsePercent(s, number string) (policy.Threshold, error) {
	p, err := strconv.ParseFloat(number, 64)
	if err != nil || !decimal(strings.TrimPrefix(number, "-")) {
		return policy.Threshold{}, errKind
	}
	if p <= 0 || p > 100 {
		return policy.Threshold{}, fmt.Errorf("%q is out of range (want above 0%% and at most 100%%)", s)
	}
	return policy.Threshold{Set: true, Percent: p}, nil
}

// parseSize reads a size with its unit. A bare K, M, G or T is refused: monit and systemd mean 2^20 by "M", a disk
// maker 10^6, and a limit that is 5% off trips at the wrong time.
func parseSize(s, example string) (uint64, error) {
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != '-' })
	if end < 0 {
		if !decimal(strings.TrimPrefix(s, "-")) {
			return 0, errKind
		}
		return 0, fmt.Errorf("%q has no unit (want e.g. %s)", s, example)
	}
	number, suffix := s[:end], strings.TrimSpace(s[end:])
	if !decimal(strings.TrimPrefix(number, "-")) {
		return 0, errKind
	}
	if len(suffix) == 1 && strings.Contains("KMGT", strings.ToUpper(suffix)) {
		return 0, ambiguous(s, number, strings.ToUpper(suffix))
	}
	for _, u := range units() {
		if !strings.EqualFold(u.name, suffix) {
			continue
		}
		v, ok := multiply(number, u.size)
		if !ok {
			return 0, fmt.Errorf("%q is out of range (want 1B to 8388607TiB)", s)
		}
		return v, nil
	}
	return 0, errKind
}

func ambiguous(s, number, letter string) error {
	binary, metric := letter+"iB", letter+"B"
	if letter == "K" {
		metric = "kB"
	}
	sizes := map[string]uint64{}
	for _, u := range units() {
		sizes[u.name] = u.size
	}
	b, ok1 := multiply(number, sizes[binary])
	d, ok2 := multiply(number, sizes[metric])
	if !ok1 || !ok2 {
		return errKind
	}
	return fmt.Errorf("%q could mean %s%s (%d) or %s%s (%d): write one of them", s, number, binary, b, number, metric, d)
}

// multiply is exact for whole numbers, so that what is printed reads back as the same size. Bytes stay a TOML integer.
func multiply(number string, size uint64) (uint64, bool) {
	if n, err := strconv.ParseUint(number, 10, 64); err == nil {
		high, low := bits.Mul64(n, size)
		return low, high == 0 && low >= 1 && low <= math.MaxInt64
	}
	f, err := strconv.ParseFloat(number, 64)
	if f *= float64(size); err != nil || f < 1 || f >= math.MaxInt64 {
		return 0, false
	}
	return uint64(f), true
}

// decimal says whether s is digits with at most one point among them: strconv alone takes "1e3", "0x1p4" and "Inf" too.
func decimal(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") <= 1
}

func formatThreshold(m policy.Metric, t policy.Threshold) string {
	switch {
	case !t.Set:
		return strconv.Quote(none)
	case t.Percent > 0:
		return strconv.Quote(strconv.FormatFloat(t.Percent, 'f', -1, 64) + "%")
	case m == policy.Memory:
		return strconv.Quote(formatAmount(m, t.Value))
	}
	return formatAmount(m, t.Value)
}

// formatAmount is exact: it reads back as the same number.
func formatAmount(m policy.Metric, v uint64) string {
	if m == policy.Memory {
		for _, u := range units() {
			if v%u.size == 0 {
				return strconv.FormatUint(v/u.size, 10) + u.name
			}
		}
	}
	return strconv.FormatUint(v, 10)
}
