package policy

import (
	"reflect"
	"testing"
	"time"
)

func TestBreachTellsWhatWasReached(t *testing.T) {
	const src = "rss of the tree"
	at := func(s float64) time.Time { return t0.Add(seconds(s)) }
	m := func(v uint64, c []Ceiling) Measure { return Measure{Reading: Known(v), Source: src, Ceilings: c} }

	w := NewWatch(Limit{Metric: Threads, Warn: abs(5), Drain: pct(80), For: 10 * time.Second}, 0)
	v := w.Step(at(0), time.Minute, m(300, nproc(pids(90, 100), 50, 50)))
	if want := (Breach{Metric: Threads, Level: Level{Threshold: abs(5), At: 5}, Value: 300, Source: src}); v.Warning != want {
		t.Errorf("warning: got %+v, want %+v", v.Warning, want)
	}
	w.Step(at(10), time.Minute, m(300, pids(90, 100)))
	v = w.Step(at(12), time.Minute, m(300, nproc(pids(90, 100), 50, 50)))
	want := Breach{Metric: Threads, Level: Level{Threshold: pct(80), At: 40, Of: "RLIMIT_NPROC of uid 7", Ceiling: 50}, Value: 50,
		Since: 12 * time.Second, Source: src}
	if v.Act != ActDrain || v.Breach != want {
		t.Errorf("drain of the nearest ceiling: got %v %+v, want %+v", v.Act, v.Breach, want)
	}
	v = w.Step(at(15), time.Minute, m(1, pids(1, 100)))
	want = Breach{Metric: Threads, Level: Level{Threshold: abs(5), At: 5}, Value: 1, Since: 15 * time.Second, Source: src}
	if !v.Cleared || v.Warning != want {
		t.Errorf("cleared, and how long it lasted: got %+v, want %+v", v.Warning, want)
	}
}

func TestBreachIsOfTheStrongerAct(t *testing.T) {
	w := NewWatch(Limit{Drain: abs(100), Kill: abs(200)}, 0)
	for i, want := range []struct {
		v, at uint64
		act   Act
	}{{100, 100, ActNone}, {200, 100, ActDrain}, {200, 200, ActKill}, {150, 100, ActDrain}} {
		got := w.Step(t0.Add(seconds(float64(i))), time.Hour, Measure{Reading: Known(want.v)})
		if got.Act != want.act || got.Breach.Level.At != want.at {
			t.Errorf("look %d: got %v at %d, want %v at %d", i, got.Act, got.Breach.Level.At, want.act, want.at)
		}
	}
}

func TestLoweringGivesBothNumbers(t *testing.T) {
	w := NewWatch(Limit{Metric: Threads, Drain: pct(80), Kill: abs(250)}, 0)
	v := w.Step(t0, 0, Measure{Reading: Known(1), Ceilings: pids(1, 1000)})
	got := v.Lowering.KeyValues(Threads)
	if want := []any{"metric", Threads, "drain", "800", "kill", "250", "of", "pids.max"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.Step(t0, time.Hour, Measure{Reading: Known(250), Ceilings: pids(1, 1000)})
	if v = w.Step(t0, time.Hour, Measure{Reading: Known(250), Ceilings: pids(1, 1000)}); !v.Breach.Lowered || v.Breach.Level.At != 250 {
		t.Errorf("got %+v, want a lowered breach of 250", v.Breach)
	}
}

func TestInactive(t *testing.T) {
	none, some, hidden := Measure{}, Measure{Ceilings: pids(1, 9)}, Measure{Ceilings: pidsHidden(9)}
	for _, c := range []struct {
		name string
		l    Limit
		m    Measure
		want bool
	}{
		{"a percentage without a ceiling", Limit{Warn: abs(1), Kill: pct(80)}, none, true},
		{"a percentage with one", Limit{Drain: pct(80)}, some, false},
		{"an unknown usage is still a ceiling", Limit{Drain: pct(80)}, hidden, false},
		{"an absolute number, even unknown", Limit{Warn: abs(1), Drain: abs(2), Kill: abs(3)}, none, false},
		{"nothing set", Limit{}, none, false},
	} {
		if got := c.l.Inactive(c.m); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestKeyValues(t *testing.T) {
	for _, c := range []struct {
		name string
		b    Breach
		want []any
	}{
		{"an absolute count", Breach{Metric: Threads, Value: 412, Level: Level{Threshold: abs(400), At: 400}, Since: 30012 * time.Millisecond},
			[]any{"metric", Threads, "value", "412", "limit", "400", "for", 30 * time.Second}},
		{"a percentage has its number and its ceiling", Breach{Metric: Processes, Value: 210, Level: Level{pct(80), 205, "pids.max", 256}, Since: 1234567 * time.Nanosecond},
			[]any{"metric", Processes, "value", "210", "limit", "205", "percent", "80%", "of", "pids.max", "ceiling", "256", "for", time.Millisecond}},
		{"memory names its source and keeps the user's unit", Breach{Metric: Memory, Value: 1 << 30, Level: Level{Threshold: abs(512e6), At: 512e6}, Source: "cgroup anon"},
			[]any{"metric", Memory, "value", "1GiB", "limit", "512MB", "source", "cgroup anon"}},
	} {
		if got := c.b.KeyValues(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := (Lowering{Drain: Level{Threshold: abs(9), At: 9}, Kill: Level{Threshold: abs(3), At: 3}}).KeyValues(Zombies); len(got) != 6 {
		t.Errorf("two absolute levels name no ceiling: got %v", got)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		m    Metric
		v    uint64
		want string
	}{
		{Threads, 0, "0"}, {FDs, 1048576, "1048576"}, {Memory, 0, "0B"}, {Memory, 1023, "1023B"}, {Memory, 1024, "1KiB"},
		{Memory, 1536, "1.5KiB"}, {Memory, 512 << 20, "512MiB"}, {Memory, 512e6, "488.3MiB"}, {Memory, 3 << 30, "3GiB"},
		{Memory, 2 << 40, "2TiB"}, {Memory, 5 << 50, "5120TiB"},
	} {
		if got := c.m.Format(c.v); got != c.want {
			t.Errorf("%v %d: got %q, want %q", c.m, c.v, got, c.want)
		}
	}
}

func TestThresholdText(t *testing.T) {
	for _, c := range []struct {
		t    Threshold
		m    Metric
		want string
	}{
		{Threshold{}, Memory, ""}, {pct(80), Memory, "80%"}, {pct(33.3), Threads, "33.3%"}, {abs(0), Memory, "0B"},
		{abs(512e6), Memory, "512MB"}, {abs(512 << 20), Memory, "512MiB"}, {abs(2e9), Memory, "2000MB"}, {abs(4e6), FDs, "4000000"},
	} {
		if got := c.t.Text(c.m); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestPercentOfACeiling(t *testing.T) {
	for _, c := range []struct {
		p        float64
		of, want uint64
	}{
		{80, 256, 205}, {80, 100, 80}, {33.3, 1000, 333}, {70, 10, 7}, {1, 1, 1}, {0.5, 100, 1}, {100, 7, 7},
		{55, 100, 55}, {100, 1<<64 - 1, 1<<64 - 1}, {50, 1 << 40, 1 << 39},
	} {
		if got := pct(c.p).under(c.of); got != c.want {
			t.Errorf("%v%% of %d: got %d, want %d", c.p, c.of, got, c.want)
		}
	}
}
