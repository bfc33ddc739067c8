package supervisor

import (
	"testing"
	"time"
)

func sleepers(t *testing.T) map[string]sleeper {
	t.Helper()
	kernel, ok := newSleeper().(*timerSleeper)
	if !ok {
		t.Fatal("no timerfd, or no epoll that takes it")
	}
	t.Cleanup(func() { kernel.file.Close() })
	return map[string]sleeper{"kernel": kernel, "plain": newPlainSleeper()}
}

func TestASleepLasts(t *testing.T) {
	for name, sl := range sleepers(t) {
		for _, d := range []time.Duration{0, time.Microsecond, 20 * ms, -time.Hour, ms} {
			began := time.Now()
			sl.sleep(d)
			if took := time.Since(began); took < d {
				t.Errorf("%s: a sleep of %v took %v", name, d, took)
			}
		}
	}
}

// TestAWakeIsNeverLost: before the sleep, in its beginning or in the middle; and the sleep after it is a whole one.
func TestAWakeIsNeverLost(t *testing.T) {
	for name, sl := range sleepers(t) {
		t.Run(name, func(t *testing.T) {
			limit := time.AfterFunc(patience, func() { panic("a wake was lost") })
			defer limit.Stop()
			wakes, slept := make(chan time.Duration), make(chan struct{})
			go func() {
				for delay := range wakes {
					time.Sleep(delay)
					sl.wake()
				}
			}()
			defer close(wakes)
			go func() {
				defer close(slept)
				for range 500 {
					sl.sleep(time.Hour)
					slept <- struct{}{}
				}
			}()
			for i := range 500 {
				wakes <- time.Duration(i%100) * time.Microsecond
				<-slept
			}
			<-slept
			sl.wake()
			sl.wake()
			sl.sleep(time.Hour)
			began := time.Now()
			sl.sleep(20 * ms)
			if took := time.Since(began); took < 20*ms {
				t.Errorf("a sleep of 20ms after one that was ended took %v", took)
			}
		})
	}
}

func TestASleepAllocatesNothing(t *testing.T) {
	for name, sl := range sleepers(t) {
		if got := testing.AllocsPerRun(100, func() { sl.sleep(0) }); got > 0 {
			t.Errorf("%s: got %v allocations a sleep, want none", name, got)
		}
	}
}
