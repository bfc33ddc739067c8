package supervisor

import (
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

const (
	askEvery = 500 * time.Millisecond // between two looks for idle
	askFor   = 10 * time.Second       // how long a command may take to answer
)

// IdleChecker tells whether the app has finished what it was doing. One is made for each drain; it is used by one
// goroutine, which may wait for it.
type IdleChecker interface {
	Learn(main int)                               // before the app is asked to go quiet; main is whom drain.match finds, if it is set
	Look(now time.Time, main int) IdleAnswer      // may hand back a command to ask
	Heard(now time.Time, exitCode int) IdleAnswer // what the command said; -1: it could not be asked
}

// IdleAnswer is what one look for idle found. Ask, if not empty, is a command to run before the rest stands.
type IdleAnswer struct {
	Idle, Known bool
	Why         string
	Ask         []string
}

// idleNews is what the goroutine that looks for idle has to tell.
type idleNews struct {
	over    <-chan struct{} // of which stage
	learned bool            // it is time for the quiet signal
	failed  []any           // another means of quiet; which and why
	signal  policy.Signal
	answer  IdleAnswer
}

// goQuiet asks the app to go quiet and looks for idle, beside the loop, until it is found or the stage is over.
func (l *loop) goQuiet(signal policy.Signal) {
	if l.child == nil {
		return
	}
	if l.idleOver != nil { // of the other app, whose stage this very stop has ended
		close(l.idleOver)
	}
	l.idleOver, l.idleOf = make(chan struct{}), l.app
	var check IdleChecker
	if l.Plan.Drain.Idle {
		check = l.Idle()
	}
	go l.beQuiet(check, l.child.PID, l.other != nil, signal, l.idleOver)
}

// endIdle stops looking once the stage is left.
func (l *loop) endIdle() {
	if l.idleOver != nil && !l.idleOf.machine.goesQuiet() {
		close(l.idleOver)
		l.idleOver, l.idleOf = nil, nil
	}
}

// beQuiet is the quiet stage. The commands that ask for quiet come to their end first: an app that does not know yet may
// well be idle.
func (l *loop) beQuiet(check IdleChecker, main int, two bool, signal policy.Signal, over <-chan struct{}) {
	tell := func(n idleNews) {
		n.over = over
		select {
		case l.idle <- n:
		case <-over:
		}
	}
	defer mend(l.Log, "the quiet stage failed") // its deadline ends it
	if check != nil {
		if target, _, _ := l.target(main, two); target.PID > 0 {
			main = target.PID
		}
		check.Learn(main)
	}
	failed := func(key string, kv ...any) {
		tell(idleNews{failed: append([]any{"key", key}, kv...)})
	}
	if err := l.Quiet.begin(); err != nil {
		failed("drain.quiet_file", "error", err)
	}
	tell(idleNews{learned: true, signal: signal})
	for _, c := range l.Quiet.Commands {
		if code := l.ask(c.Argv, over); code != 0 {
			failed(c.Key, "why", whyNot(code))
		}
	}
	if check != nil {
		l.lookForIdle(check, main, tell, over)
	}
}

func (l *loop) lookForIdle(check IdleChecker, main int, tell func(idleNews), over <-chan struct{}) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var last IdleAnswer
	for first := true; ; first = false {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		a := check.Look(time.Now(), main)
		if len(a.Ask) > 0 {
			a = check.Heard(time.Now(), l.ask(a.Ask, over))
		}
		if first || a.Known != last.Known || a.Idle {
			tell(idleNews{answer: a})
		}
		if last = a; a.Idle {
			return
		}
	}
}

// ask runs a command and gives its exit code, -1 where there is none. It ends with the stage, or with us.
func (l *loop) ask(argv []string, over <-chan struct{}) int {
	child, err := l.reaper.Start(reaper.Command{Argv: argv, Env: helperEnviron(l.Command.Env), Helper: true, Withhold: l.Descriptors, Pdeathsig: syscall.SIGKILL})
	if err != nil {
		return -1
	}
	timeout := time.NewTimer(askFor)
	defer timeout.Stop()
	select {
	case exit := <-child.Exited:
		child.Release()
		if exit.Signal != 0 {
			return -1
		}
		return exit.Code
	case <-timeout.C:
	case <-over:
	}
	l.reaper.KillHelpers(child.PID)
	<-child.Exited
	child.Release()
	return -1
}

// onIdleNews passes on what was found, unless the stage that it is about is over.
func (l *loop) onIdleNews(n idleNews) {
	if n.over != l.idleOver {
		return
	}
	if l.other != nil && l.idleOf == l.other {
		l.behalf(func() { l.tellIdle(n) })
		return
	}
	l.tellIdle(n)
}

func (l *loop) tellIdle(n idleNews) {
	switch {
	case n.failed != nil:
		l.say(Say{Warn, "the app could not be asked to go quiet", n.failed})
	case n.learned:
		if n.signal != 0 {
			l.sendQuiet(n.signal)
		}
	case n.answer.Idle:
		l.step(Idle{})
	case n.answer.Known:
		l.say(Say{Debug, "not idle yet", []any{"why", Printable(n.answer.Why)}})
	default:
		l.say(Say{Info, "cannot tell whether the app is idle", []any{"why", Printable(n.answer.Why)}})
	}
}
