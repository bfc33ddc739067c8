package policy

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

// grows plays a value second by second through a Watch of a growth limit, and gives what it said and when.
func grows(l Limit, minUptime time.Duration, until int, look func(s int) Measure) (said []string, last Verdict) {
	w := NewWatch(l, minUptime)
	for s := range until {
		v := w.Step(t0.Add(time.Duration(s)*time.Second), time.Duration(s)*time.Second, look(s))
		if what := words(v); what != "" {
			said = append(said, fmt.Sprintf("%d %s", s, what))
			last = v
		}
		if v.Act != ActNone {
			break
		}
	}
	return said, last
}

func TestGrowth(t *testing.T) {
	twenty := Limit{Metric: Threads, Growth: Rate{20, time.Minute}, GrowthWindow: 5 * time.Minute, For: 10 * time.Second}
	value := func(f func(s float64) float64) func(int) Measure {
		return func(s int) Measure { return Measure{Reading: Known(uint64(f(float64(s))))} }
	}
	perMinute := func(n float64) func(int) Measure { return value(func(s float64) float64 { return 50 + s*n/60 }) }
	for _, c := range []struct {
		name      string
		limit     Limit
		minUptime time.Duration
		look      func(s int) Measure
		want      []string
	}{
		{"is known when the window was seen, must be held, then be confirmed", twenty, 0, perMinute(24), []string{"310 look", "311 drain"}},
		{"below the rate nothing happens", twenty, 0, perMinute(19), nil},
		{"not before min_uptime", twenty, 500 * time.Second, perMinute(24), []string{"500 look", "501 drain"}},
		{"a flat value does not grow", twenty, 0, perMinute(0), nil},
		{"nor does a falling one", twenty, 0, value(func(s float64) float64 { return 1e6 - 10*s }), nil},
		{"nor one that stepped up", twenty, 0, value(func(s float64) float64 { return 50 + 1000*math.Floor(s/700) }), nil},
		{"nor one that booted and stopped growing", twenty, 0, value(func(s float64) float64 { return 10 * min(60, s) }), nil},
		{"nor a sawtooth, however steep", twenty, 0, value(func(s float64) float64 { return 50 + tooth(s, 90, 500) }), nil},
		{"the growth below a sawtooth counts", twenty, 0, value(func(s float64) float64 { return 50 + tooth(s, 30, 500) + s*24/60 }), []string{"310 look", "311 drain"}},
		{"single spikes count for nothing", twenty, 0, value(func(s float64) float64 {
			if int(s)%41 == 0 {
				return 5000
			}
			return 50
		}), nil},
		{"a look that finds the value fallen confirms nothing", twenty, 0, func(s int) Measure {
			if s == 311 {
				return Measure{Reading: Known(50)}
			}
			return perMinute(24)(s)
		}, []string{"310 look", "312 look", "313 drain"}},
		{"unknown looks neither trip nor clear", twenty, 0, func(s int) Measure {
			if s > 308 && s < 312 {
				return Measure{}
			}
			return perMinute(24)(s)
		}, []string{"312 look", "313 drain"}},
		{"a window of which most was not seen is not known", twenty, 0, func(s int) Measure {
			if s > 5 && s < 250 {
				return Measure{}
			}
			return perMinute(24)(s)
		}, []string{"10 blind", "250 sighted", "489 look", "490 drain"}},
		{"the default window is 10 minutes", Limit{Growth: Rate{1200, time.Hour}}, 0, perMinute(24), []string{"600 look", "601 drain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := grows(c.limit, c.minUptime, 1300, c.look)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestGrowthTellsWhatItMeasured(t *testing.T) {
	l := Limit{Metric: Memory, Growth: Rate{10e6, time.Minute}, GrowthWindow: time.Minute, Drain: abs(1e9)}
	_, v := grows(l, 0, 600, func(s int) Measure { return Measure{Reading: Known(uint64(s * 200 << 10)), Source: "rss of the tree"} })
	want := []any{"metric", Memory, "value", "11.9MiB", "growth", "11.7MiB/min", "limit", "10MB/min", "over", time.Minute,
		"source", "rss of the tree", "for", time.Second}
	if got := v.Breach.KeyValues(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	l.Drain = abs(11e6)
	if _, v = grows(l, 0, 600, func(s int) Measure { return Measure{Reading: Known(uint64(s * 200 << 10))} }); v.Breach.Growth.Limit.Set() {
		t.Errorf("both at once: got %+v, want the level", v.Breach)
	}
}

func TestGrowthBeginsAnewWithTheApp(t *testing.T) {
	w := NewWatch(Limit{Growth: Rate{20, time.Minute}, GrowthWindow: time.Minute}, 0)
	at := t0
	for life := range 3 {
		for s := range 62 {
			at = at.Add(time.Second)
			v := w.Step(at, time.Duration(s)*time.Second, Measure{Reading: Known(uint64(100*life + s))})
			if got, want := words(v), map[int]string{60: "look", 61: "drain"}[s]; got != want {
				t.Errorf("life %d, second %d: got %q, want %q", life, s, got, want)
			}
		}
		w.Restarted()
	}
}

func TestGrowthIsConfirmedAnewAfterABlindSpell(t *testing.T) {
	w := NewWatch(Limit{Growth: Rate{20, time.Minute}, GrowthWindow: time.Minute}, 0)
	want := map[int]string{60: "look", 65: "blind", 66: "sighted look", 67: "drain"}
	for s := range 68 {
		known := s <= 60 || s >= 66
		v := w.Step(t0.Add(time.Duration(s)*time.Second), time.Duration(s)*time.Second, Measure{Reading: Reading{Value: uint64(s), Known: known}})
		if got := words(v); got != want[s] {
			t.Errorf("second %d: got %q, want %q", s, got, want[s])
		}
	}
}

func TestGrowthNeitherRestsNorMakesOthersRest(t *testing.T) {
	w := NewWatch(Limit{Growth: Rate{20, time.Minute}, GrowthWindow: time.Minute, Drain: abs(30)}, 0)
	var got string
	for s := range 62 {
		v := w.Step(t0.Add(time.Duration(s)*time.Second), time.Duration(s)*time.Second, Measure{Reading: Known(uint64(s))})
		if w.Rest(); s == 61 {
			got = words(v)
		}
	}
	if got != "drain" {
		t.Errorf("growth of a limit at rest: got %q, want drain", got)
	}
	b := NewBaseline(Limit{}, time.Hour, time.Second)
	for range 3 {
		b.Started()
		for s := range 100 {
			b.See(time.Duration(s)*time.Second, Known(1000))
		}
		if j := b.Judge(99*time.Second, Breach{Growth: Growth{Limit: Rate{20, time.Minute}}}); j.Rest {
			t.Error("a trip of growth rests")
		}
	}
}

func TestRateText(t *testing.T) {
	for _, c := range []struct {
		r    Rate
		m    Metric
		want string
	}{
		{Rate{20, time.Minute}, Threads, "20/min"}, {Rate{12 << 20, time.Minute}, Memory, "12MiB/min"}, {Rate{5e6, time.Hour}, Memory, "5MB/h"},
		{Rate{3, time.Second}, FDs, "3/s"}, {Rate{1, 24 * time.Hour}, OOMKills, "1/day"}, {Rate{3, 30 * time.Second}, Zombies, "3/30s"},
		{Rate{0, time.Minute}, Threads, "0/min"},
	} {
		if got := c.r.Text(c.m); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	for _, r := range []Rate{{}, {5, 0}, {0, time.Minute}, {5, -time.Second}} {
		if r.Set() || (Limit{Growth: r}).Acts() {
			t.Errorf("%+v is set, want it unset", r)
		}
	}
	if l := (Limit{Growth: Rate{1, time.Minute}}); !l.Acts() || !l.Active() {
		t.Error("growth alone does not act")
	}
}

func TestGrowthStepAllocatesNothing(t *testing.T) {
	w := NewWatch(Limit{Growth: Rate{20, time.Minute}, GrowthWindow: time.Minute, Drain: pct(80), Kill: abs(1 << 40)}, 0)
	up := time.Duration(0)
	m := Measure{Ceilings: pids(50, 1000)}
	if got := testing.AllocsPerRun(1000, func() {
		up += time.Second
		m.Reading = Known(uint64(up / time.Minute))
		w.Step(t0.Add(up), up, m)
	}); got != 0 {
		t.Errorf("got %v allocations a look, want 0", got)
	}
}

func BenchmarkStepWithGrowth(b *testing.B) {
	w := NewWatch(Limit{Growth: Rate{2000, time.Minute}, Drain: abs(1 << 40)}, 0)
	up := time.Duration(0)
	for b.Loop() {
		up += time.Second
		w.Step(t0.Add(up), up, Measure{Reading: Known(uint64(up / time.Second))})
	}
}
