package supervisor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// TestLives lives lives that chance has made up: one byte for each thing that happens, in every order, the wrong ones too.
// Whatever happens, the promises hold that are written at the fails below.
func TestLives(t *testing.T) {
	lives := 4000
	if os.Getenv("REAPERD_LONG") != "" {
		lives = 200000
	}
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	for range lives {
		story := make([]byte, planBytes+random.IntN(150))
		source.Read(story)
		live(t, story)
	}
}

// FuzzLife has the fuzzer make up more of them.
func FuzzLife(f *testing.F) {
	f.Add([]byte("a plan, then what happens"))
	f.Fuzz(live)
}

func live(t *testing.T, story []byte) {
	if len(story) < planBytes {
		return
	}
	w := &fuzzed{t: t, plan: fuzzedPlan(story), now: epoch, story: story[planBytes:], main: &fuzzedApp{}}
	w.main.machine = NewMachine(w.plan)
	w.perform(w.main, w.main.machine.Begin(w.now))
	for len(w.story) > 0 && !w.over {
		w.happens(w.byte())
	}
	w.endsInTime()
}

// planBytes is how many bytes make a plan.
const planBytes = 6

// fuzzedPlan is a plan of some bytes.
func fuzzedPlan(b []byte) Plan {
	bit := func(i int) bool { return b[i/8]>>(i%8)&1 == 1 }
	p := defaults()
	d, r := &p.Drain, &p.Restart
	p.PID1, p.DryRun, p.Group = bit(0), bit(1) && bit(2), bit(3)
	if bit(4) {
		d.QuietSignal = policy.SIGTSTP
	}
	d.QuietMeans, d.Idle = bit(5), bit(6)
	if bit(7) {
		d.PreStopDelay = 5 * s
	}
	if bit(8) {
		d.DumpSignal, d.DumpWait = policy.SIGQUIT, 2*s
	}
	if bit(9) {
		d.Timeout = 5 * s
	}
	if bit(10) {
		d.StopTimeout = []time.Duration{10 * ms, s, 8 * s, 60 * s}[b[5]%4]
	}
	switch {
	case bit(11):
		d.StopSignal = policy.SIGQUIT
	case bit(12):
		d.StopSequence = []policy.StopStep{{Signal: policy.SIGQUIT, Wait: 20 * s}, {Signal: policy.SIGTERM, Wait: 5 * s}}
		d.Timeout = 25 * s
	}
	r.OnExit = []policy.OnExit{policy.ExitNever, policy.ExitOnFailure, policy.ExitAlways}[b[4]%3]
	if bit(13) {
		restarting(&p)
		r.Overlap = bit(14)
		r.ReadyTimeout = 30 * s
		r.Ready = []policy.Ready{{Notify: true}, {After: 3 * s}, {URL: "http://127.0.0.1/"}}[b[3]%3]
	}
	p.Terminal = bit(15) && !r.Overlap
	if bit(16) {
		p.Watchdog = []time.Duration{100 * ms, 30 * s}[b[3]%2]
	}
	if bit(17) {
		p.MaxUptime = 20 * s
	}
	if bit(18) {
		p.MinUptime = 10 * s
	}
	for h := range policy.NumHooks {
		if bit(19 + int(h)) {
			p.Hooks[h] = policy.HookCommand{Command: []string{"true"}, Timeout: 10 * s}
		}
	}
	return p
}

// fuzzed is the loop and the machine that it runs on, as far as a Machine can tell.
type fuzzed struct {
	t     *testing.T
	plan  Plan
	story []byte // what is still to happen
	past  []string
	now   time.Time

	main, other            *fuzzedApp
	starting, startingNext bool
	asked                  bool // whether there is room
	hooks                  [policy.NumHooks]bool
	over                   bool
	stopped                time.Time // the first stop; zero: none yet
	code                   int       // of the last main process that has ended, or that of a limit
	ended                  bool      // that was of this incarnation
}

type fuzzedApp struct {
	machine   *Machine // nil while it waits to become the main one
	up, left  bool     // the main process; what it left behind
	draining  time.Time
	concludes bool
}

func (w *fuzzed) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\nplan %+v\n%s", fmt.Sprintf(format, args...), w.plan, strings.Join(w.past, "\n"))
}

func (w *fuzzed) byte() byte {
	if len(w.story) == 0 {
		return 0
	}
	b := w.story[0]
	w.story = w.story[1:]
	return b
}

