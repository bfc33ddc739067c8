package servers

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worker is one row: a real job runner, whose jobs record themselves in Redis.
type worker struct {
	name    string
	preset  string
	fixture string
	needs   string
	command []string
	push    []string // pushes jobs, with two more arguments; see the fixtures
	drain   string   // keys of [drain] that a test has shorter than the preset
	slots   int      // jobs at a time
	stops   map[syscall.Signal]int
}

func workers() []worker {
	return []worker{
		{
			name: "sidekiq", preset: "sidekiq", fixture: "sidekiq-jobs", needs: "sidekiq", slots: 5,
			command: []string{"sidekiq", "-r", "./jobs.rb", "-c", "5", "-q", "leaks", "-q", "default"},
			push:    []string{"ruby", "jobs.rb"},
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
		},
		{
			name: "celery", preset: "celery", fixture: "celery-jobs", needs: "celery", slots: 4,
			command: []string{"celery", "-A", "jobs", "worker", "-c", "4", "-Q", "leaks,celery", "--without-gossip", "--without-mingle"},
			push:    []string{"/usr/bin/python3", "jobs.py"},
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
		},
		{
			name: "delayed_job", preset: "delayed_job", fixture: "delayed_job-jobs", needs: "ruby", slots: 1,
			command: []string{"ruby", "jobs.rb", "work"},
			push:    []string{"ruby", "jobs.rb"},
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0},
		},
	}
}

func (k worker) world(t *testing.T) *world {
	t.Helper()
	need(t, k.needs)
	w := newWorld(t, k.fixture)
	w.env = append(w.env, "DATABASE="+w.dir+"/jobs.sqlite")
	w.redis()
	return w
}

func (k worker) config(more string) string { return server{preset: k.preset}.config(more) }

// restarting is a configuration under which a leak trips soon and the app is restarted in place.
func (k worker) restarting() string {
	return k.config(fmt.Sprintf(restarting, "processes", "30") + "\n[drain]\n" + k.drain)
}

// enqueue pushes n jobs of d to twice d.
func (k worker) enqueue(w *world, n int, d time.Duration) {
	w.t.Helper()
	w.do(append(k.push, fmt.Sprint(n), fmt.Sprint(d.Milliseconds()))...)
}

// jobs counts how often each job has begun and ended.
type jobs struct{ begun, ended map[string]int }

func (w *world) jobs() jobs {
	w.t.Helper()
	lines, err := w.list("journal")
	if err != nil {
		w.t.Fatal(err)
	}
	j := jobs{map[string]int{}, map[string]int{}}
	for _, line := range lines {
		what, id, _ := strings.Cut(line, " ")
		if what == "begin" {
			j.begun[id]++
		} else {
			j.ended[id]++
		}
	}
	return j
}

// begins waits until at least n jobs have begun.
func (w *world) begins(r *running, n int) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%d jobs to begin", n), func() bool {
		if r.ended() {
			w.t.Fatal("ended before the jobs began")
		}
		return len(w.jobs().begun) >= n
	})
}

// exactlyOnce fails the test unless each of n jobs began once and ended once. Celery's late acknowledgement means at
// least once: on a busy machine its warm shutdown may hang until it is asked again, and then it gives jobs back that it
// has done. It says so, and never loses one.
func (w *world) exactlyOnce(n int, runs ...*running) {
	w.t.Helper()
	again := slices.ContainsFunc(runs, func(r *running) bool { return r.log.count("unacknowledged message(s)") > 0 })
	j := w.jobs()
	for id, times := range j.begun {
		if again && times == j.ended[id] {
			continue
		}
		if times != 1 || j.ended[id] != 1 {
			w.t.Errorf("job %s: began %d times and ended %d times, want once", id, times, j.ended[id])
		}
	}
	if len(j.begun) != n {
		w.t.Errorf("jobs done: got %d, want %d", len(j.begun), n)
	}
}

// A stop from outside: the jobs in flight are finished, no other is begun, and the rest waits for the next worker.
func TestAStopFromOutsideFinishesTheJobsInFlight(t *testing.T) {
	for _, k := range workers() {
		for sig, code := range k.stops {
			t.Run(fmt.Sprintf("%s/%v", k.name, sig), func(t *testing.T) {
				t.Parallel()
				w := k.world(t)
				n := 2*k.slots + 1
				k.enqueue(w, n, 1200*time.Millisecond)
				r := w.run(k.config(""), k.command...)
				w.begins(r, k.slots)
				r.signal(sig)
				r.endsGracefully(code)
				done := len(w.jobs().begun)
				w.exactlyOnce(done)
				if done == n {
					t.Errorf("jobs done before the end: got all %d, want only those in flight", n)
				}
				next := w.run(k.config(""), k.command...)
				eventually(t, "the next worker to do the rest", func() bool { return len(w.jobs().ended) == n })
				next.signal(sigTERM)
				next.endsGracefully(k.stops[sigTERM])
				w.exactlyOnce(n, r, next)
			})
		}
	}
}

// A leak trips a limit in the middle of the work, again and again: every job is done exactly once.
func TestALimitDrainsAndRestartsWithoutLosingAJob(t *testing.T) {
	total, recycles, first := 20, 1, 1000*time.Millisecond
	if long() {
		total, recycles, first = 200, 10, 1500*time.Millisecond
	}
	for _, k := range workers() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			jobs := total
			if k.slots == 1 {
				jobs /= 4 // one at a time
			}
			w := k.world(t)
			k.enqueue(w, jobs, first)
			r := w.run(k.restarting(), k.command...)
			began := time.Now()
			for n := range recycles {
				w.begins(r, (n+1)*jobs/(recycles+1))
				w.do(append(k.push, "leak", "40")...)
				r.says("limit tripped", n+1)
				r.says("reaperd: started", n+2)
			}
			w.do(append(k.push, "last")...) // which only the last incarnation can do: it is up when this is done
			jobs++
			eventuallyWithin(t, 10*time.Minute, "every job to end", func() bool { return len(w.jobs().ended) == jobs || r.ended() })
			t.Logf("| %s | %d recycles | %d jobs | in %v |", k.name, recycles, len(w.jobs().ended), time.Since(began).Round(time.Second))
			r.signal(sigTERM)
			r.endsGracefully(k.stops[sigTERM])
			w.exactlyOnce(jobs, r)
		})
	}
}
