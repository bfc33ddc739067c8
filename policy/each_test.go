package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// p is a process as one look shows it: memory in MiB, threads, or a pid alone for one that is small.
type p struct {
	pid     int
	mib     uint64
	threads uint64
	start   uint64 // 0: born with its pid
	main    bool
	other   bool // does not match
	hidden  bool // its numbers cannot be read
}

func (x p) process() EachProcess {
	e := EachProcess{PID: x.pid, Start: x.start, Name: "ruby", Matched: !x.other, Main: x.main}
	if !x.hidden {
		e.Measures[Memory] = Measure{Reading: Known(x.mib << 20), Source: "rss anon"}
		e.Measures[Threads].Reading = Known(x.threads)
	}
	return e
}

type eachLook struct {
	at        float64
	processes []p
	restart   bool
	want      string // "signal 8", "look", in order
}

func told(events []EachEvent, look bool) string {
	var said []string
	for _, e := range events {
		said = append(said, fmt.Sprintf("%v %d", e.Step, e.PID))
	}
	if look {
		said = append(said, "look")
	}
	return strings.Join(said, ", ")
}

// unicorn is the table of the documentation: QUIT at 300 MiB for 10 s, KILL after 60 s, 30 s between two.
func unicorn() EachLimit {
	l := EachLimit{Name: "unicorn-worker", Signal: SIGQUIT, Timeout: time.Minute, Cooldown: 30 * time.Second}
	l.Of[Memory] = Limit{Metric: Memory, Drain: abs(300 << 20), For: 10 * time.Second}
	return l
}

func atOnce() EachLimit {
	l := unicorn()
	l.Of[Memory].For = 0
	return l
}

func with(l EachLimit, change func(*EachLimit)) EachLimit {
	change(&l)
	return l
}

