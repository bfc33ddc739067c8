package policy

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const hour = 3600.0

// noise is the same in every run.
func noise() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func tooth(s, period, height float64) float64 { return math.Mod(s, period) / period * height }

// series is a value over seconds, looked at every so often.
type series struct {
	name  string
	value func(s float64) float64
	level uint64
	until float64
	every float64 // 0: 1 s
}

// forecasts plays the series and gives what was forecast at each look; below 0 is nothing.
func (c series) forecasts() (at, said []float64) {
	var trend Trend
	for s := 0.0; s < c.until; s += max(1, c.every) {
		trend.Add(seconds(s), Known(uint64(c.value(s))))
		d, ok := trend.Forecast(c.level)
		if !ok {
			d = -1
		}
		at, said = append(at, s), append(said, d.Seconds())
	}
	return at, said
}

func TestTrendIsSilentWhereTheDataShowNoLine(t *testing.T) {
	r := noise()
	for _, c := range []struct {
		series
		from float64 // seconds until it must have understood
	}{
		{series{"flat", func(float64) float64 { return 100 }, 110, 6 * hour, 1}, 0},
		{series{"flat with noise", func(float64) float64 { return 1e8 + r.Float64()*1e7 }, 115e6, 24 * hour, 5}, 0},
		{series{"a count that wavers", func(float64) float64 { return math.Round(20 + 2*r.NormFloat64()) }, 30, 24 * hour, 1}, 0},
		{series{"falling", func(s float64) float64 { return 1e9 - 1e4*s }, 2e9, 6 * hour, 1}, 0},
		{series{"one step", func(s float64) float64 {
			if s > hour {
				return 300
			}
			return 100
		}, 400, 6 * hour, 1}, 0},
		{series{"one step with noise", func(s float64) float64 {
			if s > hour {
				return 3e8 + r.Float64()*1e7
			}
			return 1e8 + r.Float64()*1e7
		}, 4e8, 6 * hour, 1}, 0},
		{series{"single spikes", func(s float64) float64 {
			if int(s)%97 == 0 {
				return 3e8
			}
			return 1e8 + r.Float64()*1e7
		}, 4e8, 6 * hour, 1}, 0},
		{series{"boot, then flat", func(s float64) float64 { return 1e8 + 1e7*min(20, s) + r.Float64()*5e6 }, 4e8, 6 * hour, 1}, 0},
		{series{"a garbage collector once a minute", func(s float64) float64 { return 1e8 + tooth(s, 60, 1e8) }, 25e7, 6 * hour, 1}, 180},
		{series{"one every 7 minutes", func(s float64) float64 { return 1e8 + tooth(s, 420, 1e8) }, 22e7, 8 * hour, 1}, 21 * 60},
		{series{"one every 40 minutes", func(s float64) float64 { return 1e8 + tooth(s, 2400, 1e8) }, 21e7, 12 * hour, 1}, 2 * hour},
		{series{"one with noise", func(s float64) float64 { return 1e8 + tooth(s, 173, 1e8) + r.Float64()*2e7 }, 23e7, 12 * hour, 1}, 600},
		{series{"day and night", func(s float64) float64 { return 1e8 + 5e7*math.Sin(s/86400*2*math.Pi) + r.Float64()*5e6 }, 2e8, 96 * hour, 10}, 31 * hour},
		{series{"a leak of an hour that stopped half an hour ago", func(s float64) float64 { return 1e8 + 1e5*min(hour, s) + r.Float64()*5e6 }, 6e8, 6 * hour, 1}, 1.45 * hour},
		{series{"a leak too slow for what was seen", func(s float64) float64 { return 1e8 + 1e3*s }, 1e9, 24 * hour, 5}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, said := c.forecasts()
			for i := range at {
				if at[i] >= c.from && said[i] >= 0 {
					t.Fatalf("at %v: got a forecast of %v, want none", seconds(at[i]), seconds(said[i]))
				}
			}
		})
	}
}

