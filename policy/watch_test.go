package policy

import (
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// step is one look through one Watch. Times are seconds; the app is up since 0 unless up says otherwise.
type step struct {
	at, up  float64
	v       uint64
	unknown bool
	c       []Ceiling
	restart bool // the app was started again before this look
	rest    bool // the baseline rule spoke before this look
	want    string
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

func (s step) measure() Measure {
	return Measure{Reading: Reading{Value: s.v, Known: !s.unknown}, Ceilings: s.c}
}

func (s step) take(w *Watch) Verdict {
	if s.restart {
		w.Restarted()
	}
	if s.rest {
		w.Rest()
	}
	up := s.up
	if up == 0 {
		up = s.at
	}
	return w.Step(t0.Add(seconds(s.at)), seconds(up), s.measure())
}

// words names what a verdict says, in a fixed order.
func words(v Verdict) string {
	var said []string
	for _, w := range []struct {
		set  bool
		word string
	}{{v.Warn, "warn"}, {v.Cleared, "cleared"}, {v.Blind, "blind"}, {v.Sighted, "sighted"}, {v.Lowered, "lowered"},
		{v.Look, "look"}, {v.Act != ActNone, v.Act.String()}} {
		if w.set {
			said = append(said, w.word)
		}
	}
	return strings.Join(said, " ")
}

func abs(v uint64) Threshold  { return Threshold{Set: true, Value: v} }
func pct(p float64) Threshold { return Threshold{Set: true, Percent: p} }
func pids(used, limit uint64) []Ceiling {
	return []Ceiling{{Name: "pids.max", Used: Known(used), Max: limit}}
}
func pidsHidden(limit uint64) []Ceiling { return []Ceiling{{Name: "pids.max", Max: limit}} }

func nproc(c []Ceiling, used, limit uint64) []Ceiling {
	return append(c, Ceiling{Name: "RLIMIT_NPROC of uid 7", Used: Known(used), Max: limit})
}

type watchCase struct {
	name      string
	limit     Limit
	minUptime time.Duration
	steps     []step
}

func runWatchCases(t *testing.T, cases []watchCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := NewWatch(c.limit, c.minUptime)
			for i, s := range c.steps {
				if got := words(s.take(w)); got != s.want {
					t.Errorf("look %d at %vs: got %q, want %q", i, s.at, got, s.want)
				}
			}
		})
	}
}