// happens lets one thing happen, if it can.
func (w *fuzzed) happens(what byte) {
	switch what % 24 {
	case 0, 1, 2:
		w.tick(time.Hour)
	case 3, 4:
		w.tick(time.Duration(w.byte()) * 50 * ms)
	case 5, 6:
		w.endStart()
	case 7:
		w.endStartOfNext()
	case 8:
		w.endMain(w.main)
	case 9:
		w.endMain(w.other)
	case 10:
		w.endLeftovers(w.main)
	case 11:
		w.endLeftovers(w.other)
	case 12:
		w.signal([]policy.Signal{policy.SIGTERM, policy.SIGINT}[w.byte()%2])
	case 13:
		w.signal([]policy.Signal{policy.SIGHUP, policy.SIGQUIT, policy.SIGWINCH, policy.SIGCONT, policy.SIGUSR1}[w.byte()%5])
	case 14, 15:
		w.step(w.main, trip)
	case 16:
		if w.other != nil && w.other.machine != nil {
			w.step(w.other, tripKill)
		} else if w.main.up {
			w.step(w.main, tripKill)
		}
	case 17:
		if w.asked {
			w.asked = false
			w.step(w.main, Room{None: []string{"", "", "", "no room"}[w.byte()%4]})
		}
	case 18:
		if w.other != nil && w.other.machine == nil {
			w.step(w.main, NextReady{})
		}
	case 19:
		if h := policy.Hook(w.byte()) % policy.NumHooks; w.hooks[h] {
			w.hooks[h] = false
			w.both(HookEnded{h})
		}
	case 20:
		app := w.main
		if w.byte()%2 == 0 && w.other != nil && w.other.machine != nil {
			app = w.other
		}
		if app.up {
			w.tells(app)
		}
	case 21:
		w.both([]Event{Idle{}, QuietSkipped{"why not"}}[w.byte()%2])
	case 22:
		w.both(Reaped{Orphans: 1})
	case 23:
		w.step(w.main, Stopped{[]policy.Signal{policy.SIGSTOP, policy.SIGTSTP}[w.byte()%2]})
	}
}

func (w *fuzzed) tells(app *fuzzedApp) {
	by := []time.Duration{0, 100 * ms, 10 * s, time.Hour}[w.byte()%4]
	switch n := w.byte() % 8; n {
	case 7:
		w.step(app, Ready{})
	default:
		w.step(app, Told{[]Notice{{Alive: true}, {Stopping: true}, {Reloading: true}, {Trigger: true},
			{Resets: true, Watchdog: by}, {Extend: by}, {MainPID: 9, Status: "busy"}}[n]})
	}
}

// due is the next deadline.
func (w *fuzzed) due() time.Time {
	due := w.main.machine.Deadline()
	if w.other != nil && w.other.machine != nil {
		due = earliest(due, w.other.machine.Deadline())
	}
	return due
}

// tick lets time pass, but not beyond the next deadline.
func (w *fuzzed) tick(most time.Duration) {
	due := w.due()
	next := w.now.Add(most)
	if !due.IsZero() {
		next = earliest(next, latest(due, w.now))
	}
	w.now = next
	w.both(Tick{})
	for rounds := 0; !w.over && !w.due().IsZero() && !w.due().After(w.now); rounds++ {
		if rounds > 10 {
			w.fail("the deadline %v stays in the past: the loop would spin", w.due().Sub(epoch))
		}
		w.both(Tick{})
	}
}

func (w *fuzzed) endStart() {
	if !w.starting {
		return
	}
	w.starting = false
	if w.byte()%8 == 0 {
		w.step(w.main, StartFailed{Err: &reaper.StartError{Command: "x", Errno: syscall.ENOENT}})
		return
	}
	w.main.up, w.ended = true, false
	w.step(w.main, Started{7})
}

func (w *fuzzed) endStartOfNext() {
	if !w.startingNext {
		return
	}
	w.startingNext = false
	if w.byte()%8 == 0 {
		w.step(w.main, NextGone{"no such file"})
		return
	}
	if w.other != nil {
		w.fail("a third app was started")
	}
	w.other = &fuzzedApp{up: true}
	w.step(w.main, NextStarted{8})
}

func (w *fuzzed) endMain(app *fuzzedApp) {
	if app == nil || !app.up {
		return
	}
	b := w.byte()
	app.up, app.left = false, b&1 == 1
	e := Exited{Exit: reaper.Exit{PID: 7, Code: int(b >> 5)}, Empty: w.empty()}
	if b&6 == 2 {
		e.Exit = reaper.Exit{PID: 7, Signal: []syscall.Signal{9, 15, 2, 1}[b>>6]}
	}
	if app == w.main {
		w.code, w.ended = code(e.Exit), true
		if app.machine.drain.cause == causeLimit {
			w.code = w.plan.Restart.ExitCode
		}
		if w.other != nil {
			w.step(w.other, Hurry{})
		}
	} else if app.machine == nil {
		w.step(w.main, NextGone{"it ended"})
		w.dismiss()
	}
	w.step(app, e)
	w.reap()
}

func (w *fuzzed) endLeftovers(app *fuzzedApp) {
	if app == nil || app.up || !app.left {
		return
	}
	app.left = false
	if app == w.other {
		w.step(app, Reaped{Empty: true})
	}
	w.reap()
}

// reap is a sweep.
func (w *fuzzed) reap() {
	if w.empty() {
		w.both(Reaped{Orphans: 1, Empty: true})
	}
}

