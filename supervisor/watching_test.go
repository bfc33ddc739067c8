package supervisor

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

func logTo(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: w})
}

// TestStaleFindingsAreDropped: of an incarnation that is gone, and of an app that is not there.
func TestStaleFindingsAreDropped(t *testing.T) {
	var log strings.Builder
	c := Config{Plan: defaults(), Log: logTo(&log)}
	l := &loop{Config: c, app: &app{machine: NewMachine(c.Plan), generation: 2}}
	warned := func(generation uint64) finding {
		return finding{generation: generation, says: []Say{{Warn, "limit warning", []any{"metric", policy.Threads}}}}
	}
	l.onFinding(warned(2))
	l.child = &reaper.Child{PID: 7}
	l.onFinding(warned(1))
	if log.Len() > 0 {
		t.Errorf("got %q, want nothing from stale findings", log.String())
	}
	l.onFinding(warned(2))
	if !strings.Contains(log.String(), "limit warning: metric=threads") {
		t.Errorf("got %q, want the warning of the current one", log.String())
	}
}

// watching runs a watcher that says each look on a channel.
func watching(t *testing.T, interval time.Duration, limit policy.Limit, see func() uint64) (*watcher, chan watchOrder) {
	t.Helper()
	c := Config{Plan: defaults(), Log: logTo(io.Discard)}
	c.Limits.Interval, c.Limits.Of[policy.Threads] = interval, limit
	looked := make(chan watchOrder)
	c.Looker = Looker{
		Look: func(main int, generation uint64, _ ...int) policy.Sample {
			looked <- watchOrder{main: main, generation: generation}
			return threads(generation, see())
		},
		Notes: func() []string { return nil },
	}
	w := newWatcher(c)
	go w.run()
	return w, looked
}

// end ends run.
func (w *watcher) end() {
	close(w.orders)
	w.wake()
}

func TestTheWatcherLooksWhereItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, looked := watching(t, 10*s, policy.Limit{Metric: policy.Threads, Warn: absolute(50)}, func() uint64 { return 1 })
		began := time.Now()
		w.tell(watchOrder{main: 7, generation: 1, since: began})
		for i, want := range []time.Duration{firstLook, firstLook + 10*s, firstLook + 20*s} { // soon after the start, then at the interval
			if got := <-looked; got != (watchOrder{main: 7, generation: 1}) || time.Since(began) != want {
				t.Errorf("look %d: got %+v after %v, want pid 7 of generation 1 after %v", i, got, time.Since(began), want)
			}
		}
		w.tell(watchOrder{generation: 1})
		select {
		case got := <-looked:
			t.Errorf("got a look at %+v, want none: there is no app", got)
		case <-time.After(time.Minute):
		}
		w.tell(watchOrder{generation: 1, draining: true})
		if got := <-looked; got != (watchOrder{generation: 1}) {
			t.Errorf("got a look at %+v, want one at what the app left behind", got)
		}
		w.tell(watchOrder{main: 8, generation: 2, since: time.Now()})
		if got := <-looked; got != (watchOrder{main: 8, generation: 2}) {
			t.Errorf("got a look at %+v, want pid 8 of generation 2", got)
		}
		w.end()
	})
}

func TestALookThatMustBeConfirmedIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := policy.Limit{Metric: policy.Threads, Kill: absolute(50)}
		w, looked := watching(t, 10*s, limit, func() uint64 { return 100 })
		began := time.Now()
		w.tell(watchOrder{main: 7, generation: 1, since: began})
		<-looked
		<-looked
		if f := <-w.findings; f.trip == nil || !f.trip.Kill || time.Since(began) != firstLook {
			t.Errorf("got %+v after %v, want a kill by two looks after %v", f, time.Since(began), firstLook)
		}
		w.end()
	})
}

func TestABreachIsLookedAtWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := policy.Limit{Metric: policy.Threads, Drain: absolute(50), For: 300 * ms}
		w, looked := watching(t, 10*s, limit, func() uint64 { return 100 })
		began := time.Now()
		w.tell(watchOrder{main: 7, generation: 1, since: began})
		<-looked
		<-looked
		<-looked
		if f := <-w.findings; f.trip == nil || time.Since(began) != firstLook+300*ms {
			t.Errorf("got %+v after %v, want a drain after the first look and for", f, time.Since(began))
		}
		w.end()
	})
}

// TestALimitThatStaysReachedDoesNotSpin: what is found may not be acted upon (dry run, a drain that is under way).
func TestALimitThatStaysReachedDoesNotSpin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit policy.Limit
		see   func(i int) uint64
	}{
		{"drain", policy.Limit{Drain: absolute(50), For: 300 * ms}, func(int) uint64 { return 100 }},
		{"drain without for", policy.Limit{Drain: absolute(50)}, func(int) uint64 { return 100 }},
		{"kill", policy.Limit{Kill: absolute(50)}, func(int) uint64 { return 100 }},
		{"a value that hangs about the level", policy.Limit{Drain: absolute(100), Kill: absolute(100)}, func(i int) uint64 { return 100 - uint64(i%2) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.limit.Metric = policy.Threads
				i := 0
				w, looked := watching(t, s, tt.limit, func() uint64 { i++; return tt.see(i) })
				w.tell(watchOrder{main: 7, generation: 1, since: time.Now()})
				looks := 0
				for over := time.After(time.Minute); over != nil; {
					select {
					case <-looked:
						looks++
					case <-w.findings:
					case <-over:
						over = nil
					}
				}
				// A value just under its level may be looked at every 50 ms, and each time once more at the level.
				if most := int(time.Minute/(50*ms)) * 2; looks < 60 || looks > most {
					t.Errorf("got %d looks in a minute, want 60 to %d", looks, most)
				}
				w.end()
			})
		})
	}
}

// TestTheLoopNeverWaitsForTheWatcher: not while it looks, nor while it has something to tell.
func TestTheLoopNeverWaitsForTheWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, looked := watching(t, s, policy.Limit{Metric: policy.Threads, Warn: absolute(50)}, func() uint64 { return 100 })
		tell := func(generation uint64) {
			for draining := range 10 {
				w.tell(watchOrder{main: 7, generation: generation, since: time.Now(), draining: draining%2 == 1})
			}
		}
		tell(1)
		<-time.After(firstLook)
		synctest.Wait() // the look has begun
		tell(2)
		<-looked
		synctest.Wait() // the watcher has a warning for us
		tell(3)
		if f := <-w.findings; f.generation != 1 {
			t.Errorf("got a finding of generation %d, want 1: the one that was looked at", f.generation)
		}
		if got := <-looked; got.generation != 3 {
			t.Errorf("got a look at generation %d, want 3: the newest order", got.generation)
		}
		w.end()
	})
}