func TestEach(t *testing.T) {
	killer := with(atOnce(), func(l *EachLimit) { l.Of[Memory].Kill = abs(500 << 20) })
	threads := with(atOnce(), func(l *EachLimit) { l.Of[Threads] = Limit{Metric: Threads, Drain: abs(100)} })
	ps := func(ps ...p) []p { return ps }
	for _, c := range []struct {
		name      string
		limit     EachLimit
		minUptime time.Duration
		looks     []eachLook
	}{
		{"a worker over its limit for its time is signalled once, and its end is seen", unicorn(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 120}, p{pid: 8, mib: 299})},
			{at: 1, processes: ps(p{pid: 7, mib: 120}, p{pid: 8, mib: 300})},
			{at: 10.9, processes: ps(p{pid: 7, mib: 120}, p{pid: 8, mib: 310})},
			{at: 11, processes: ps(p{pid: 7, mib: 120}, p{pid: 8, mib: 311}), want: "look"},
			{at: 11.1, processes: ps(p{pid: 7, mib: 120}, p{pid: 8, mib: 311}), want: "signal 8"},
			{at: 12, processes: ps(p{pid: 7, mib: 120}, p{pid: 8, mib: 311})},
			{at: 13, processes: ps(p{pid: 7, mib: 120}, p{pid: 9, mib: 60}), want: "gone 8"},
			{at: 14, processes: ps(p{pid: 7, mib: 120}, p{pid: 9, mib: 60})}}},
		{"a spike of one look, a fork that has not exec'd, signals nobody", unicorn(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 100})}, {at: 1, processes: ps(p{pid: 7, mib: 900})}, {at: 2, processes: ps(p{pid: 7, mib: 100})},
			{at: 12, processes: ps(p{pid: 7, mib: 900})}}},
		{"one that ends while it is over its limit is forgotten without a word", unicorn(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 400})}, {at: 5}, {at: 11, processes: ps(p{pid: 9, mib: 400})}}},
		{"the largest goes first, the next after it is gone and the cooldown is over", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 310}, p{pid: 8, mib: 400}, p{pid: 9, mib: 350}), want: "look"},
			{at: 1, processes: ps(p{pid: 7, mib: 310}, p{pid: 8, mib: 400}, p{pid: 9, mib: 350}), want: "signal 8"},
			{at: 40, processes: ps(p{pid: 7, mib: 310}, p{pid: 8, mib: 400}, p{pid: 9, mib: 350})},
			{at: 41, processes: ps(p{pid: 7, mib: 310}, p{pid: 9, mib: 350}), want: "gone 8"},
			{at: 70.9, processes: ps(p{pid: 7, mib: 390}, p{pid: 9, mib: 350})},
			{at: 71, processes: ps(p{pid: 7, mib: 390}, p{pid: 9, mib: 350}), want: "signal 7"}}},
		{"of equals the older pid goes first", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 9, mib: 400}, p{pid: 8, mib: 400}, p{pid: 10, mib: 400}), want: "look"},
			{at: 1, processes: ps(p{pid: 9, mib: 400}, p{pid: 8, mib: 400}, p{pid: 10, mib: 400}), want: "signal 8"}}},
		{"one that fell under its limit while it waited is let go", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 310}, p{pid: 8, mib: 400}), want: "look"},
			{at: 1, processes: ps(p{pid: 7, mib: 310}, p{pid: 8, mib: 400}), want: "signal 8"},
			{at: 2, processes: ps(p{pid: 7, mib: 100}), want: "gone 8"}, {at: 90, processes: ps(p{pid: 7, mib: 100})}}},
		{"KILL follows when the time is over, whatever it uses by then, once; then the cooldown", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400}), want: "look"}, {at: 1, processes: ps(p{pid: 8, mib: 400}), want: "signal 8"},
			{at: 60.9, processes: ps(p{pid: 8, mib: 100})}, {at: 61, processes: ps(p{pid: 8, mib: 100}), want: "timeout 8"},
			{at: 62, processes: ps(p{pid: 7, mib: 400}), want: "gone 8, look"}, {at: 90, processes: ps(p{pid: 7, mib: 400})},
			{at: 91, processes: ps(p{pid: 7, mib: 400}), want: "signal 7"}}},
		{"one that KILL cannot end holds up the others for one more timeout only", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400}, p{pid: 7, mib: 350}), want: "look"},
			{at: 1, processes: ps(p{pid: 8, mib: 400}, p{pid: 7, mib: 350}), want: "signal 8"},
			{at: 61, processes: ps(p{pid: 8, mib: 400}, p{pid: 7, mib: 350}), want: "timeout 8"},
			{at: 120, processes: ps(p{pid: 8, mib: 400}, p{pid: 7, mib: 350})},
			{at: 121, processes: ps(p{pid: 8, mib: 400}, p{pid: 7, mib: 350}), want: "signal 7"},
			{at: 122, processes: ps(p{pid: 8, mib: 400}), want: "gone 7"}, {at: 200, want: "gone 8"}}},
		{"the main process is never touched", killer, 0, []eachLook{
			{at: 0, processes: ps(p{pid: 1, mib: 900, main: true})}, {at: 1, processes: ps(p{pid: 1, mib: 900, main: true})}}},
		{"unless asked", with(atOnce(), func(l *EachLimit) { l.IncludeMain = true }), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 1, mib: 900, main: true}), want: "look"}, {at: 1, processes: ps(p{pid: 1, mib: 900, main: true}), want: "signal 1"}}},
		{"what does not match is none of ours", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 5, mib: 900, other: true})}, {at: 1, processes: ps(p{pid: 5, mib: 900, other: true})}}},
		{"the pid of a new process inherits nothing", unicorn(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400, start: 100})}, {at: 10, processes: ps(p{pid: 8, mib: 400, start: 100}), want: "look"},
			{at: 10.1, processes: ps(p{pid: 8, mib: 400, start: 200})}, {at: 20, processes: ps(p{pid: 8, mib: 400, start: 200})},
			{at: 20.1, processes: ps(p{pid: 8, mib: 400, start: 200}), want: "look"},
			{at: 20.2, processes: ps(p{pid: 8, mib: 400, start: 200}), want: "signal 8"}}},
		{"a new process with the pid of a signalled one is not the one to KILL", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400}), want: "look"}, {at: 1, processes: ps(p{pid: 8, mib: 400}), want: "signal 8"},
			{at: 61, processes: ps(p{pid: 8, mib: 100, start: 9}), want: "gone 8"}, {at: 200, processes: ps(p{pid: 8, mib: 100, start: 9})}}},
		{"one that changes its title after the signal is still the one", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400}), want: "look"}, {at: 1, processes: ps(p{pid: 8, mib: 400}), want: "signal 8"},
			{at: 2, processes: ps(p{pid: 8, mib: 400, other: true})}, {at: 61, processes: ps(p{pid: 8, mib: 400, other: true}), want: "timeout 8"}}},
		{"one that changes its title before is forgotten, and new when it comes back", unicorn(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400})}, {at: 5, processes: ps(p{pid: 8, mib: 400, other: true})},
			{at: 10, processes: ps(p{pid: 8, mib: 400})}, {at: 16, processes: ps(p{pid: 8, mib: 400})},
			{at: 20, processes: ps(p{pid: 8, mib: 400}), want: "look"}}},
		{"numbers that cannot be read signal nobody and do not forget a breach", unicorn(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400})}, {at: 5, processes: ps(p{pid: 8, hidden: true})},
			{at: 10, processes: ps(p{pid: 8, hidden: true})}, {at: 11, processes: ps(p{pid: 8, mib: 400}), want: "look"}}},
		{"not before it has been known for min_uptime", atOnce(), 30 * time.Second, []eachLook{
			{at: 100, processes: ps(p{pid: 8, mib: 400})}, {at: 129, processes: ps(p{pid: 8, mib: 400})},
			{at: 130, processes: ps(p{pid: 8, mib: 400}), want: "look"}, {at: 130.1, processes: ps(p{pid: 8, mib: 400}), want: "signal 8"}}},
		{"another app: all is forgotten, also the cooldown and who was signalled", atOnce(), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 8, mib: 400}), want: "look"}, {at: 1, processes: ps(p{pid: 8, mib: 400}), want: "signal 8"},
			{at: 2, restart: true, processes: ps(p{pid: 9, mib: 400}), want: "look"}, {at: 3, processes: ps(p{pid: 9, mib: 400}), want: "signal 9"}}},
		{"warnings are said for each process", with(unicorn(), func(l *EachLimit) { l.Of[Memory].Warn = abs(200 << 20) }), 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 200}, p{pid: 8, mib: 220}), want: "warn 7, warn 8"},
			{at: 1, processes: ps(p{pid: 7, mib: 100}, p{pid: 8, mib: 220}), want: "cleared 7"}}},
		{"several metrics: the one furthest past its own level is the largest", threads, 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, threads: 150}, p{pid: 8, mib: 600, threads: 110}, p{pid: 9, mib: 500}), want: "look"},
			{at: 1, processes: ps(p{pid: 7, threads: 150}, p{pid: 8, mib: 600, threads: 110}, p{pid: 9, mib: 500}), want: "signal 8"}}},
		{"at its kill level one is killed at once, in a cooldown too", killer, time.Hour, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 600}, p{pid: 8, mib: 700}), want: "look"},
			{at: 0.1, processes: ps(p{pid: 7, mib: 600}, p{pid: 8, mib: 700}), want: "kill 8"},
			{at: 0.2, processes: ps(p{pid: 7, mib: 600}, p{pid: 8, mib: 700})},
			{at: 0.3, processes: ps(p{pid: 7, mib: 600}), want: "gone 8, kill 7"}}},
		{"it does not wait for another that was signalled, and that one's own time is cut short", killer, 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 400}, p{pid: 8, mib: 100}), want: "look"},
			{at: 1, processes: ps(p{pid: 7, mib: 400}, p{pid: 8, mib: 600}), want: "signal 7, look"},
			{at: 2, processes: ps(p{pid: 7, mib: 400}, p{pid: 8, mib: 600}), want: "kill 8"},
			{at: 3, processes: ps(p{pid: 7, mib: 600}), want: "gone 8, look"}, {at: 4, processes: ps(p{pid: 7, mib: 600}), want: "kill 7"},
			{at: 5, want: "gone 7"}}},
		{"after a kill the others are not signalled before its end, nor in the cooldown", killer, 0, []eachLook{
			{at: 0, processes: ps(p{pid: 7, mib: 400}, p{pid: 8, mib: 600}), want: "look"},
			{at: 1, processes: ps(p{pid: 7, mib: 400}, p{pid: 8, mib: 600}), want: "kill 8"},
			{at: 31, processes: ps(p{pid: 7, mib: 400}, p{pid: 8, mib: 600})},
			{at: 32, processes: ps(p{pid: 7, mib: 400}), want: "gone 8, signal 7"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := NewEach(c.limit, c.minUptime)
			for i, l := range c.looks {
				if l.restart {
					e.Restarted()
				}
				var processes []EachProcess
				for _, x := range l.processes {
					processes = append(processes, x.process())
				}
				if got := told(e.Step(t0.Add(seconds(l.at)), processes)); got != l.want {
					t.Errorf("look %d at %vs: got %q, want %q", i, l.at, got, l.want)
				}
			}
		})
	}
}

