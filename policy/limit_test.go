package policy

import (
	"testing"
	"time"
)

func TestHeadroom(t *testing.T) {
	of := func(v uint64, c ...Ceiling) Measure { return Measure{Reading: Known(v), Ceilings: c} }
	low, high := pids(10, 100)[0], pids(70, 100)[0]
	for _, c := range []struct {
		name string
		t    Threshold
		m    Measure
		want uint64
		ok   bool
	}{
		{"of a number", abs(100), of(70), 30, true},
		{"reached", abs(100), of(100), 0, true},
		{"passed", abs(100), of(1 << 40), 0, true},
		{"unknown", abs(100), Measure{}, 0, false},
		{"not set", Threshold{}, of(70, high), 0, false},
		{"of a percentage, by the ceiling's own usage", pct(80), of(3, high), 10, true},
		{"of several, the least, not that of the highest share", pct(80), of(3, Ceiling{Used: Known(700), Max: 1000}, Ceiling{Used: Known(3), Max: 10}), 5, true},
		{"a passed one", pct(80), of(3, low, Ceiling{Used: Known(90), Max: 100}), 0, true},
		{"of a ceiling whose usage is unknown, none", pct(80), of(3, pidsHidden(100)[0]), 0, false},
		{"of a ceiling of nothing, none", pct(80), of(3, Ceiling{Used: Known(3)}), 0, false},
		{"without a ceiling", pct(80), of(3), 0, false},
	} {
		if got, ok := c.t.Headroom(c.m); got != c.want || ok != c.ok {
			t.Errorf("%s: got %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestOOMKills(t *testing.T) {
	if OOMKills.String() != "oom_kills" || OOMKills.Format(3) != "3" {
		t.Errorf("got %v, %s", OOMKills, OOMKills.Format(3))
	}
	if OOMKills.DefaultFor() != 0 || Threads.DefaultFor() != 10*time.Second {
		t.Error("a count of OOM kills is waited for, or another is not")
	}
	for m := range NumMetrics {
		if got, want := m.HasCeiling(), m != Zombies && m != OOMKills; got != want {
			t.Errorf("%v: got %v, want %v", m, got, want)
		}
	}
	runWatchCases(t, []watchCase{
		{"one kill drains, after min_uptime", Limit{Metric: OOMKills, Drain: abs(1)}, 30 * time.Second, []step{
			{at: 1}, {at: 5, v: 1}, {at: 30, v: 1, want: "look"}, {at: 30.1, v: 1, want: "drain"}}},
		{"a counter that cannot be read is not a kill", Limit{Metric: OOMKills, Drain: abs(1)}, 0, []step{
			{at: 1, unknown: true}, {at: 2, v: 0}, {at: 3, v: 2, want: "look"}, {at: 4, unknown: true}, {at: 5, v: 2, want: "drain"}}},
		{"the kills of the last app are not counted to the next", Limit{Metric: OOMKills, Drain: abs(1)}, 0, []step{
			{at: 1, v: 1, want: "look"}, {at: 2, v: 0, restart: true}, {at: 3, v: 0}, {at: 4, v: 1, want: "look"}}},
	})
}
