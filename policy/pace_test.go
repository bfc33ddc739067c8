package policy

import (
	"math"
	"testing"
	"time"
)

// world is what a Pace looks at: memory in bytes and threads as functions of seconds, at a fixed cost a look.
type world struct {
	limits  [NumMetrics]Limit
	memory  func(s float64) float64
	threads func(s float64) float64
	total   uint64 // memory ceiling; 0: none
	cost    time.Duration
	longest time.Duration // 0: 1 s
}

// look is one that was taken.
type look struct {
	at     time.Duration
	sample Sample
}

// run takes the looks that a Pace asks for, until a time or a sample that ends it.
func (w world) run(t *testing.T, until time.Duration, end func(Sample) bool) (looks []look, raised int) {
	t.Helper()
	if w.longest == 0 {
		w.longest = time.Second
	}
	if w.cost == 0 {
		w.cost = 80 * time.Microsecond
	}
	p := NewPace(w.limits, w.longest)
	for at := time.Duration(0); at < until; {
		s := w.sample(at)
		looks = append(looks, look{at, s})
		if end != nil && end(s) {
			break
		}
		wait, said := p.Next(s, w.cost)
		if said {
			raised++
		}
		if wait <= 0 || wait > w.longest {
			t.Fatalf("at %v: got a wait of %v, want above 0 and at most %v", at, wait, w.longest)
		}
		at += max(wait, w.cost)
	}
	return looks, raised
}

func (w world) sample(at time.Duration) Sample {
	s := Sample{At: t0.Add(at), Generation: 1}
	if w.memory != nil {
		used := Known(uint64(w.memory(at.Seconds())))
		s.Measures[Memory].Reading = used
		if w.total > 0 {
			s.Measures[Memory].Ceilings = []Ceiling{{Name: "memory.max", Used: used, Max: w.total}}
		}
	}
	if w.threads != nil {
		s.Measures[Threads].Reading = Known(uint64(w.threads(at.Seconds())))
	}
	return s
}

func memoryLimit(l Limit) (limits [NumMetrics]Limit) {
	limits[Memory] = l
	return limits
}

func rests(v float64) func(float64) float64 { return func(float64) float64 { return v } }

// bursts rests at a value and begins to grow at a time.
func bursts(rest, at, perSecond float64) func(float64) float64 {
	return func(s float64) float64 { return rest + max(0, s-at)*perSecond }
}

const mib = 1 << 20

func TestAnAllocatorIsNoticedSoon(t *testing.T) {
	for _, c := range []struct {
		name string
		w    world
		at   uint64  // the level
		most float64 // bytes past it
	}{
		{"200 MB/s from the start", world{limits: memoryLimit(Limit{Drain: abs(300e6)}), memory: bursts(0, 0, 200e6)}, 300e6, 2e6},
		{"200 MB/s from the start, kill", world{limits: memoryLimit(Limit{Kill: abs(300e6)}), memory: bursts(0, 0, 200e6)}, 300e6, 2e6},
		{"200 MB/s after a minute at rest", world{limits: memoryLimit(Limit{Drain: abs(300e6)}), memory: bursts(50e6, 60.37, 200e6)}, 300e6, 2e6},
		{"200 MB/s after an hour at rest", world{limits: memoryLimit(Limit{Drain: abs(300e6)}), memory: bursts(150e6, 3600.5, 200e6)}, 300e6, 2e6},
		{"90% of 512 MiB: past kill at 200 MB/s there are 50 MB left for us",
			world{limits: memoryLimit(Limit{Kill: pct(90)}), memory: bursts(80e6, 7.1, 200e6), total: 512 * mib}, 483183821, 2e6},
		{"past drain the looks go by kill", world{limits: memoryLimit(Limit{Drain: abs(100e6), Kill: abs(300e6)}), memory: bursts(0, 1, 200e6)}, 300e6, 2e6},
		{"1 GB/s from the start", world{limits: memoryLimit(Limit{Drain: abs(500e6)}), memory: bursts(0, 0, 1e9)}, 500e6, 6e6},
		{"quickening: twice as fast every 100 ms", world{limits: memoryLimit(Limit{Drain: abs(300e6)}),
			memory: func(s float64) float64 { return 1e6 * math.Exp2(10*s) }}, 300e6, 12e6},
	} {
		t.Run(c.name, func(t *testing.T) {
			worst := 0.0
			for phase := range 100 { // of the looks against the allocator
				w := c.w
				w.memory = func(s float64) float64 { return c.w.memory(max(0, s-0.0073*float64(phase))) }
				looks, _ := w.run(t, time.Hour+time.Minute, func(s Sample) bool { return s.Measures[Memory].Value >= c.at })
				last := looks[len(looks)-1].sample.Measures[Memory].Value
				if last < c.at {
					t.Fatal("never noticed")
				}
				worst = max(worst, float64(last-c.at))
			}
			t.Logf("at most %.2f MB past the level", worst/1e6)
			if worst > c.most {
				t.Errorf("noticed %.2f MB past the level, want at most %.2f", worst/1e6, c.most/1e6)
			}
		})
	}
}