func TestEachTellsWhoAndWhy(t *testing.T) {
	e := NewEach(atOnce(), 0)
	big := p{pid: 8, mib: 400, start: 77}.process()
	small := p{pid: 7, mib: 100}.process()
	e.Step(t0, []EachProcess{big, small})
	events, _ := e.Step(t0.Add(time.Second), []EachProcess{big, small})
	want := EachEvent{Step: EachSignal, PID: 8, Start: 77, Name: "ruby", Breach: Breach{
		Metric: Memory, Level: Level{Threshold: abs(300 << 20), At: 300 << 20}, Value: 400 << 20, Since: time.Second, Source: "rss anon"}}
	if len(events) != 1 || events[0] != want {
		t.Errorf("got %+v, want %+v", events, want)
	}
	events, _ = e.Step(t0.Add(4*time.Second), []EachProcess{small})
	if want = (EachEvent{Step: EachGone, PID: 8, Start: 77, Name: "ruby", After: 3 * time.Second}); len(events) != 1 || events[0] != want {
		t.Errorf("got %+v, want %+v", events, want)
	}
}

func TestEachSignalsTheFastestGrowth(t *testing.T) {
	l := unicorn()
	l.Of[Memory] = Limit{Metric: Memory, Growth: Rate{10 << 20, time.Minute}, GrowthWindow: time.Minute}
	e := NewEach(l, 0)
	for s := range uint64(600) {
		got := told(e.Step(t0.Add(time.Duration(s)*time.Second), []EachProcess{
			p{pid: 7, mib: 500 + s/2}.process(), p{pid: 8, mib: 100 + s}.process(), p{pid: 9, mib: 900}.process()}))
		if got != "" && got != "look" {
			if got != "signal 8" {
				t.Errorf("got %q, want the one that grows fastest", got)
			}
			return
		}
	}
	t.Error("nobody was signalled in 10 minutes")
}