func TestWarn(t *testing.T) {
	warn := Limit{Warn: abs(100)}
	runWatchCases(t, []watchCase{
		{"reached means at or over, said at once and once", warn, 0, []step{
			{at: 1, v: 99}, {at: 2, v: 100, want: "warn"}, {at: 3, v: 500}, {at: 4000, v: 500}}},
		{"clears below 95% and not at it; in between it stays", warn, 0, []step{
			{at: 1, v: 100, want: "warn"}, {at: 2, v: 95}, {at: 3, v: 100}, {at: 4, v: 94, want: "cleared"}, {at: 5, v: 99}}},
		{"a small count clears at one less", Limit{Warn: abs(10)}, 0, []step{
			{at: 1, v: 10, want: "warn"}, {at: 2, v: 9, want: "cleared"}}},
		{"a count of 20 clears at two less: 19 is 95% of it", Limit{Warn: abs(20)}, 0, []step{
			{at: 1, v: 20, want: "warn"}, {at: 2, v: 19}, {at: 3, v: 18, want: "cleared"}}},
		{"a limit of one clears at none", Limit{Warn: abs(1)}, 0, []step{
			{at: 1, v: 1, want: "warn"}, {at: 2, v: 0, want: "cleared"}}},
		{"back within 10 minutes it is silent until they have passed", warn, 0, []step{
			{at: 1, v: 100, want: "warn"}, {at: 2, v: 1, want: "cleared"}, {at: 3, v: 100}, {at: 600, v: 100},
			{at: 601, v: 100, want: "warn"}, {at: 602, v: 1, want: "cleared"}}},
		{"after 10 minutes of peace it is said at once", warn, 0, []step{
			{at: 1, v: 100, want: "warn"}, {at: 2, v: 1, want: "cleared"}, {at: 700, v: 100, want: "warn"}}},
		{"one that came back and went in silence clears in silence", warn, 0, []step{
			{at: 1, v: 100, want: "warn"}, {at: 2, v: 1, want: "cleared"}, {at: 3, v: 100}, {at: 4, v: 1}}},
		{"is not said at a look under the level, though breached", warn, 0, []step{
			{at: 1, v: 100, want: "warn"}, {at: 2, v: 1, want: "cleared"}, {at: 3, v: 100}, {at: 700, v: 97},
			{at: 701, v: 100, want: "warn"}}},
		{"warn_for holds it back, a shorter breach is never said", Limit{Warn: abs(10), WarnFor: time.Minute}, 0, []step{
			{at: 1, v: 10}, {at: 40, v: 1}, {at: 50, v: 10}, {at: 109, v: 12}, {at: 110, v: 12, want: "warn"}}},
		{"the band below the level counts as held", Limit{Warn: abs(100), WarnFor: time.Minute}, 0, []step{
			{at: 1, v: 100}, {at: 30, v: 96}, {at: 61, v: 100, want: "warn"}}},
		{"counts before min_uptime", warn, time.Hour, []step{{at: 1, v: 100, want: "warn"}}},
		{"unknown neither trips nor clears", warn, 0, []step{
			{at: 1, v: 500, unknown: true}, {at: 2, v: 100, want: "warn"}, {at: 3, unknown: true}, {at: 4, v: 100}}},
		{"another incarnation within 10 minutes is warned of after them", warn, 0, []step{
			{at: 1, v: 100, want: "warn"}, {at: 60, v: 1, restart: true}, {at: 90, v: 100}, {at: 601, v: 100, want: "warn"}}},
		{"nothing set says nothing", Limit{}, 0, []step{{at: 1, v: 1 << 60, c: pids(9, 9)}, {at: 2, unknown: true}}},
	})
}