func TestAnAppThatRestsIsLeftInPeace(t *testing.T) {
	for _, c := range []struct {
		name  string
		w     world
		most  float64 // looks a second, in the tenth minute
		least float64
	}{
		{"room for seconds: the longest interval", world{limits: memoryLimit(Limit{Drain: abs(512 * mib)}), memory: rests(100 * mib)}, 1, 1},
		{"its own interval is longer", world{limits: memoryLimit(Limit{Drain: abs(4 << 30)}), memory: rests(100 * mib), longest: 10 * time.Second}, 0.1, 0.1},
		{"64 MiB of room: what a burst could take in a quarter of a second", world{limits: memoryLimit(Limit{Drain: abs(512 * mib)}), memory: rests(448 * mib)}, 4, 3.9},
		{"a byte below the level: ten a second, not two hundred", world{limits: memoryLimit(Limit{Drain: abs(512 * mib)}), memory: rests(512*mib - 1)}, 10, 9.9},
		{"over drain, as long as it waits for its time", world{limits: memoryLimit(Limit{Drain: abs(100 * mib), Kill: abs(900 * mib)}), memory: rests(200 * mib)}, 1, 1},
		{"a limit that only warns", world{limits: memoryLimit(Limit{Warn: abs(100 * mib)}), memory: rests(100*mib - 1)}, 1, 1},
		{"a percentage without a ceiling", world{limits: memoryLimit(Limit{Drain: pct(90)}), memory: rests(100 * mib)}, 1, 1},
		{"a thread below the level", world{limits: [NumMetrics]Limit{Threads: {Drain: abs(200)}}, threads: rests(199)}, 1, 1},
		{"room for 200 threads: 2 s, if the interval allows it", world{limits: [NumMetrics]Limit{Threads: {Drain: abs(400)}}, threads: rests(200), longest: 10 * time.Second}, 0.5, 0.5},
		{"a growth of 1 MiB a minute is none", world{limits: memoryLimit(Limit{Drain: abs(512 * mib)}), memory: bursts(200*mib, 0, mib/60)}, 1, 1},
		{"nothing is watched", world{}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			looks, raised := c.w.run(t, 10*time.Minute, nil)
			n := 0
			for _, l := range looks {
				if l.at >= 9*time.Minute {
					n++
				}
			}
			if perSecond := float64(n) / 60; perSecond > c.most+0.02 || perSecond < c.least-0.02 {
				t.Errorf("got %v looks a second, want %v to %v", perSecond, c.least, c.most)
			}
			if raised != 0 && c.most < 10 {
				t.Errorf("the budget was said to be spent %d times, want 0", raised)
			}
		})
	}
}

