package policy

import (
	"math"
	"testing"
	"time"
)

func TestJitter(t *testing.T) {
	tenth := Jitter{Share: 0.1}
	if got := tenth.Duration(12*time.Hour, 0.5); got != 11*time.Hour+24*time.Minute {
		t.Errorf("half of a tenth of 12h: got %v, want 11h24m", got)
	}
	for _, c := range []struct {
		name   string
		j      Jitter
		random float64
		t      Threshold
		want   Threshold
	}{
		{"nothing drawn takes nothing", tenth, 0, abs(400), abs(400)},
		{"no jitter takes nothing", Jitter{}, 0.9, abs(math.MaxUint64), abs(math.MaxUint64)},
		{"nor of a percentage", Jitter{}, 0.9, pct(33.333), pct(33.333)},
		{"half of a tenth", tenth, 0.5, abs(400), abs(380)},
		{"a tenth is never quite reached, rounding is downwards", tenth, 0.999, abs(400), abs(360)},
		{"a count of one stays", Jitter{Share: 0.9}, 0.9, abs(1), abs(1)},
		{"a percentage", tenth, 0.5, pct(80), pct(76)},
		{"a percentage in hundredths", tenth, 0.123456, pct(80), pct(79.01)},
		{"a percentage below a hundredth stays", tenth, 0.5, pct(0.001), pct(0.001)},
		{"one that has thousandths is never raised", tenth, 0.00001, pct(33.333), pct(33.33)},
		{"what is not set stays so", tenth, 0.5, Threshold{}, Threshold{}},
		{"a share that makes no sense takes at most all but one", Jitter{Share: 7}, 0.9, abs(400), abs(1)},
		{"nor does a negative one add anything", Jitter{Share: -1}, 0.9, abs(400), abs(400)},
	} {
		if got := c.j.Threshold(c.t, c.random); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	if got := (Jitter{}).Count(math.MaxUint64, 0.9); got != math.MaxUint64 {
		t.Errorf("no jitter: got %v, want all of it", got)
	}
	if got := (Jitter{Share: -1}).Duration(time.Hour, 0.9); got != time.Hour {
		t.Errorf("a negative share: got %v, want an hour", got)
	}
}

func TestJitterOfALimit(t *testing.T) {
	j := Jitter{Share: 0.2}
	got := j.Limit(Limit{Warn: pct(50), Drain: abs(400), Kill: abs(500), Growth: Rate{20, time.Minute}}, 0.5)
	want := Limit{Warn: pct(50), Drain: abs(360), Kill: abs(500), Growth: Rate{18, time.Minute}}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, c := range []struct {
		name              string
		warn, drain, want Threshold
	}{
		{"drain does not fall below warn", abs(390), abs(400), abs(390)},
		{"nor as a percentage", pct(79), pct(80), pct(79)},
		{"a warn above drain, of another limit file, does not raise it", abs(500), abs(400), abs(400)},
		{"a warn far below is not in the way", abs(10), abs(400), abs(360)},
		{"no drain stays none", abs(10), Threshold{}, Threshold{}},
	} {
		if got := j.Limit(Limit{Warn: c.warn, Drain: c.drain}, 0.5).Drain; got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func FuzzJitter(f *testing.F) {
	f.Add(uint64(400), 80.0, 0.1, 0.5)
	f.Fuzz(func(t *testing.T, v uint64, percent, share, random float64) {
		if !(share >= 0 && share < 1 && random >= 0 && random < 1 && percent > 0 && percent <= 100) {
			return
		}
		j := Jitter{share}
		if got := j.Threshold(pct(percent), random).Percent; got <= 0 || got > percent || got < percent*(1-share)-0.011 {
			t.Errorf("%v%%: got %v", percent, got)
		}
		d := time.Duration(v >> 1)
		if got := j.Duration(d, random); got < 0 || got > d || float64(got) < float64(d)*(1-share)*0.999-1 {
			t.Errorf("%v: got %v", d, got)
		}
		if v == 0 {
			return
		}
		if got := j.Count(v, random); got < 1 || got > v || float64(got) < float64(v)*(1-share)*0.999-1 {
			t.Errorf("%v: got %v", v, got)
		}
	})
}