func TestDrain(t *testing.T) {
	now := Limit{Drain: abs(100)}
	held := Limit{Drain: abs(100), For: 10 * time.Second}
	runWatchCases(t, []watchCase{
		{"without for it still needs the confirming look", now, 0, []step{
			{at: 1, v: 99}, {at: 2, v: 100, want: "look"}, {at: 2.01, v: 100, want: "drain"}}},
		{"a breach must be held for its time, then be confirmed", held, 0, []step{
			{at: 1, v: 100}, {at: 10.9, v: 100}, {at: 11, v: 100, want: "look"}, {at: 11.1, v: 100, want: "drain"}}},
		{"is given again while the level is reached", now, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 2, v: 100, want: "drain"}, {at: 3, v: 100, want: "drain"}}},
		{"a fresh look under the level stays pending and confirms again on the next that reaches it", held, 0, []step{
			{at: 1, v: 100}, {at: 11, v: 100, want: "look"}, {at: 11.1, v: 99}, {at: 12, v: 98}, {at: 13, v: 100, want: "look"},
			{at: 13.1, v: 100, want: "drain"}}},
		{"a fresh look that clears begins anew", held, 0, []step{
			{at: 1, v: 100}, {at: 11, v: 100, want: "look"}, {at: 11.1, v: 94}, {at: 12, v: 100}, {at: 21, v: 100},
			{at: 22, v: 100, want: "look"}, {at: 22.1, v: 100, want: "drain"}}},
		{"a spike of one look does nothing", held, 0, []step{
			{at: 1, v: 5}, {at: 2, v: 5000}, {at: 3, v: 5}, {at: 13, v: 5}}},
		{"not before min_uptime, nor a look for it", now, 30 * time.Second, []step{
			{at: 1, v: 100}, {at: 29.9, v: 100}, {at: 30, v: 100, want: "look"}, {at: 30.1, v: 100, want: "drain"}}},
		{"time in breach before min_uptime counts", held, 30 * time.Second, []step{
			{at: 20, v: 100}, {at: 29, v: 100}, {at: 30, v: 100, want: "look"}, {at: 30.1, v: 100, want: "drain"}}},
		{"uptime is the app's, not the watch's", now, 30 * time.Second, []step{
			{at: 1000, up: 10, v: 100}, {at: 1001, up: 11, v: 100}, {at: 1020, up: 30, v: 100, want: "look"}}},
		{"unknown neither trips nor clears, nor is it the confirming look", now, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 1.1, unknown: true}, {at: 2, unknown: true}, {at: 3, v: 100, want: "drain"}}},
		{"time passed unseen in a breach counts as held", held, 0, []step{
			{at: 1, v: 100}, {at: 5, unknown: true}, {at: 11, v: 100, want: "look"}, {at: 11.1, v: 100, want: "drain"}}},
		{"after a blind spell the level is confirmed anew", now, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 2, unknown: true}, {at: 3, unknown: true}, {at: 4, unknown: true}, {at: 5, unknown: true},
			{at: 6, unknown: true, want: "blind"}, {at: 7, v: 100, want: "sighted look"}, {at: 7.1, v: 100, want: "drain"}}},
		{"another incarnation begins without the breach of the last", held, 0, []step{
			{at: 1, v: 100}, {at: 11, v: 100, want: "look"}, {at: 12, up: 1, v: 100, restart: true},
			{at: 21, up: 10, v: 100}, {at: 22, up: 11, v: 100, want: "look"}}},
		{"warn and drain are told by the same look", Limit{Warn: abs(50), Drain: abs(100)}, 0, []step{
			{at: 1, v: 100, want: "warn look"}, {at: 2, v: 100, want: "drain"}}},
		{"at rest it does not act until it clears", now, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 2, v: 100, want: "drain"}, {at: 3, v: 100, rest: true}, {at: 4, v: 96}, {at: 5, v: 200},
			{at: 6, v: 94}, {at: 7, v: 100, want: "look"}, {at: 8, v: 100, want: "drain"}}},
		{"at rest unknown does not wake it", now, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 2, v: 100, rest: true}, {at: 3, unknown: true}, {at: 4, v: 100}}},
		{"at rest kill still acts", Limit{Drain: abs(100), Kill: abs(200)}, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 2, v: 150, rest: true}, {at: 3, v: 200, want: "look"}, {at: 4, v: 200, want: "kill"}}},
		{"rest ends with the incarnation", now, 0, []step{
			{at: 1, v: 100, want: "look"}, {at: 2, v: 100, rest: true}, {at: 3, v: 100, restart: true, want: "look"}, {at: 4, v: 100, want: "drain"}}},
	})
}

func TestKill(t *testing.T) {
	kill := Limit{Kill: abs(200)}
	both := Limit{Drain: abs(100), Kill: abs(200), For: time.Minute}
	runWatchCases(t, []watchCase{
		{"two looks in a row", kill, 0, []step{
			{at: 1, v: 199}, {at: 2, v: 200, want: "look"}, {at: 2.01, v: 200, want: "kill"}}},
		{"knows no for and no min_uptime", both, time.Hour, []step{
			{at: 1, v: 200, want: "look"}, {at: 1.01, v: 300, want: "kill"}, {at: 2, v: 300, want: "kill"}}},
		{"a look under it between breaks the row", kill, 0, []step{
			{at: 1, v: 200, want: "look"}, {at: 1.01, v: 199}, {at: 2, v: 200, want: "look"}, {at: 3, v: 190}, {at: 4, v: 200, want: "look"},
			{at: 5, v: 200, want: "kill"}}},
		{"unknown neither trips nor breaks the row", kill, 0, []step{
			{at: 1, v: 200, want: "look"}, {at: 2, v: 200, unknown: true}, {at: 3, v: 200, want: "kill"}}},
		{"goes before drain, also while that is under way", both, 0, []step{
			{at: 1, v: 100}, {at: 61, v: 100, want: "look"}, {at: 62, v: 200, want: "look drain"}, {at: 63, v: 200, want: "kill"},
			{at: 64, v: 150, want: "drain"}}},
	})
}