func TestLooksStayWithinTheirBudget(t *testing.T) {
	crawls := memoryLimit(Limit{Drain: abs(300e6)})
	for _, c := range []struct {
		name string
		w    world
	}{
		{"looks of 5 ms at an app that grows for ever towards its level", world{limits: crawls, cost: 5 * time.Millisecond,
			memory: func(s float64) float64 { return 300e6 - 300e6*math.Exp(-s/10) }}},
		{"looks of 80 µs at one that jumps about below its level", world{limits: crawls,
			memory: func(s float64) float64 { return 299e6 - 20e6*math.Mod(s, 0.02)/0.02 }}},
		{"looks of 80 µs, after five minutes at rest", world{limits: crawls, memory: func(s float64) float64 {
			if s < 300 {
				return 0
			}
			return 299e6 - 20e6*math.Mod(s, 0.02)/0.02
		}}},
		{"looks of 1 ms at a thread pool that breathes", world{limits: [NumMetrics]Limit{Threads: {Kill: abs(200)}}, cost: time.Millisecond,
			threads: func(s float64) float64 { return 150 + 49*math.Sin(5*s) }}},
	} {
		t.Run(c.name, func(t *testing.T) {
			looks, raised := c.w.run(t, 10*time.Minute, nil)
			if raised != 1 {
				t.Errorf("said %d times that the budget makes looks rarer, want once", raised)
			}
			cost := max(c.w.cost, 80*time.Microsecond)
			first, worst := 0, time.Duration(0)
			for i, l := range looks {
				for looks[first].at <= l.at-10*time.Second {
					first++
				}
				worst = max(worst, time.Duration(i-first+1)*cost)
			}
			if worst > 100*time.Millisecond {
				t.Errorf("got %v of a core in 10 s, want 1%%", worst)
			}
		})
	}
}

func TestTheIntervalOfTheUserComesBeforeTheBudget(t *testing.T) {
	w := world{limits: memoryLimit(Limit{Drain: abs(300e6)}), memory: rests(299e6), cost: 200 * time.Millisecond}
	looks, raised := w.run(t, time.Minute, nil)
	if len(looks) != 60 || raised != 1 {
		t.Errorf("got %d looks and the budget said %d times, want 60 and once", len(looks), raised)
	}
}

func TestPaceOddLooks(t *testing.T) {
	limits := memoryLimit(Limit{Drain: abs(300 * mib)})
	at := func(ms int, generation uint64, r Reading) Sample {
		s := Sample{At: t0.Add(time.Duration(ms) * time.Millisecond), Generation: generation}
		s.Measures[Memory].Reading = r
		return s
	}
	near := Known(299 * mib)
	type odd struct {
		s    Sample
		want time.Duration
	}
	for _, c := range []struct {
		name  string
		looks []odd
	}{
		{"nothing known yet: no hurry", []odd{{at(0, 1, Reading{}), time.Second}}},
		{"the first number near the level: the floor", []odd{{at(0, 1, near), 5 * time.Millisecond}}},
		{"what is unknown now is as near as it was", []odd{{at(0, 1, near), 5 * time.Millisecond}, {at(5, 1, Reading{}), 5 * time.Millisecond}}},
		{"a look at the same time as the last changes nothing", []odd{{at(0, 1, Known(0)), 146484375}, {at(0, 1, near), 146484375}}},
		{"another app begins anew", []odd{{at(0, 1, near), 5 * time.Millisecond}, {at(5, 2, Reading{}), time.Second}}},
		{"a fall is no growth", []odd{{at(0, 1, Known(200*mib)), 48828125}, {at(60000, 1, Known(40*mib)), time.Second}}},
	} {
		p := NewPace(limits, time.Second)
		for i, o := range c.looks {
			if got, _ := p.Next(o.s, 0); got != o.want {
				t.Errorf("%s: look %d: got %v, want %v", c.name, i, got, o.want)
			}
		}
	}
}

func TestOOMKillsAreNoReasonToHurry(t *testing.T) {
	p := NewPace([NumMetrics]Limit{OOMKills: {Drain: abs(1)}}, time.Second)
	s := Sample{At: t0}
	s.Measures[OOMKills].Reading = Known(0)
	if got, _ := p.Next(s, 0); got != time.Second {
		t.Errorf("got %v, want %v", got, time.Second)
	}
}

func TestPaceAllocatesNothing(t *testing.T) {
	p := NewPace(memoryLimit(Limit{Drain: pct(90), Kill: abs(1 << 30)}), time.Second)
	s := world{memory: rests(100 * mib), total: 512 * mib}.sample(0)
	if got := testing.AllocsPerRun(100, func() { s.At = s.At.Add(time.Second); p.Next(s, time.Microsecond) }); got != 0 {
		t.Errorf("got %v allocations a look, want 0", got)
	}
}
