package policy

import (
	"testing"
	"time"
)

// FuzzWatch plays looks made of three bytes each (time passed, value, what is known) and holds every verdict against
// rules simple enough to be checked without a Watch.
func FuzzWatch(f *testing.F) {
	f.Add(uint8(0), []byte("\x01\x50\x00\x01\x50\x00\x01\x50\x00"))
	f.Add(uint8(1), []byte("\x09\x50\x00\x01\x50\x01\x01\x50\x00\x01\x70\x00\x01\x70\x00"))
	f.Add(uint8(2), []byte("\x01\xf0\x00\x01\xf0\x00\x01\xf0\x02\x01\xf0\x00"))
	f.Add(uint8(3), []byte("\x40\x60\x00\x01\x60\x01\x01\x60\x01\x01\x60\x01\x01\x60\x01\x01\x60\x01\x01\x60\x00\x01\x60\x00"))
	limits := []Limit{
		{Warn: abs(60), Drain: abs(80), Kill: abs(100)},
		{Warn: abs(60), Drain: abs(80), Kill: abs(100), For: 5 * time.Second},
		{Warn: pct(50), Drain: pct(80), Kill: pct(90)},
		{Drain: pct(80), Kill: abs(100)}, // lowered: 80% of 200 is above kill
	}
	const minUptime, ceiling = 10 * time.Second, 200
	f.Fuzz(func(t *testing.T, which uint8, looks []byte) {
		l := limits[int(which)%len(limits)]
		w := NewWatch(l, minUptime)
		at, up := t0, time.Duration(0)
		var lastValue uint64 // of the last known look of this incarnation
		warned, blindSaid, saidAt := false, false, time.Time{}
		for ; len(looks) >= 3; looks = looks[3:] {
			pass, value, known := time.Duration(looks[0])*100*time.Millisecond, uint64(looks[1]), looks[2]&1 == 0
			at, up = at.Add(pass), up+pass
			if looks[2]&2 != 0 {
				w.Restarted()
				up, warned, lastValue = 0, false, 0
			}
			m := Measure{Reading: Reading{Value: value, Known: known},
				Ceilings: []Ceiling{{Name: "pids.max", Used: Reading{Value: value, Known: known}, Max: ceiling}}}
			v := w.Step(at, up, m)

			drainAt, killAt := number(l.Drain, ceiling), number(l.Kill, ceiling)
			lowered := drainAt > killAt
			drainAt = min(drainAt, killAt)
			if !known && (v.Act != ActNone || v.Look || v.Warn || v.Cleared || v.Sighted) {
				t.Fatalf("unknown: got %q", words(v))
			}
			if v.Act == ActDrain && (up < minUptime || min(value, lastValue) < drainAt) {
				t.Fatalf("drain at %v after %d then %d, want %v and two looks at %d", up, lastValue, value, minUptime, drainAt)
			}
			if v.Act == ActDrain && v.Breach.Since < l.For && !lowered {
				t.Fatalf("drain of a breach of %v, want %v", v.Breach.Since, l.For)
			}
			if v.Act == ActKill && (lowered || min(value, lastValue) < killAt) {
				t.Fatalf("kill after %d then %d, want two looks at %d (lowered %v)", lastValue, value, killAt, lowered)
			}
			if v.Warn && (warned || value < number(l.Warn, ceiling) || !saidAt.IsZero() && at.Sub(saidAt) < 10*time.Minute) {
				t.Fatalf("warning of %d, said before %v at %v, now %v", value, warned, saidAt, at)
			}
			if v.Cleared && (!warned || value*100 >= 95*number(l.Warn, ceiling)) {
				t.Fatalf("cleared at %d, warned %v", value, warned)
			}
			if v.Blind && blindSaid || v.Sighted && !blindSaid {
				t.Fatalf("got %q, blind was said %v", words(v), blindSaid)
			}
			if v.Warn {
				saidAt = at
			}
			warned = (warned || v.Warn) && !v.Cleared
			blindSaid = (blindSaid || v.Blind) && !v.Sighted
			if known {
				lastValue = value
			}
		}
	})
}

func number(t Threshold, ceiling uint64) uint64 {
	if t.Percent == 0 {
		return t.Value
	}
	return uint64(float64(ceiling) * t.Percent / 100)
}
