// Package supervisor is the life of the app: started, watched, drained, started again or ended. machine.go decides (a
// pure function of state and event), loop.go is the one goroutine that owns all state, perform.go acts.
package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// Phase is what is. What should be is Machine.down.
//
//	Starting    fork and exec have not returned yet             → Running; Waiting or Gone if they fail
//	Running     the app is up                                   → Quiet, Stopping, Leftovers, Killing
//	Quiet       it was asked to take no more work               → Stopping when it is over
//	Stopping    it has its stop signal and the clock runs       → Leftovers when it ends, Killing when time is up
//	Leftovers   the main process is gone, the rest has its TERM → settled when nothing is left, Killing when time is up
//	Killing     SIGKILL until nothing is left                   → settled; or given up on what cannot be killed
//	Held        all gone by a TERM or INT that nobody sent us   → settled 100 ms later
//	Waiting     a restart is due                                → Preparing or Starting
//	Preparing   pre_start runs                                  → Starting; Concluding if a stop comes
//	Concluding  post_stop runs                                  → Waiting or Gone
//	Gone        Exit was the last effect
type Phase uint8

// The phases.
const (
	Starting Phase = iota
	Running
	Quiet
	Stopping
	Leftovers
	Killing
	Held
	Waiting
	Preparing
	Concluding
	Gone
	numPhases
)

const (
	startReport    = 5 * time.Second        // an exec that takes longer is reported
	holdFor        = 100 * time.Millisecond // Heroku, foreman and honcho signal everybody at once; the app may be faster
	killAgain      = 20 * time.Millisecond  // between two walks of SIGKILL
	freezeAfter    = 3                      // walks of KILL before STOP goes first
	unkillable     = 5 * time.Second        // after the first KILL; what is left is in uninterruptible sleep
	unkillableStop = time.Second            // the same where a platform waits: within the 2 s that it is told to add
	secondINT      = time.Second            // a second INT this long after the first is a person losing patience
)

// Plan is the configuration of the machine.
type Plan struct {
	Drain     policy.Drain
	Restart   policy.Restart
	Rewrite   map[policy.Signal]policy.Signal
	ExitRemap map[int]int
	MaxUptime time.Duration // drain after so long, limit or no limit; 0: never
	Hooks     policy.Hooks
	MinUptime time.Duration // of the limits: silence, too, is nothing to drain for before
	Watchdog  time.Duration // an app that is silent for so long counts as hung; 0: it may be silent
	Command   string        // for the log
	Group     bool          // forward to the app's process group
	Terminal  bool          // the app holds the terminal
	PID1      bool
	DryRun    bool // limits say what they would do, and do nothing
}

// Machine holds the state of one app over all its incarnations. The zero time means "not set" throughout.
type Machine struct {
	plan    Plan
	phase   Phase
	up      bool // the main process exists
	down    bool // somebody asked for the end, for good
	backoff *policy.Backoff

	pending   []Signaled // signals that came before the app was there
	startedAt time.Time  // when this start was asked for
	reported  bool       // a slow start was reported
	starts    int
	upSince   time.Time
	dryRuns   map[dryRun]time.Time // when it was last said
	told      told
	forwarded Signaled // the last signal passed on that was not a stop
	firstINT  time.Time

	overlap   overlap
	retired   bool      // another app has the main part now
	pid       int       // of the main process, or of that which was it
	tripped   []any     // what hooks are told of the last trip
	hookUntil time.Time // when the hook of Preparing or Concluding is waited for no longer
	thenAgain bool      // a restart follows on Concluding

	drain    drain
	lastCode int       // if we end now without another word from the app
	restart  time.Time // when Waiting ends
}

// drain is one way down, from its cause to nothing left.
type drain struct {
	cause    string // causeStop, causeLimit, causeEnd
	began    time.Time
	easing   []ease            // stages before the stop signal that are still to come
	stage    ease              // the one that runs
	quiet    time.Time         // its end
	steps    []policy.StopStep // stop signals that are still to come
	next     time.Time         // when the next of them is due
	lastCall time.Time         // everybody left gets TERM
	kill     time.Time         // end of the budget
	hard     time.Time         // given up on what cannot be killed
	walkAt   time.Time         // next walk of KILL
	walks    int
	called   bool // lastCall is over
	killed   bool // SIGKILL was needed
	sent     policy.Signal
	stop     policy.Signal // the signal from outside that asked for it
	exit     reaper.Exit
	oom      bool      // it was killed, and the kernel has OOM-killed somebody
	ended    time.Time // when the main process did
	person   bool      // stopped from the keyboard
	guessed  bool      // it is taken for a stop, but none has come whose clock would run
}

const (
	causeStop  = "stop"
	causeLimit = "limit"
	causeEnd   = "end"

	causeNoStart = "no start"
)

// NewMachine makes the machine of an app that is not started yet.
func NewMachine(p Plan) *Machine {
	return &Machine{plan: p, backoff: policy.NewBackoff(p.Restart)}
}

// Begin is the first step.
func (m *Machine) Begin(now time.Time) []Effect { return m.preStart(now) }