func TestTrendForecastsALeak(t *testing.T) {
	r := noise()
	for _, c := range []struct {
		series
		from  float64 // from here on there is a forecast at every look until the level is reached
		error float64 // as a share of the time that is left
	}{
		{series{name: "a straight line", value: func(s float64) float64 { return 1e8 + 1e6*s }, level: 1e9, until: 880}, 280, 0.02},
		{series{name: "from its 30th second, if it is fast", value: func(s float64) float64 { return 1e7 * s }, level: 1e9, until: 98}, 31, 0.05},
		{series{name: "a line with noise", value: func(s float64) float64 { return 1e8 + 1e6*s + r.Float64()*2e7 }, level: 1e9, until: 780}, 250, 0.15},
		{series{name: "looked at every 5 s", value: func(s float64) float64 { return 1e8 + 1e6*s + r.Float64()*2e7 }, level: 1e9, until: 780, every: 5}, 400, 0.15},
		{series{name: "a thread a minute", value: func(s float64) float64 { return 10 + math.Floor(s/60) }, level: 200, until: 10800}, 2400, 0.05},
		{series{name: "a thread an hour", value: func(s float64) float64 { return 10 + math.Floor(s/3600) }, level: 60, until: 44 * hour, every: 5}, 12 * hour, 0.1},
		{series{name: "below a garbage collector", value: func(s float64) float64 { return 1e8 + tooth(s, 60, 1e8) + 2e4*s }, level: 6e8, until: 4 * hour}, 5100, 0.05},
		{series{name: "below a slow one", value: func(s float64) float64 { return 1e8 + tooth(s, 420, 1e8) + 2e4*s }, level: 6e8, until: 4 * hour}, 7200, 0.1},
		{series{name: "with single spikes", value: func(s float64) float64 {
			if int(s)%97 == 0 {
				return 9e8
			}
			return 1e8 + 1e6*s
		}, level: 1e9, until: 780}, 280, 0.05},
		{series{name: "with single dips", value: func(s float64) float64 {
			if int(s)%1900 == 1899 {
				return 0
			}
			return 1e8 + 1e5*s
		}, level: 7e8, until: 5900}, 2900, 0.1},
		{series{name: "after two hours of rest with a spike in them", value: func(s float64) float64 {
			if s == 1000 {
				return 9e8
			}
			return 1e8 + 1e5*max(0, s-7200)
		}, level: 4e8, until: 10000}, 8700, 0.3},
		{series{name: "after two hours of rest", value: func(s float64) float64 { return 1e8 + 1e5*max(0, s-7200) + r.Float64()*5e6 }, level: 4e8, until: 9600}, 8700, 0.3},
		{series{name: "with a restart of a worker in it", value: func(s float64) float64 {
			if s > 2000 {
				return 7e7 + 1e5*s
			}
			return 1e8 + 1e5*s
		}, level: 5e8, until: 4000}, 2400, 0.35},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, said := c.forecasts()
			reached := c.until
			for c.value(reached) < float64(c.level) {
				reached++
			}
			for i := range at {
				left := reached - at[i]
				if at[i] < c.from {
					continue
				}
				if said[i] < 0 || math.Abs(said[i]-left) > c.error*left+2 {
					t.Fatalf("at %v: got %v, want %v", seconds(at[i]), seconds(said[i]), seconds(left))
				}
			}
		})
	}
}

func TestTrendOfAFastExponential(t *testing.T) {
	// A straight line is late for it, but it comes, and ever sooner.
	c := series{value: func(s float64) float64 { return 1e7 * math.Exp2(s/60) }, level: 1e9, until: 398}
	at, said := c.forecasts()
	for i := range at {
		if at[i] >= 300 && (said[i] < 398-at[i] || said[i] > 2.8*(404-at[i])) {
			t.Fatalf("at %v: got %v, want it late, and near in the end", seconds(at[i]), seconds(said[i]))
		}
	}
	if last := said[len(said)-1]; last > 30 {
		t.Errorf("at the level: got %v left", seconds(last))
	}
}

func TestTrendAtItsEdges(t *testing.T) {
	var trend Trend
	if _, _, ok := trend.line(); ok {
		t.Error("nothing seen: got a slope")
	}
	if _, ok := trend.Forecast(10); ok {
		t.Error("nothing seen: got a forecast")
	}
	for s := range 600 {
		trend.Add(seconds(float64(s)), Known(uint64(1000+10*s)))
		trend.Add(seconds(float64(s)), Known(1<<40))                // not later than the last
		trend.Add(seconds(float64(s)+0.5), Reading{Value: 1 << 40}) // unknown
	}
	if _, got, ok := trend.line(); !ok || math.Abs(got-10) > 0.01 {
		t.Errorf("got %v %v, want 10 a second", got, ok)
	}
	if got, ok := trend.Forecast(6990); ok {
		t.Errorf("a level that is reached: got %v", got)
	}
	if got, ok := trend.Forecast(6990 + 6000); !ok || got.Round(time.Second) != 10*time.Minute {
		t.Errorf("got %v %v, want 10m", got, ok)
	}
	if got, ok := trend.Forecast(1 << 60); ok {
		t.Errorf("further than the data reach: got %v", got)
	}
}

func TestEnvelopeLeavesOutWhatComesLate(t *testing.T) {
	e := envelope{window: 32 * time.Second}
	for _, s := range []float64{5, 6, 4, 7} {
		e.add(point{seconds(s), uint64(s)})
	}
	if e.n != 2 || e.full[0].low.value != 5 || e.latest().value != 6 {
		t.Errorf("got %+v, want the buckets of 5 s and 6 s", e.full[:e.n])
	}
}

