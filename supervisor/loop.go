package supervisor

import (
	"os"
	"regexp"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// Config is all that a supervisor needs to know.
type Config struct {
	Reaper  *reaper.Reaper
	Command reaper.Command
	Plan    Plan
	Limits  Limits
	Looker
	OOMKills    func(generation uint64) policy.Reading // of the kernel, in this incarnation; never blocks; nil: not counted
	Match       *regexp.Regexp                         // command line of the process that a drain's signals are for; nil: the main one
	Quiet       QuietMeans                             // asks the app to go quiet
	Idle        func() IdleChecker                     // tells when quiet is over; nil if nothing is to be checked
	Notify      Notifier                               // hears what the app says about itself; nil if nobody listens
	Ready       []string                               // a command that ends with 0 once the next app of an overlap is ready; nil: nothing is asked
	Signals     *Signals
	Log         hclog.Logger
	Sockets     Sockets // held ones that every incarnation gets; nil if there are none
	Descriptors []int   // inherited ones above 2, closed here once the app has them if nothing can start it again
}

// sweepNet is how often at least it is asked whether an exit waits although no SIGCHLD came.
const sweepNet = 5 * time.Second

// loop owns all mutable state. Everybody else sends it values; each channel below has one sender.
type loop struct {
	Config
	reaper *reaper.Reaper
	*app   // the main one

	other        *app // nil unless a restart overlaps
	otherOver    bool // nothing is left of it
	incarnations uint64
	roomAsked    uint64 // how often
	starting     bool   // a start is in flight
	startingNext bool   // one of the other app is
	code         int
	over         bool

	starts   chan startResult
	nexts    chan startResult // of the other app
	sweeps   chan reaper.Sweep
	wake     chan struct{}
	aims     chan aim
	idle     chan idleNews
	idleOver chan struct{} // closed when nobody waits for idle any more; nil if nobody does
	idleOf   *app          // who is waited for
	notices  chan Notice
	unheard  []Notice // of children whose start is not known yet
	hooks    hookRuns
	hookEnds chan policy.Hook
	walker   *walker
	watcher  *watcher
	told     watchOrder      // what the watcher knows
	said     map[string]bool // warnings said once
	early    map[int]earlyExit

	ready     chan (<-chan struct{}) // the next app is; of which overlap
	readyOver chan struct{}          // closed when nobody waits for that any more; nil if nobody does

	socketsOf   int           // the main process whose sockets are looked at; 0: nobody's
	socketsOver chan struct{} // closed when that is over
}

// Run supervises the app until its end and returns the exit code. It is called once, after ReserveThreads.
func Run(c Config) int {
	l := &loop{
		Config:   c,
		reaper:   c.Reaper,
		app:      &app{machine: NewMachine(c.Plan)},
		starts:   make(chan startResult, 1),
		nexts:    make(chan startResult, 1),
		ready:    make(chan (<-chan struct{})),
		sweeps:   make(chan reaper.Sweep),
		wake:     make(chan struct{}, 1),
		aims:     make(chan aim),
		idle:     make(chan idleNews),
		hookEnds: make(chan policy.Hook),
		notices:  make(chan Notice),
		walker:   newWalker(c.Reaper),
		watcher:  newWatcher(c),
		said:     map[string]bool{},
		early:    map[int]earlyExit{},
	}
	go c.Signals.CatchRest(c.Plan.Terminal && !c.Plan.PID1)
	go l.sweep()
	go l.walker.run()
	l.watcher.net, l.watcher.sleeper = l.castNet, newSleeper()
	go l.watcher.run()
	if c.Notify != nil {
		go l.hear()
	}
	code, panicked := l.run()
	if panicked {
		code = l.plainInit()
	}
	l.endNext()
	l.endHelpers()
	return code
}

// run is the loop. A panic in it is a bug of ours that the app must not pay for.
func (l *loop) run() (code int, panicked bool) {
	defer func() {
		if p := recover(); p != nil {
			l.Log.Error("reaperd has a bug and goes on as a plain init, without limits", "panic", p)
			panicked = true
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.perform(l.machine.Begin(time.Now()))
	for !l.over {
		timer.Reset(l.untilNext(time.Now()))
		select {
		case sig := <-l.Signals.stop:
			l.onSignal(sig)
		case sig := <-l.Signals.other:
			l.onSignal(sig)
		case s := <-l.starts:
			l.onStart(s)
		case s := <-l.nexts:
			l.onNext(s)
		case of := <-l.ready:
			if of == l.readyOver {
				l.step(NextReady{})
			}
		case s := <-l.sweeps:
			l.onSweep(s)
		case f := <-l.watcher.findings:
			l.onFinding(f)
		case a := <-l.aims:
			l.onAimed(a)
		case n := <-l.idle:
			l.onIdleNews(n)
		case n := <-l.notices:
			l.onNotice(n)
		case h := <-l.hookEnds:
			l.onHookEnd(h)
		case w := <-l.walker.done:
			l.onWalked(w)
		case <-timer.C:
			l.step(Tick{})
			l.behalf(func() { l.step(Tick{}) })
			if l.other != nil {
				l.learn()
			}
		}
		l.tellWatcher()
		l.endIdle()
		l.tendSockets()
	}
	return l.code, false
}

func (l *loop) step(e Event) { l.perform(l.machine.Step(time.Now(), e)) }

// untilNext is how long the loop may sleep: until the machine's deadline.
func (l *loop) untilNext(now time.Time) time.Duration {
	next := l.machine.Deadline()
	if l.other != nil {
		next = earliest(next, now.Add(learnEvery))
		if l.other.machine != nil {
			next = earliest(next, l.other.machine.Deadline())
		}
	}
	if next.IsZero() {
		return time.Hour
	}
	return max(0, next.Sub(now))
}

func (l *loop) onSignal(sig os.Signal) {
	n, ok := sig.(syscall.Signal)
	if !ok || n == syscall.SIGPIPE {
		return
	}
	s := Signaled{Signal: policy.Signal(n), At: time.Now()}
	if l.Plan.Drain.StopsOn(s.Signal) {
		l.behalf(func() { l.step(s) })
	}
	l.step(s)
}
