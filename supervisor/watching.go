package supervisor

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

// watcher looks at the tree and holds what it sees to the limits, in a goroutine of its own: /proc can be slow, and a
// look that finds nothing to say costs one wake-up instead of the five of a round through the loop. It owns all that
// judging remembers, and tells the loop what it found.
type watcher struct {
	Looker
	limits   Limits
	log      hclog.Logger
	orders   chan watchOrder // of capacity 1; the newest replaces one that waits
	findings chan finding
	eyes     sync.Mutex // held by whoever looks

	judge *judge
	other *judge // of the other app while a restart overlaps
	each  eachJudge
	pace  *policy.Pace
	order watchOrder
	asked bool        // the next look is to tell whether there is room for two
	next  time.Time   // of the next look
	rung  atomic.Bool // the kernel says that a look may be due
	net   func()      // called every sweepNet at least
	sleeper
}

// Looker is what a look is taken with. Apps are the main processes of all apps, where more than one live at once, the
// oldest first: the sample then has a part for each.
type Looker struct {
	Look   func(main int, generation uint64, apps ...int) policy.Sample // one look at the tree; never two at once
	Notes  func() []string                                              // what the last look has to say, each thing once
	Listen func() (ring <-chan struct{}, notes []string)                // asks the kernel to say when a look may be due; called once, when the app is up; nil: it is not asked
}

// watchOrder is what the watcher needs to know of the loop.
type watchOrder struct {
	main       int // 0: it is not there
	generation uint64
	since      time.Time // the start of this generation
	draining   bool
	apps       [2]int // the main processes of both, the older first, while a restart overlaps
	room       uint64 // how often it was asked whether there is room for two
}

// watches says whether there is anything to look at: an app, or what its main process has left behind.
func (o watchOrder) watches() bool { return o.main != 0 || o.draining }

// livingApps are the main processes of both apps; none while there is only one.
func (o *watchOrder) livingApps() []int {
	if o.apps[0] == 0 {
		return nil
	}
	return o.apps[:]
}

// finding is what came of one look; the zero value is not worth a word.
type finding struct {
	generation uint64
	notes      []string
	says       []Say
	noted      []Noted
	orders     []order // for single processes
	trip       *Tripped
	room       *Room
}

func newWatcher(c Config) *watcher {
	w := &watcher{
		Looker:   c.Looker,
		limits:   c.Limits,
		log:      c.Log,
		orders:   make(chan watchOrder, 1),
		findings: make(chan finding),
		judge:    newJudge(c.Limits),
		each:     newEachJudge(c.Limits.Each, c.Limits.MinUptime),
		pace:     policy.NewPace(c.Limits.Of, c.Limits.Interval),
		net:      func() {},
		sleeper:  newPlainSleeper(),
	}
	w.each.dryRun = c.Plan.DryRun
	return w
}

// tell gives the watcher a new order. Only the loop calls it.
func (w *watcher) tell(o watchOrder) {
	select {
	case <-w.orders:
	default:
	}
	w.orders <- o
	w.wake()
}

// run watches until orders is closed.
func (w *watcher) run() {
	for {
		select {
		case o, open := <-w.orders:
			if !open {
				return
			}
			w.follow(o)
		default:
		}
		if w.rung.Swap(false) {
			w.next = time.Time{}
		}
		now := time.Now()
		if w.order.watches() && !now.Before(w.next) {
			if w.Listen != nil { // not before the first look: arming may take the kernel 10 ms, which an app may not live
				w.listen()
			}
			if f := w.once(); f.worthAWord() {
				w.findings <- f
			}
			now = time.Now()
		}
		w.net()
		wait := sweepNet
		if w.order.watches() {
			wait = min(wait, w.next.Sub(now))
		}
		w.sleep(wait)
	}
}

// firstLook comes soon: what is said once at start is said at start, and an app that fills its memory from its first
// breath on is seen in time.
const firstLook = 100 * time.Millisecond

// follow takes an order.
func (w *watcher) follow(o watchOrder) {
	if o.generation != w.order.generation {
		w.judge.restarted()
		w.each.restarted()
		w.next = o.since.Add(min(w.limits.Interval, firstLook))
	}
	w.asked = w.asked || o.room != w.order.room
	if w.asked {
		w.next = time.Time{}
	}
	w.order = o
}

// listen asks the kernel, once.
func (w *watcher) listen() {
	defer mend(w.log, "the kernel was not asked to say when a look is due")
	listen := w.Listen
	w.Listen = nil
	ring, notes := listen()
	if ring != nil {
		go w.hear(ring)
	}
	for _, note := range notes {
		w.log.Debug(note)
	}
}

