package policy

import "time"

// Drain is how an app is brought down without losing work: wait for the load balancer, dump, quiet, stop signals,
// leftovers, KILL.
type Drain struct {
	PreStopDelay time.Duration // the app goes on serving while a load balancer takes it out; 0: none
	DumpSignal   Signal        // makes the app print its own backtraces; 0: none. Not for a stop from outside
	DumpWait     time.Duration // how long it gets for that
	QuietSignal  Signal        // 0: none
	QuietMeans   bool          // the app is asked to go quiet by other means too; which is not decided here
	QuietTimeout time.Duration // how long quiet lasts at most
	Idle         bool          // quiet ends as soon as the app is idle; how that is told is not decided here
	StopSignal   Signal        // 0: TERM for a drain we began; a stop from outside passes on the signal that came
	StopSequence []StopStep    // signals one after the other instead of StopSignal; Timeout is then their sum
	StopOn       []Signal      // these start the clock of a stop; any other signal is only forwarded
	Timeout      time.Duration // from the stop signal to KILL, for a drain that reaperd began
	StopTimeout  time.Duration // the same for a stop from outside, counted from the signal's arrival
}

// StopStep is one signal of a stop sequence and how long it may take to work.
type StopStep struct {
	Signal Signal
	Wait   time.Duration
}

// Steps are the stop signals in a budget, each with the time that it has: the sequence, shortened in proportion where it
// does not fit, or the one signal. Came is what that is where nothing else was asked for.
func (d Drain) Steps(came Signal, budget time.Duration) []StopStep {
	switch {
	case len(d.StopSequence) == 0 && d.StopSignal != 0:
		return []StopStep{{d.StopSignal, budget}}
	case len(d.StopSequence) == 0:
		return []StopStep{{came, budget}}
	}
	var total time.Duration
	for _, s := range d.StopSequence {
		total += s.Wait
	}
	steps := make([]StopStep, len(d.StopSequence))
	for i, s := range d.StopSequence {
		steps[i] = s
		if total > budget {
			steps[i].Wait = time.Duration(float64(s.Wait) * float64(budget) / float64(total))
		}
	}
	return steps
}

// Compressed is what a stop from outside has time for before its stop signal: half of its budget at most for the load
// balancer, and for quiet what the stop signal, with its whole Timeout, leaves over. To cut that would lose work: a
// Sidekiq that gets its KILL before its own 25 s are over has not pushed its jobs back.
func (d Drain) Compressed() (delay, quiet time.Duration) {
	delay = min(d.PreStopDelay, d.StopTimeout/2)
	return delay, max(0, min(d.QuietTimeout, d.StopTimeout-delay-d.Timeout))
}

// HasQuiet says whether a drain has a quiet stage.
func (d Drain) HasQuiet() bool { return d.QuietSignal != 0 || d.QuietMeans || d.Idle }

// StopsOn says whether sig, as it came and before any rewriting, asks for a stop.
func (d Drain) StopsOn(sig Signal) bool {
	for _, s := range d.StopOn {
		if s == sig {
			return true
		}
	}
	return false
}

// LeftoverShare is the part of a drain's budget kept for what is left when the main process is slow:
// 2 s, or a tenth of the budget if that is less.
func LeftoverShare(budget time.Duration) time.Duration {
	return min(2*time.Second, budget/10)
}

// Restart says what follows when the app has ended.
type Restart struct {
	OnLimit       OnLimit
	OnExit        OnExit
	Delay         time.Duration
	MaxDelay      time.Duration
	Burst         int
	BurstInterval time.Duration
	ExitCode      int // when a limit ended the app; never 0

	Overlap      bool // the replacement starts and is ready before the old app is drained
	Ready        Ready
	ReadyTimeout time.Duration // a replacement that is not ready by then is ended, and the old app stays
}

// Ready is how a replacement shows that it can take over: one of these, or nothing is known of it.
type Ready struct {
	Notify bool          // it says READY=1
	URL    string        // this answers with 2xx
	After  time.Duration // it has been up this long
}

// Possible says whether anything can restart the app.
func (r Restart) Possible() bool { return r.OnLimit == LimitRestart || r.OnExit != ExitNever }

// OnLimit is what follows a drain for a limit.
type OnLimit string

// OnExit is what follows an end that nobody asked for.
type OnExit string

// Values of restart.on_limit and restart.on_exit.
const (
	LimitExit     OnLimit = "exit"
	LimitRestart  OnLimit = "restart"
	ExitNever     OnExit  = "never"
	ExitOnFailure OnExit  = "on-failure"
	ExitAlways    OnExit  = "always"
)