func TestEnvelopeHoldsOnlyItsWindow(t *testing.T) {
	e := envelope{window: 32 * time.Second}
	for s := range 100 {
		e.add(point{seconds(float64(s)), uint64(s)})
	}
	if e.n != buckets || e.full[0].low.value != 67 || e.latest().value != 98 {
		t.Errorf("got %d buckets from %d to %d, want the 32 from 67 to 98", e.n, e.full[0].low.value, e.latest().value)
	}
	if e.add(point{time.Hour, 1}); e.n != 0 {
		t.Errorf("after an hour unseen: got %d buckets, want 0", e.n)
	}
}

func TestOneMisreadingAtTheEndOfALineBendsNothing(t *testing.T) {
	for dips, want := range []bool{true, true, false} {
		e := envelope{window: 32 * time.Second}
		for s := range 33 {
			v := uint64(1000 + 10*s)
			if s >= 32-dips {
				v = 0
			}
			e.add(point{seconds(float64(s)), v})
		}
		if got := e.fit(); got.rising != want {
			t.Errorf("%d dips: got %+v, want rising %v", dips, got, want)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	e := envelope{window: 32 * time.Second}
	for s := range 33 {
		e.add(point{seconds(float64(s)), uint64(1000 + 10*s + s%3)})
	}
	for b.Loop() {
		e.fitted = false
		e.fit()
	}
}

func TestForecastAtTheTopOfATooth(t *testing.T) {
	var trend Trend
	for s := range 3601 {
		trend.Add(seconds(float64(s)), Known(uint64(1e8+tooth(float64(s), 60, 1e8)+1e5*float64(s))))
	}
	if got, ok := trend.Forecast(trend.last.value + 1); !ok || got != 0 {
		t.Errorf("a level that the next tooth will reach: got %v %v, want 0s", got, ok)
	}
}

func TestReaches(t *testing.T) {
	var trend Trend
	for s := range 601 {
		trend.Add(seconds(float64(s)), Known(uint64(100+s)))
	}
	now := Measure{Reading: Known(700)}
	ceilings := Measure{Reading: Known(700), Ceilings: nproc(pids(900, 1000), 100, 10000)}
	for _, c := range []struct {
		name string
		t    Threshold
		m    Measure
		want time.Duration
		ok   bool
	}{
		{"a number", abs(1000), now, 5 * time.Minute, true},
		{"a share of the ceiling that has the least room, by its own usage", pct(100), ceilings, 100 * time.Second, true},
		{"not set", Threshold{}, now, 0, false},
		{"reached", abs(700), now, 0, false},
		{"a percentage without a ceiling", pct(80), now, 0, false},
		{"more than a number can hold", abs(math.MaxUint64), Measure{Reading: Known(0)}, 0, false},
	} {
		got, ok := trend.Reaches(c.t, c.m)
		if ok != c.ok || (got-c.want).Abs() > 2*time.Second {
			t.Errorf("%s: got %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestTrendAllocatesNothing(t *testing.T) {
	var trend Trend
	s := 0.0
	if got := testing.AllocsPerRun(1000, func() {
		s += 5
		trend.Add(seconds(s), Known(uint64(1e6+s)))
		trend.Forecast(2e6)
	}); got != 0 {
		t.Errorf("got %v allocations a look, want 0", got)
	}
}

// FuzzTrend plays looks of two bytes each (time passed, value) and holds forecasts to what can be said of any.
func FuzzTrend(f *testing.F) {
	f.Add([]byte("\x08\x01\x08\x02\x08\x03\x08\x04\x08\x05\x08\x06\x08\x07\x08\x08\x08\x09\x08\x0a\x08\x0b"))
	f.Add([]byte("\xff\x01\xff\x02\xff\x03\xff\x04\xff\x05\xff\x06\xff\x07\xff\x08\xff\x09\xff\x0a\xff\x0b"))
	f.Fuzz(func(t *testing.T, looks []byte) {
		var trend Trend
		up := time.Duration(0)
		for ; len(looks) >= 2; looks = looks[2:] {
			up += time.Duration(looks[0]) * time.Duration(looks[0]) * 100 * time.Millisecond
			value := uint64(looks[1]) << (looks[0] % 57)
			trend.Add(up, Known(value))
			_, slope, ok := trend.line()
			if ok && (slope <= 0 || math.IsInf(slope, 0) || math.IsNaN(slope)) {
				t.Fatalf("got a slope of %v", slope)
			}
			if got, said := trend.Forecast(value * 2); said && (!ok || got < 0 || got > farsight*up) {
				t.Fatalf("at %v: got %v, with a slope %v", up, got, ok)
			}
		}
	})
}

func BenchmarkTrendOfALeak(b *testing.B) {
	var trend Trend
	up := time.Duration(0)
	for i := 0; b.Loop(); i++ {
		up += time.Second
		trend.Add(up, Known(uint64(1e6+i)))
		trend.Forecast(1 << 40)
	}
}
