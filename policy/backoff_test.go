package policy

import (
	"math"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const refused = -1.0
	type ask struct{ at, want float64 } // seconds
	def := Restart{Delay: time.Second, MaxDelay: time.Minute, Burst: 5, BurstInterval: 10 * time.Minute}
	long := Restart{Delay: time.Second, MaxDelay: 10 * time.Second, Burst: 1000, BurstInterval: time.Hour}
	for _, c := range []struct {
		name string
		r    Restart
		asks []ask
	}{
		{"doubles, and the sixth in the interval is refused", def, []ask{{0, 1}, {10, 2}, {20, 4}, {30, 8}, {40, 16}, {50, refused}}},
		{"one that was refused is not counted", def,
			[]ask{{0, 1}, {10, 2}, {20, 4}, {30, 8}, {40, 16}, {50, refused}, {599, refused}, {600, 16}, {601, refused}}},
		{"old ones are forgotten one by one", def, []ask{{0, 1}, {100, 2}, {599, 4}, {600, 4}, {700, 4}, {1199, 4}, {1800, 1}}},
		{"a restart now and then always waits the least", def, []ask{{0, 1}, {600, 1}, {1200, 1}, {9000, 1}}},
		{"never over max_delay", long, []ask{{0, 1}, {1, 2}, {2, 4}, {3, 8}, {4, 10}, {5, 10}, {6, 10}}},
		{"a delay over max_delay is cut", Restart{Delay: time.Hour, MaxDelay: time.Minute, Burst: 2, BurstInterval: time.Hour}, []ask{{0, 60}, {1, 60}}},
		{"no delay stays none", Restart{MaxDelay: time.Minute, Burst: 3, BurstInterval: time.Hour}, []ask{{0, 0}, {0, 0}, {0, 0}, {0, refused}}},
		{"a burst of 0 grants none", Restart{Delay: 1, MaxDelay: 1, BurstInterval: time.Hour}, []ask{{0, refused}}},
		{"a burst_interval of 0 remembers none", Restart{Delay: time.Second, MaxDelay: time.Minute, Burst: 1}, []ask{{0, 1}, {0, 1}, {1, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := NewBackoff(c.r)
			for _, a := range c.asks {
				delay, giveUp := b.Next(t0.Add(seconds(a.at)))
				if got := delay.Seconds(); giveUp != (a.want == refused) || !giveUp && got != a.want {
					t.Errorf("at %vs: got %v give up %v, want %v", a.at, delay, giveUp, a.want)
				}
			}
		})
	}
}

func TestBackoffDoesNotOverflow(t *testing.T) {
	b := NewBackoff(Restart{Delay: time.Second, MaxDelay: math.MaxInt64, Burst: 200, BurstInterval: time.Hour})
	last := time.Duration(0)
	for n := range 200 {
		delay, giveUp := b.Next(t0)
		if giveUp || delay < last {
			t.Fatalf("restart %d: got %v give up %v after %v", n+1, delay, giveUp, last)
		}
		last = delay
	}
	if last != math.MaxInt64 {
		t.Errorf("got %v, want max_delay", last)
	}
}