// hear wakes the watcher when the kernel rings.
func (w *watcher) hear(ring <-chan struct{}) {
	for range ring {
		w.rung.Store(true)
		w.wake()
	}
}

// once takes one look and judges it.
func (w *watcher) once() (f finding) {
	o := w.order
	w.next = time.Now().Add(w.limits.Interval) // unless the judging says otherwise
	defer mend(w.log, "a look was not judged")
	before := cpuTime()
	s := w.lookSafely(o.main, o.generation, o.livingApps()...)
	cost := cpuTime() - before
	f = finding{generation: o.generation, notes: w.notes()}
	r := w.judge.step(mine(s, o.main), s.At.Sub(o.since), o.draining)
	f.says, f.noted, f.trip = r.says, r.note, r.trip
	if trip := w.judgeOther(s, o.main); trip != nil {
		f.trip = trip
	}
	if w.asked {
		w.asked, f.room = false, &Room{None: w.judge.noRoom(s)}
	}
	if !o.draining {
		says, noted, orders, look := w.each.step(s)
		f.says, f.noted, f.orders = append(f.says, says...), append(f.noted, noted...), orders
		r.look = r.look || look
	}
	wait, raised := w.pace.Next(s, cost)
	if raised {
		f.says = append(f.says, Say{Debug, "looks are spaced out: they would cost more than 1% of a core", []any{"cost", cost, "next", wait}})
	}
	switch {
	case r.look:
		wait = 0
	case r.wait > 0:
		wait = min(wait, r.wait)
	}
	w.next = time.Now().Add(wait)
	return f
}

func (f finding) worthAWord() bool {
	return len(f.notes)+len(f.says)+len(f.orders) > 0 || f.trip != nil || f.room != nil
}

// cpuTime is the CPU time that reaperd has used. While it looks it does little else.
func cpuTime() time.Duration {
	var now unix.Timespec
	if _, _, errno := syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_PROCESS_CPUTIME_ID, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		return 0
	}
	return time.Duration(now.Nano())
}

// lookSafely makes a bug in the sampler a blind look.
func (w *watcher) lookSafely(main int, generation uint64, apps ...int) (s policy.Sample) {
	w.eyes.Lock()
	defer w.eyes.Unlock()
	defer mend(w.log, "a look failed")
	s = policy.Sample{At: time.Now(), Generation: generation}
	return w.Look(main, generation, apps...)
}

// notes takes them as a look is taken: a start that fails looks too, from another goroutine.
func (w *watcher) notes() []string {
	w.eyes.Lock()
	defer w.eyes.Unlock()
	return w.Notes()
}

// nearestCeiling tells which ceiling made a fork fail, as far as can be seen.
func (w *watcher) nearestCeiling() string {
	nearest, ratio := "", 0.0
	for _, c := range w.lookSafely(0, 0).Measures[policy.Threads].Ceilings {
		if share := float64(c.Used.Value) / float64(c.Max); c.Used.Known && share > ratio {
			nearest, ratio = fmt.Sprintf("%s: %d of %d", c.Name, c.Used.Value, c.Max), share
		}
	}
	return nearest
}

// tellWatcher keeps the watcher's order up to date.
func (l *loop) tellWatcher() {
	if o := l.watchOrder(); o != l.told && l.Limits.Any() {
		l.told = o
		l.watcher.tell(o)
	}
}

func (l *loop) watchOrder() watchOrder {
	o := watchOrder{generation: l.generation, since: l.upSince, draining: l.machine.draining()}
	if l.child != nil {
		o.main = l.child.PID
	}
	o.room = l.roomAsked
	if l.other != nil {
		if o.apps = [2]int{l.other.group, l.group}; l.upSince.Before(l.other.upSince) {
			o.apps = [2]int{l.group, l.other.group}
		}
	}
	return o
}

// onFinding acts on what a look found, unless it is stale: of an incarnation that is gone.
func (l *loop) onFinding(f finding) {
	for _, note := range f.notes {
		l.say(Say{Info, note, nil})
	}
	if !l.watchOrder().watches() || f.generation != l.generation {
		return
	}
	for _, say := range f.says {
		l.say(say)
	}
	for _, noted := range f.noted {
		l.step(noted)
	}
	if !l.machine.draining() {
		l.signalEach(f.orders)
	}
	switch {
	case f.trip == nil:
	case f.trip.Kill && l.other != nil && l.other.machine != nil: // the old one first
		l.behalf(func() { l.step(*f.trip) })
	default:
		l.step(*f.trip)
	}
	if f.room != nil {
		l.step(*f.room)
	}
}
