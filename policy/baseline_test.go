package policy

import (
	"testing"
	"time"
)

// life is one incarnation of the app: its value second by second, and when drain tripped.
type life struct {
	value func(second int) uint64
	until int                   // seconds
	trips []int                 // seconds, each judged
	seen  func(second int) bool // nil: always
	low   bool                  // the trip was a drain at the kill level
	want  []string              // for each trip: "drain", "rest", "rest, said"
}

func level100(int) uint64    { return 100 }
func leak(second int) uint64 { return uint64(10 * second) }
func boot(second int) uint64 { return uint64(min(100, 20*second)) }
func never(int) bool         { return false }
func creep(s int) uint64     { return uint64(1000 + s) } // 2% over the last half of 40 s
func fivePercent(s int) uint64 { // exactly 5% from 20 s to 40 s
	return uint64(1900 + 5*s)
}

func judge(b *Baseline, s int, low bool) string {
	switch j := b.Judge(time.Duration(s)*time.Second, Breach{Lowered: low}); {
	case j.Rest && j.Say:
		return "rest, said"
	case j.Rest:
		return "rest"
	case j.Say:
		return "said without rest"
	}
	return "drain"
}

func TestBaseline(t *testing.T) {
	// min_uptime 30 s, for 10 s, interval 1 s: a trip is early up to and including 42 s.
	one := func(v func(int) uint64, trip int, want string) life {
		return life{value: v, until: trip, trips: []int{trip}, want: []string{want}}
	}
	for _, c := range []struct {
		name  string
		lives []life
	}{
		{"twice in a row early and flat: rests, said once; later incarnations rest at once",
			[]life{one(level100, 40, "drain"), one(level100, 41, "rest, said"), one(level100, 40, "rest")}},
		{"the last early second is 42", []life{one(level100, 42, "drain"), one(level100, 42, "rest, said")}},
		{"a trip at 43 s is not early", []life{one(level100, 40, "drain"), one(level100, 43, "drain"), one(level100, 40, "drain")}},
		{"a boot that is over by half of the uptime is flat", []life{one(boot, 40, "drain"), one(boot, 40, "rest, said")}},
		{"growth under 5% is flat", []life{one(creep, 40, "drain"), one(creep, 40, "rest, said")}},
		{"growth of 5% is a leak", []life{one(fivePercent, 40, "drain"), one(fivePercent, 40, "drain")}},
		{"a fast leak never rests", []life{one(leak, 40, "drain"), one(leak, 40, "drain"), one(leak, 40, "drain")}},
		{"a leak between two flat trips breaks the row",
			[]life{one(level100, 40, "drain"), one(leak, 40, "drain"), one(level100, 40, "drain"), one(level100, 40, "rest, said")}},
		{"an incarnation that outlives the early time without a trip breaks the row",
			[]life{one(level100, 40, "drain"), {value: level100, until: 43}, one(level100, 40, "drain"), one(level100, 40, "rest, said")}},
		{"one that ends sooner, for another reason, does not",
			[]life{one(level100, 40, "drain"), {value: level100, until: 42}, one(level100, 40, "rest, said")}},
		{"asked again in the same incarnation it counts nothing twice",
			[]life{{value: level100, until: 42, trips: []int{40, 41, 42}, want: []string{"drain", "drain", "drain"}}, one(level100, 40, "rest, said")}},
		{"living on at rest does not break the row",
			[]life{one(level100, 40, "drain"), {value: level100, until: 900, trips: []int{40}, want: []string{"rest, said"}}, one(level100, 40, "rest")}},
		{"a later trip of a resting incarnation is drained and ends the row",
			[]life{one(level100, 40, "drain"), {value: level100, until: 900, trips: []int{40, 900}, want: []string{"rest, said", "drain"}},
				one(level100, 40, "drain")}},
		{"found again after the row was broken it is said again",
			[]life{one(level100, 40, "drain"), one(level100, 40, "rest, said"), one(leak, 40, "drain"), one(level100, 40, "drain"), one(level100, 40, "rest, said")}},
		{"what could not be read is not flat",
			[]life{{value: level100, seen: never, until: 40, trips: []int{40}, want: []string{"drain"}},
				{value: level100, seen: never, until: 40, trips: []int{40}, want: []string{"drain"}}}},
		{"half of the uptime unseen is not flat",
			[]life{{value: level100, seen: func(s int) bool { return s > 21 }, until: 40, trips: []int{40}, want: []string{"drain"}},
				{value: level100, seen: func(s int) bool { return s > 21 }, until: 40, trips: []int{40}, want: []string{"drain"}}}},
		{"a drain at the kill level never rests",
			[]life{{value: level100, until: 40, low: true, trips: []int{40}, want: []string{"drain"}},
				{value: level100, until: 40, low: true, trips: []int{40}, want: []string{"drain"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewBaseline(Limit{Drain: abs(50), For: 10 * time.Second}, 30*time.Second, time.Second)
			for i, l := range c.lives {
				b.Started()
				trips := 0
				for s := 1; s <= l.until; s++ {
					known := l.seen == nil || l.seen(s)
					b.See(time.Duration(s)*time.Second, Reading{Value: l.value(s), Known: known})
					if trips == len(l.trips) || l.trips[trips] != s {
						continue
					}
					if got := judge(b, s, l.low); got != l.want[trips] {
						t.Errorf("incarnation %d, trip at %d s: got %q, want %q", i+1, s, got, l.want[trips])
					}
					trips++
				}
			}
		})
	}
}

func TestJudgementGivesTheValueAtHalfOfTheUptime(t *testing.T) {
	b := NewBaseline(Limit{}, 30*time.Second, time.Second)
	b.Started()
	for s := 0; s <= 30; s++ {
		b.See(time.Duration(s)*time.Second, Known(leak(s)))
	}
	if got := b.Judge(30*time.Second, Breach{}).Half; got != 150 {
		t.Errorf("got %v, want 150", got)
	}
}

func TestHistoryKnowsEveryTimeWithinABound(t *testing.T) {
	for _, c := range []struct {
		name string
		gap  func(uptime time.Duration) time.Duration
		end  time.Duration
	}{
		{"second by second for a day", func(time.Duration) time.Duration { return time.Second }, 24 * time.Hour},
		{"rare at first, then every 5 ms", func(up time.Duration) time.Duration {
			if up < 30*time.Second {
				return time.Second
			}
			return 5 * time.Millisecond
		}, time.Minute},
		{"dense at first, then rare", func(up time.Duration) time.Duration {
			if up < time.Second {
				return time.Millisecond
			}
			return time.Second
		}, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h History
			var last time.Duration
			for up := time.Duration(0); up <= c.end; up += c.gap(up) {
				h.Add(up, Known(uint64(up)))
				last = up
			}
			for i := range time.Duration(101) {
				at := last * i / 100
				if got, ok := h.At(at); !ok || got < float64(at)-1 || got > float64(at)+1 {
					t.Errorf("at %v of a straight line: got %v %v", at, time.Duration(got), ok)
				}
			}
			for i, p := range h.points[1:h.n] {
				if d := p.uptime - h.points[i].uptime; d > last/16+time.Second {
					t.Errorf("points %d and %d are %v apart", i, i+1, d)
				}
			}
			if h.n < historyPoints/4 {
				t.Errorf("got %d points left, want an even spread", h.n)
			}
		})
	}
}

func TestHistoryAtItsEdges(t *testing.T) {
	var h History
	if _, ok := h.At(0); ok {
		t.Error("empty: got a value, want none")
	}
	h.Add(time.Second, Known(7))
	h.Add(2*time.Second, Reading{Value: 1000})
	if got, ok := h.At(time.Second); !ok || got != 7 {
		t.Errorf("the only look: got %v %v, want 7", got, ok)
	}
	h.Add(time.Second, Known(9))
	h.Add(3*time.Second, Known(11))
	if got, ok := h.At(2 * time.Second); !ok || got != 9 {
		t.Errorf("between looks, the unknown one left out: got %v %v, want 9", got, ok)
	}
	for _, at := range []time.Duration{0, 4 * time.Second} {
		if _, ok := h.At(at); ok {
			t.Errorf("at %v: got a value, want none before the first look and after the latest", at)
		}
	}
}