func TestCeilings(t *testing.T) {
	warn := Limit{Warn: pct(80)}
	low, high := pids(10, 100), pids(80, 100)
	runWatchCases(t, []watchCase{
		{"a percentage compares the ceiling's own usage, not the tree's total", warn, 0, []step{
			{at: 1, v: 99, c: pids(79, 100)}, {at: 2, v: 3, c: high, want: "warn"}, {at: 3, v: 99, c: pids(76, 100)},
			{at: 4, v: 99, c: pids(75, 100), want: "cleared"}}},
		{"it needs no total: the ceiling's own usage is enough", warn, 0, []step{{at: 1, unknown: true, c: high, want: "warn"}}},
		{"80% of 256 is 205, the first count at or over 204.8", warn, 0, []step{
			{at: 1, c: pids(204, 256)}, {at: 2, c: pids(205, 256), want: "warn"}}},
		{"100% is the ceiling itself", Limit{Warn: pct(100)}, 0, []step{
			{at: 1, c: pids(255, 256)}, {at: 2, c: pids(256, 256), want: "warn"}}},
		{"any of several ceilings trips", warn, 0, []step{
			{at: 1, c: nproc(low, 39, 50)}, {at: 2, c: nproc(low, 40, 50), want: "warn"},
			{at: 3, c: nproc(high, 1, 50)}, {at: 4, c: nproc(low, 1, 50), want: "cleared"}}},
		{"without a ceiling it is inactive: never trips, never blind", Limit{Warn: pct(1), Drain: pct(1), Kill: pct(1)}, 0, []step{
			{at: 1, v: 99}, {at: 2, v: 99}, {at: 3, unknown: true}, {at: 4, v: 9}, {at: 5, v: 9}, {at: 6, v: 9}, {at: 7, v: 9}}},
		{"a ceiling of nothing is none", warn, 0, []step{{at: 1, c: pids(5, 0)}}},
		{"an unknown usage neither trips nor clears", warn, 0, []step{
			{at: 1, v: 99, c: pidsHidden(100)}, {at: 2, c: high, want: "warn"}, {at: 3, v: 1, c: pidsHidden(100)}, {at: 4, c: high}}},
		{"of several, the unknown one is left out", warn, 0, []step{
			{at: 1, c: nproc(pidsHidden(100), 1, 50)}, {at: 2, c: nproc(pidsHidden(100), 40, 50), want: "warn"},
			{at: 3, c: nproc(pidsHidden(100), 1, 50), want: "cleared"}}},
		{"another ceiling cannot clear the one that was reached and is now unknown", warn, 0, []step{
			{at: 1, c: nproc(high, 1, 50), want: "warn"}, {at: 2, c: nproc(pidsHidden(100), 1, 50)},
			{at: 3, c: nproc(low, 1, 50), want: "cleared"}}},
		{"but it can reach the level itself", Limit{Kill: pct(80)}, 0, []step{
			{at: 1, c: nproc(high, 1, 50), want: "look"}, {at: 2, c: nproc(pidsHidden(100), 50, 50), want: "kill"}}},
		{"a ceiling that is gone neither trips nor clears", Limit{Drain: pct(80)}, 0, []step{
			{at: 1, c: high, want: "look"}, {at: 2, v: 500}, {at: 3, c: high, want: "drain"}}},
		{"levels of both kinds go by their own numbers", Limit{Warn: abs(50), Drain: pct(80)}, 0, []step{
			{at: 1, v: 50, c: low, want: "warn"}, {at: 2, v: 1, c: high, want: "cleared look"}, {at: 3, v: 1, c: high, want: "drain"}}},
	})
}