func TestEachStepAllocatesNothing(t *testing.T) {
	e := NewEach(unicorn(), 0)
	var processes []EachProcess
	for pid := range 16 {
		processes = append(processes, p{pid: pid + 2, mib: 100}.process())
	}
	at := t0
	if got := testing.AllocsPerRun(200, func() { at = at.Add(time.Second); e.Step(at, processes) }); got != 0 {
		t.Errorf("got %v allocations a look, want 0", got)
	}
}

// FuzzEach plays looks at four workers, two bytes each (who is there, how large) after one for the time, and holds every
// event against the promises to the operator.
func FuzzEach(f *testing.F) {
	f.Add([]byte("\x05\x90\x20\x20\x20\x05\x90\x20\x20\x20\x7f\x90\x00\x20\x20\x7f\x90\x90\x20\x20"))
	f.Add([]byte("\x0a\xf0\xf0\xf0\xf0\x0a\xf0\xf0\xf0\xf0\x0a\xf0\xf0\x00\xf0\xff\xf0\xf0\xf0\xf0\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, looks []byte) {
		l := with(unicorn(), func(l *EachLimit) { l.Of[Memory].Kill = abs(200 << 20); l.Of[Memory].Drain = abs(100 << 20) })
		e := NewEach(l, 0)
		at := t0
		told, killed := map[int]time.Time{}, map[int]bool{}
		for ; len(looks) >= 5; looks = looks[5:] {
			at = at.Add(time.Duration(looks[0]) * 250 * time.Millisecond)
			size := map[int]uint64{}
			var processes []EachProcess
			for i, mib := range looks[1:5] {
				if mib > 0 { // absent
					size[i] = uint64(mib)
					processes = append(processes, p{pid: i, mib: uint64(mib), main: i == 3}.process())
				}
			}
			events, _ := e.Step(at, processes)
			for _, ev := range events {
				_, there := size[ev.PID]
				switch {
				case ev.PID == 3:
					t.Fatalf("the main process: %v", ev.Step)
				case killed[ev.PID] && ev.Step != EachGone:
					t.Fatalf("%v of %d after its KILL", ev.Step, ev.PID)
				case there == (ev.Step == EachGone):
					t.Fatalf("%v of %d, there: %v", ev.Step, ev.PID, there)
				case ev.Step == EachTimeout && at.Sub(told[ev.PID]) < l.Timeout:
					t.Fatalf("KILL after %v, want %v", at.Sub(told[ev.PID]), l.Timeout)
				}
				switch ev.Step {
				case EachSignal:
					for pid, when := range told {
						if !when.IsZero() && at.Sub(when) < l.Timeout {
							t.Fatalf("%d is signalled while %d has been dying for %v", ev.PID, pid, at.Sub(when))
						}
					}
					if size[ev.PID] < 100 {
						t.Fatalf("signalled at %d MiB", size[ev.PID])
					}
					told[ev.PID] = at
				case EachKill, EachTimeout:
					if ev.Step == EachKill && size[ev.PID] < 200 {
						t.Fatalf("killed at %d MiB", size[ev.PID])
					}
					if told[ev.PID].IsZero() {
						told[ev.PID] = at
					}
					killed[ev.PID] = true
				case EachGone:
					delete(told, ev.PID)
					delete(killed, ev.PID)
				}
			}
		}
	})
}