func (w *fuzzed) empty() bool {
	return !w.main.up && !w.main.left && (w.other == nil || !w.other.up && !w.other.left)
}

func (w *fuzzed) signal(sig policy.Signal) {
	e := Signaled{Signal: sig, At: w.now}
	if w.plan.Drain.StopsOn(sig) {
		if w.stopped.IsZero() {
			w.stopped = w.now
		}
		if w.other != nil {
			w.step(w.other, e)
		}
	}
	w.step(w.main, e)
}

// both tells the other app's machine first, as the loop does.
func (w *fuzzed) both(e Event) {
	if w.other != nil {
		w.step(w.other, e)
	}
	w.step(w.main, e)
}

func (w *fuzzed) step(app *fuzzedApp, e Event) {
	if app.machine == nil || w.over {
		return
	}
	who := "main"
	if app != w.main {
		who = "other"
	}
	effects := app.machine.Step(w.now, e)
	w.past = append(w.past, fmt.Sprintf("%v %s %T%+v: %s, phase %d", w.now.Sub(epoch), who, e, e, render(effects), app.machine.phase))
	w.perform(app, effects)
	w.keepsTime(app)
}

func (w *fuzzed) perform(app *fuzzedApp, effects []Effect) {
	for i, e := range effects {
		if w.over {
			w.fail("%T comes after the end", e)
		}
		switch e := e.(type) {
		case Start:
			if app != w.main || w.starting || !w.stopped.IsZero() || app.up || app.left {
				w.fail("a start that must not be")
			}
			w.starting, w.ended = true, false
		case StartNext:
			if !w.plan.Restart.Overlap || w.startingNext || w.starting || w.other != nil || !app.up {
				w.fail("a start of a next app that must not be")
			}
			w.startingNext = true
		case AskRoom:
			w.asked = true
		case RunHook:
			if e.Timeout <= 0 || !w.plan.Hooks.Set(e.Hook) {
				w.fail("a hook that must not be")
			}
			if !w.hooks[e.Hook] {
				w.hooks[e.Hook] = true
			} else if e.Hook != policy.PreStart {
				w.step(app, HookEnded{e.Hook})
			}
		case Promote:
			if w.other == nil || w.other.machine != nil {
				w.fail("a promotion of nobody")
			}
			w.other.machine = e.Next
			w.main, w.other = w.other, w.main
			w.ended = false
			w.perform(w.other, effects[i+1:])
			return
		case Dismiss:
			w.dismiss()
		case Exit:
			w.exit(app, e)
		}
	}
}

func (w *fuzzed) dismiss() {
	if w.other == nil || w.other.machine != nil {
		return
	}
	m, effects := w.main.machine.dismissal(w.now)
	w.other.machine = m
	w.perform(w.other, effects)
}

func (w *fuzzed) exit(app *fuzzedApp, e Exit) {
	m := app.machine
	if hard := m.drain.killed && !w.now.Before(m.drain.hard); (app.up || app.left) && !hard {
		w.fail("the end although something is left")
	}
	if app == w.other {
		w.other = nil
		w.step(w.main, Alone{})
		return
	}
	if want := w.code; w.ended && e.Code != want {
		w.fail("exit %d, want %d", e.Code, want)
	}
	w.over = true
}

// keepsTime holds a drain to its budget, and a stop to stop_timeout and the 2 s that a platform is told to add.
func (w *fuzzed) keepsTime(app *fuzzedApp) {
	m := app.machine
	if !w.stopped.IsZero() && app == w.main && !w.over {
		if late := w.now.Sub(w.stopped.Add(w.plan.Drain.StopTimeout)); late > 2*time.Second-helperGrace-lastGrace-200*ms {
			w.fail("a stop is not over %v after stop_timeout", late)
		}
	}
	if !m.draining() && m.phase != Concluding {
		app.draining = time.Time{}
		return
	}
	if app.draining.IsZero() {
		app.draining = w.now
	}
	budget := unkillable + m.plan.Hooks[policy.PostStop].Timeout + hookSlack + 2*m.plan.Drain.Timeout
	if !w.stopped.IsZero() {
		budget = max(budget, w.plan.Drain.StopTimeout+2*s)
	}
	for _, stage := range easing(m.plan) {
		budget += 2 * stage.lasts
	}
	if took := w.now.Sub(app.draining); took > budget {
		w.fail("a drain is not over after %v, want at most %v", took, budget)
	}
}

// endsInTime stops an app of which nothing ends by itself any more.
func (w *fuzzed) endsInTime() {
	if !w.over && w.stopped.IsZero() {
		w.signal(policy.SIGTERM)
	}
	for range 2000 {
		if w.over {
			return
		}
		if w.due().IsZero() {
			w.fail("a stop without a deadline in phase %d", w.main.machine.phase)
		}
		w.tick(time.Hour)
	}
	w.fail("a stop that does not end")
}
