package servers

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// prefork is a server whose workers are held to a limit of their own. Pids are those of the namespace, as the app and
// reaperd's log have them.
type prefork struct {
	row     string // of webServers
	each    string // name of the [[limits.each]] table
	match   string // its regexp
	signal  string
	workers int
	load    int // closed loops that leave a place for one more request
}

func preforks() []prefork {
	return []prefork{
		{row: "unicorn", each: "unicorn-worker", match: `^unicorn worker\[`, signal: "QUIT", workers: 4, load: 3},
		{row: "puma cluster", each: "puma-worker", match: `^puma: cluster worker `, signal: "TERM", workers: 2, load: 4},
	}
}

const (
	eachCooldown = 2 * time.Second
	eachSlack    = time.Second // from a look to its line in the log, on a busy machine
	eachTripped  = "process limit tripped: this process alone is asked to end"
	eachGone     = "the process has ended"
	eachTimeout  = "the process did not end in time and is killed"
)

// flock is a prefork that runs under load.
type flock struct {
	prefork
	server
	t      *testing.T
	w      *world
	r      *running
	c      *client
	stop   func() // the load
	master string // who started the workers
	before []string
}

// start gives each worker a limit that lies above what it has after its start, some 15 MiB, and below that with what
// grow adds.
func (p prefork) start(t *testing.T, timeout time.Duration) *flock {
	t.Helper()
	s := serverNamed(t, p.row)
	w := s.world(t)
	r := w.run(s.config(fmt.Sprintf(`
[limits]
interval   = "200ms"
min_uptime = "1s"

[[limits.each]]
name     = %q
match    = '%s'
signal   = %q
timeout  = %q
cooldown = %q
for      = "500ms"
[limits.each.memory]
drain = "48MiB"
`, p.each, p.match, p.signal, timeout, eachCooldown)), s.command(w)...)
	f := &flock{prefork: p, server: s, t: t, w: w, r: r, c: s.client(w)}
	f.c.ready(r)
	eventually(t, "all workers", func() bool {
		f.master, f.before = f.family()
		return len(f.before) == p.workers
	})
	f.stop = f.c.loop(p.load, time.Second)
	return f
}

// family lists the workers that match, and who is the parent of them all; "" if nobody is.
func (f *flock) family() (parent string, workers []string) {
	match := regexp.MustCompile(f.match)
	parents := map[int]bool{}
	for _, p := range descendants(f.r.cmd.Process.Pid) {
		if p.state != 'Z' && match.MatchString(p.title) {
			workers = append(workers, inside(p.pid))
			parents[p.ppid] = true
		}
	}
	for pid := range parents {
		parent = inside(pid)
	}
	if len(parents) != 1 {
		parent = ""
	}
	slices.Sort(workers)
	return parent, workers
}

// inside is the pid that a process has in the innermost of its namespaces; "" if it has ended.
func inside(pid int) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if pids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(pids)
			return fields[len(fields)-1]
		}
	}
	return ""
}

// growth is a request that makes the worker that serves it outgrow its limit, and keeps it busy.
type growth struct {
	id   string
	done chan struct{} // closed at its end; then
	pid  string        // who served it
	err  error
}

