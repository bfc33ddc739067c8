package policy

import (
	"testing"
	"time"
)

func TestLeftoverShare(t *testing.T) {
	for budget, want := range map[time.Duration]time.Duration{
		0: 0, time.Second: 100 * time.Millisecond, 20 * time.Second: 2 * time.Second, time.Hour: 2 * time.Second,
	} {
		if got := LeftoverShare(budget); got != want {
			t.Errorf("of %v: got %v, want %v", budget, got, want)
		}
	}
}

func TestStopsOnAndPossible(t *testing.T) {
	d := Drain{StopOn: []Signal{SIGTERM, SIGINT}}
	for s, want := range map[Signal]bool{SIGTERM: true, SIGINT: true, SIGQUIT: false, 0: false} {
		if got := d.StopsOn(s); got != want {
			t.Errorf("stops on %v: got %v, want %v", s, got, want)
		}
	}
	for _, c := range []struct {
		r    Restart
		want bool
	}{
		{Restart{OnLimit: LimitExit, OnExit: ExitNever}, false},
		{Restart{OnLimit: LimitRestart, OnExit: ExitNever}, true},
		{Restart{OnLimit: LimitExit, OnExit: ExitOnFailure}, true},
		{Restart{OnLimit: LimitExit, OnExit: ExitAlways}, true},
	} {
		if got := c.r.Possible(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.r, got, c.want)
		}
	}
}

func TestLimitActiveAndActs(t *testing.T) {
	for _, c := range []struct {
		l            Limit
		active, acts bool
	}{{Limit{For: 1}, false, false}, {Limit{Warn: abs(1)}, true, false}, {Limit{Drain: pct(1)}, true, true}, {Limit{Kill: abs(1)}, true, true}} {
		if c.l.Active() != c.active || c.l.Acts() != c.acts {
			t.Errorf("%+v: got active %v acts %v", c.l, c.l.Active(), c.l.Acts())
		}
	}
}