// Step takes one event and says what is to be done. Every event has an answer in every phase; "nothing" is one.
func (m *Machine) Step(now time.Time, e Event) []Effect {
	if m.phase == Gone {
		return nil
	}
	switch e := e.(type) {
	case Started:
		return m.onStarted(now, e)
	case StartFailed:
		return m.onStartFailed(now, e)
	case Exited:
		return m.onExited(now, e)
	case Reaped:
		return m.onReaped(now, e)
	case Signaled:
		return m.onSignal(now, e)
	case Stopped:
		return m.onStopped(e)
	case QuietSkipped:
		return m.onQuietSkipped(now, e)
	case Idle:
		return m.onIdle(now, e)
	case Tripped:
		return m.onTrip(now, e)
	case Noted:
		return m.onNoted(e)
	case HookEnded:
		return m.onHookEnded(now, e)
	case Ready:
		return m.onReady(now)
	case Told:
		return m.onTold(now, e)
	case Room:
		return m.onRoom(now, e)
	case NextStarted:
		return m.onNextStarted(now, e)
	case NextReady:
		return m.onNextReady(now)
	case NextGone:
		return m.onNextGone(now, e.Why)
	case Alone:
		m.overlap.company = false
	case Hurry:
		return m.onHurry(now)
	case Tick:
		return m.onTick(now)
	}
	return nil
}

// Phase is where the machine is.
func (m *Machine) Phase() Phase { return m.phase }

// Deadline is when the machine wants a Tick; zero if it waits for events alone.
func (m *Machine) Deadline() time.Time {
	d := &m.drain
	switch m.phase {
	case Starting:
		if !m.reported {
			return earliest(m.startedAt.Add(startReport), d.kill)
		}
		return d.kill
	case Running:
		if m.overlap.stage != alone || m.overlap.company {
			return m.overlap.until
		}
		due := m.silentAt()
		if m.plan.MaxUptime > 0 {
			due = earliest(due, latest(m.upSince.Add(m.plan.MaxUptime), m.dryRuns[dryRun{metric: uptime}].Add(dryRunAgain)))
		}
		if due.IsZero() {
			return due
		}
		return latest(due, m.overlap.again)
	case Quiet:
		return d.quiet
	case Stopping, Leftovers:
		due := d.kill
		if !d.called {
			due = earliest(d.lastCall, due)
		}
		if m.phase == Stopping && len(d.steps) > 0 {
			due = earliest(d.next, due)
		}
		return due
	case Killing:
		return earliest(d.walkAt, d.hard)
	case Held:
		return d.ended.Add(holdFor)
	case Waiting:
		return m.restart
	case Preparing, Concluding:
		return m.hookUntil
	}
	return time.Time{}
}

// earliest ignores times that are not set.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (m *Machine) start(now time.Time) []Effect {
	m.phase, m.startedAt, m.reported, m.drain = Starting, now, false, drain{}
	m.forwarded, m.pid, m.told = Signaled{}, 0, told{watchdog: m.plan.Watchdog}
	m.starts++
	return []Effect{Start{}}
}

func (m *Machine) onStarted(now time.Time, e Started) []Effect {
	if m.phase != Starting && m.phase != Killing {
		return nil
	}
	m.up = true
	if m.phase == Killing { // a stop ran out of time while the exec hung: the next walk finds the process
		return nil
	}
	m.phase, m.upSince, m.pid = Running, now, e.PID
	effects := []Effect{Say{Info, "started", []any{"command", m.plan.Command, "pid", e.PID}}}
	effects = append(effects, m.beside(policy.PostStart)...)
	pending := m.pending
	m.pending = nil
	for _, s := range pending {
		effects = append(effects, m.onSignal(now, s)...)
	}
	return effects
}

func (m *Machine) onStartFailed(now time.Time, e StartFailed) []Effect {
	if m.phase != Starting && m.phase != Killing {
		return nil
	}
	failed := Say{Error, "start failed", []any{"error", e.Err.Error()}}
	if e.Ceiling != "" {
		failed.Story = append(failed.Story, "ceiling", e.Ceiling)
	}
	if m.starts == 1 {
		m.lastCode = e.Err.Code()
	}
	again := m.starts > 1 && !m.down && m.phase != Killing
	m.drain.cause = causeNoStart
	return append([]Effect{failed}, m.after(now, again)...)
}

// onStopped answers job control. With the terminal the app's stop is our job's stop, except where nobody could wake us
// (PID 1) and in a drain, which must end.
func (m *Machine) onStopped(e Stopped) []Effect {
	keyboard := e.Signal == policy.SIGTSTP || e.Signal == policy.SIGTTIN || e.Signal == policy.SIGTTOU
	switch {
	case m.phase == Killing:
		return nil // the walk's own STOP: CONT would set the tree free again
	case m.draining():
		return []Effect{Send{Signal: policy.SIGCONT, Group: true}}
	case !m.plan.Terminal || m.phase != Running:
		return nil
	case !m.plan.PID1:
		return []Effect{Suspend{}}
	case keyboard:
		return []Effect{
			Say{Warn, "a keyboard stop was answered with CONT: nobody could wake PID 1", []any{"signal", e.Signal}},
			Send{Signal: policy.SIGCONT, Group: true},
		}
	}
	return nil
}

func (m *Machine) draining() bool { return m.phase >= Quiet && m.phase <= Killing }

func (m *Machine) exit(code int) []Effect {
	m.phase = Gone
	return []Effect{Exit{Code: policy.Remap(code, m.plan.ExitRemap)}}
}

// rough rounds for people.
func rough(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
