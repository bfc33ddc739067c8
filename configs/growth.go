package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// growth is an amount per time, such as "20/min", or "none".
func growth(m policy.Metric) kind[policy.Rate] {
	example := `"20/min"`
	if m == policy.Memory {
		example = `"12MiB/min"`
	}
	return kind[policy.Rate]{
		noun: "a growth", example: example,
		parse: func(raw any) (policy.Rate, error) {
			s, isText := raw.(string)
			amount, per, ok := strings.Cut(s, "/")
			switch {
			case s == none:
				return policy.Rate{}, nil
			case !isNumber(raw) && !isText:
				return policy.Rate{}, errKind
			case !ok:
				return policy.Rate{}, fmt.Errorf("%s has no time (want e.g. %s)", show(raw), example)
			}
			return parseRate(m, strings.TrimSpace(amount), strings.TrimSpace(per), example)
		},
		print: func(r policy.Rate) string { return strconv.Quote(formatRate(m, r)) },
		unset: func(r policy.Rate) bool { return !r.Set() },
	}
}

func isNumber(raw any) bool {
	switch raw.(type) {
	case int64, float64:
		return true
	}
	return false
}

// times are those that have a name in a rate. A bare "m" is none of them: next to "h" and "s" it is a minute to one
// reader and a month to another.
func times() map[string]time.Duration {
	return map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "day": day}
}

func parseRate(m policy.Metric, amount, per, example string) (policy.Rate, error) {
	value, err := parseAmount(m, amount, example)
	if err != nil {
		return policy.Rate{}, err
	}
	d, named := times()[per]
	if !named {
		d, err = parseDuration(per, time.Second, week)
	}
	if err != nil {
		return policy.Rate{}, err
	}
	return policy.Rate{Value: value, Per: d}, nil
}

// formatRate is exact, where policy.Rate.Text rounds an odd size for people.
func formatRate(m policy.Metric, r policy.Rate) string {
	if !r.Set() {
		return none
	}
	per := formatDuration(r.Per)
	for name, d := range times() {
		if d == r.Per {
			per = name
		}
	}
	return formatAmount(m, r.Value) + "/" + per
}

// maxJitter is half: more of it, and what the user wrote says little about what happens.
const maxJitter = 50

// jitter is a percentage in steps of a hundredth, or "none".
func jitter() kind[policy.Jitter] {
	return kind[policy.Jitter]{
		noun: "a percentage", example: `"10%"`,
		parse: func(raw any) (policy.Jitter, error) {
			s, _ := raw.(string)
			number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
			if s == none {
				return policy.Jitter{}, nil
			}
			p, err := strconv.ParseFloat(number, 64)
			if err != nil || !percent || !decimal(strings.TrimPrefix(number, "-")) {
				return policy.Jitter{}, errKind
			}
			if p < 0 || p > maxJitter {
				return policy.Jitter{}, fmt.Errorf("%s is out of range (want 0%% to %d%%)", show(raw), maxJitter)
			}
			return policy.Jitter{Share: math.Abs(math.Round(p*100)) / 1e4}, nil // Abs: not -0
		},
		print: func(j policy.Jitter) string {
			return strconv.Quote(strconv.FormatFloat(math.Round(j.Share*1e4)/100, 'f', -1, 64) + "%")
		},
		unset: func(j policy.Jitter) bool { return j.Share == 0 },
	}
}