// grow returns when the app has begun the request.
func (f *flock) grow(d time.Duration) *growth {
	f.t.Helper()
	g := &growth{id: f.c.id(), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	f.t.Cleanup(cancel)
	go func() {
		defer close(g.done)
		g.pid, g.err = f.c.get(ctx, f.w, fmt.Sprintf("/grow?mib=64&ms=%d&id=%s", d.Milliseconds(), g.id))
		g.pid = strings.TrimSpace(g.pid)
	}()
	eventually(f.t, "a worker to grow", func() bool { return f.w.begun(g.id) })
	return g
}

// answered waits for the answer and gives the worker that it came from.
func (f *flock) answered(g *growth) string {
	f.t.Helper()
	<-g.done
	if g.err != nil {
		f.t.Fatalf("the request in flight in the worker that was recycled: got %v, want an answer", g.err)
	}
	return g.pid
}

// line is one of reaperd's about a single process.
type line struct {
	at        time.Time
	pid, text string
}

// lines gives those with a message, once there are n.
func (f *flock) lines(message string, n int) []line {
	f.t.Helper()
	message = message + ": each=" + f.each + " "
	f.r.says(message, n)
	var found []line
	for text := range strings.Lines(f.r.log.String()) {
		_, story, ok := strings.Cut(text, message)
		if !ok {
			continue
		}
		stamp, _, _ := strings.Cut(text, " ")
		at, err := time.Parse("2006-01-02T15:04:05.000Z07:00", stamp)
		pid, _, isPID := strings.Cut(strings.TrimPrefix(story, "pid="), " ")
		if _, no := strconv.Atoi(pid); err != nil || !isPID || no != nil {
			f.t.Fatalf("got %q, want a line with a time and a pid", text)
		}
		found = append(found, line{at, pid, text})
	}
	if len(found) != n {
		f.t.Fatalf("%q: got %d lines, want %d", message, len(found), n)
	}
	return found
}

// replaced waits until there are as many workers as before and fails the test unless those that were recycled, and
// only those, are others, of the same master.
func (f *flock) replaced(recycled ...string) {
	f.t.Helper()
	var master string
	var workers []string
	eventually(f.t, "the master to replace its worker", func() bool {
		master, workers = f.family()
		return len(workers) == f.workers && !slices.ContainsFunc(recycled, func(pid string) bool { return slices.Contains(workers, pid) })
	})
	var missing []string
	for _, pid := range f.before {
		if !slices.Contains(workers, pid) {
			missing = append(missing, pid)
		}
	}
	slices.Sort(recycled)
	if master != f.master || !slices.Equal(missing, recycled) {
		f.t.Errorf("got master %q and %q replaced, want master %q and %q", master, missing, f.master, recycled)
	}
}

// nobodyNoticed ends the run and fails the test unless the app as a whole was left alone and every request of the load
// was answered.
func (f *flock) nobodyNoticed() {
	f.t.Helper()
	f.c.inFlight(f.r, f.load, 0)() // the new workers serve
	log := f.r.log
	if got := log.count("limit tripped") - log.count("process limit tripped"); got > 0 || log.count("drain") > 0 || log.count("reaperd: started") != 1 {
		f.t.Error("the app was drained, want only workers ended")
	}
	f.stop()
	f.r.signal(sigTERM)
	f.r.endsGracefully(f.stops[sigTERM])
	if got := f.c.count(); got.done == 0 || got.lost+got.unserved+got.refused > 0 {
		f.t.Errorf("requests: got %+v, want all answered", got)
	}
}

func TestAGrownWorkerIsRecycledByItsMasterAndNoRequestIsLost(t *testing.T) {
	for _, p := range preforks() {
		t.Run(p.row, func(t *testing.T) {
			t.Parallel()
			f := p.start(t, 20*time.Second)
			g := f.grow(6 * time.Second)
			told := f.lines(eachTripped, 1)[0]
			if !strings.Contains(told.text, "signal="+p.signal+" ") {
				t.Errorf("got %q, want signal=%s", told.text, p.signal)
			}
			select {
			case <-g.done:
				t.Error("its request had ended before the worker was signalled, want it in flight")
			default:
			}
			grown := f.answered(g)
			gone := f.lines(eachGone, 1)[0]
			if told.pid != grown || gone.pid != grown {
				t.Errorf("got %s signalled and %s gone, want %s, which grew", told.pid, gone.pid, grown)
			}
			f.replaced(grown)
			f.nobodyNoticed()
		})
	}
}

func TestTwoGrownWorkersAreRecycledOneAfterTheOther(t *testing.T) {
	t.Parallel()
	f := preforks()[0].start(t, 20*time.Second)
	a, b := f.grow(2*time.Second), f.grow(2*time.Second) // a worker of Unicorn serves one at a time: two workers
	grown := []string{f.answered(a), f.answered(b)}
	gone, told := f.lines(eachGone, 2), f.lines(eachTripped, 2)
	for i := range told {
		if told[i].pid != gone[i].pid || !slices.Contains(grown, told[i].pid) {
			t.Errorf("got %s signalled and %s gone, want one of %q", told[i].pid, gone[i].pid, grown)
		}
	}
	if pause := told[1].at.Sub(gone[0].at); pause < eachCooldown-eachSlack {
		t.Errorf("the second was signalled %v after the end of the first, want %v at least", pause, eachCooldown)
	}
	f.replaced(grown...)
	f.nobodyNoticed()
}

// A worker that is stuck in a request ends on no QUIT. Its request is lost, as it would be for ever; no other is.
func TestAWorkerThatDoesNotEndIsKilledAndItsMasterLives(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	f := preforks()[0].start(t, timeout)
	g := f.grow(patience)
	killed, gone := f.lines(eachTimeout, 1)[0], f.lines(eachGone, 1)[0]
	told := f.lines(eachTripped, 1)[0]
	<-g.done
	if took := killed.at.Sub(told.at); took < timeout-eachSlack || g.err == nil {
		t.Errorf("killed %v after its signal, its request ended with %v; want %v at least, and an error", took, g.err, timeout)
	}
	if told.pid != killed.pid || gone.pid != killed.pid {
		t.Errorf("got %s signalled, %s killed and %s gone, want the same", told.pid, killed.pid, gone.pid)
	}
	f.replaced(killed.pid)
	f.nobodyNoticed()
}