func TestBlind(t *testing.T) {
	dark := step{unknown: true}
	runWatchCases(t, []watchCase{
		{"five looks in a row are said once, and so is the next that sees", Limit{Drain: abs(100)}, 0, []step{
			dark, dark, dark, dark, {unknown: true, want: "blind"}, dark, dark, {v: 1, want: "sighted"}, {v: 1}, dark}},
		{"four are nothing, and one that sees begins the count anew", Limit{Drain: abs(100)}, 0, []step{
			dark, dark, dark, dark, {v: 1}, dark, dark, dark, dark, {v: 1}}},
		{"one threshold of several that cannot be judged is enough", Limit{Warn: pct(80), Kill: abs(9)}, 0, []step{
			{unknown: true, c: pids(1, 9)}, {unknown: true, c: pids(1, 9)}, {unknown: true, c: pids(1, 9)}, {unknown: true, c: pids(1, 9)},
			{unknown: true, c: pids(1, 9), want: "blind"}, {v: 1, c: pids(1, 9), want: "sighted"}}},
		{"another incarnation is as blind", Limit{Drain: abs(100)}, 0, []step{
			dark, dark, dark, dark, {unknown: true, want: "blind"}, {unknown: true, restart: true}, {v: 1, want: "sighted"}}},
	})
}

func TestLowered(t *testing.T) {
	above := Limit{Drain: pct(80), Kill: abs(250), For: 10 * time.Second}
	mirror := Limit{Drain: abs(500), Kill: pct(80), For: 10 * time.Second}
	roomy := pids(10, 1000)
	runWatchCases(t, []watchCase{
		{"a percent drain above kill drains at kill, two looks in a row, without for, and never kills", above, 0, []step{
			{at: 1, v: 10, c: roomy, want: "lowered"}, {at: 2, v: 249, c: roomy}, {at: 3, v: 250, c: roomy, want: "look"},
			{at: 3.1, v: 250, c: roomy, want: "drain"}, {at: 4, v: 9000, c: pids(1000, 1000), want: "drain"}}},
		{"a look under the level breaks the row", above, 0, []step{
			{at: 1, v: 250, c: roomy, want: "lowered look"}, {at: 2, v: 249, c: roomy}, {at: 3, v: 250, c: roomy, want: "look"},
			{at: 4, v: 250, c: roomy, want: "drain"}}},
		{"it is a drain: not before min_uptime", above, 30 * time.Second, []step{
			{at: 1, v: 250, c: roomy, want: "lowered"}, {at: 2, v: 250, c: roomy}, {at: 30, v: 250, c: roomy, want: "look"},
			{at: 31, v: 250, c: roomy, want: "drain"}}},
		{"it is the kill level: never at rest", above, 0, []step{
			{at: 1, v: 250, c: roomy, want: "lowered look"}, {at: 2, v: 250, c: roomy, rest: true, want: "drain"}}},
		{"an absolute drain above a percent kill, likewise", mirror, 0, []step{
			{at: 1, v: 10, c: pids(10, 100), want: "lowered"}, {at: 2, v: 10, c: pids(80, 100), want: "look"},
			{at: 3, v: 10, c: pids(80, 100), want: "drain"}}},
		{"where the percentage lies at or below kill nothing changes", above, 0, []step{
			{at: 1, v: 250, c: pids(10, 312), want: "look"}, {at: 2, v: 250, c: pids(10, 312), want: "kill"}}},
		{"the lowest ceiling tells, whichever is used most", above, 0, []step{
			{at: 1, v: 250, c: nproc(pids(900, 1000), 1, 100), want: "look"}, {at: 2, v: 250, c: nproc(pids(1, 1000), 1, 100), want: "kill"}}},
		{"without a ceiling the percentage is inactive and kill kills", above, 0, []step{
			{at: 1, v: 250, want: "look"}, {at: 2, v: 250, want: "kill"}}},
		{"known once, it holds while the ceiling is unknown", above, 0, []step{
			{at: 1, v: 10, c: roomy, want: "lowered"}, {at: 2, v: 250, want: "look"}, {at: 3, v: 250, want: "drain"}}},
		{"a ceiling tells also when its usage is unknown", above, 0, []step{
			{at: 1, v: 250, c: pidsHidden(1000), want: "lowered look"}, {at: 2, v: 250, c: pidsHidden(1000), want: "drain"}}},
		{"a warn above drain is merely without effect", Limit{Warn: pct(90), Drain: abs(100)}, 0, []step{
			{at: 1, v: 100, c: roomy, want: "look"}, {at: 2, v: 100, c: roomy, want: "drain"}}},
	})
}
