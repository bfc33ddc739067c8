package sampler

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/reaperd/reaperd/policy"
)

const (
	// titleAgain is when a command line is read again: servers write their state into theirs, but who is a worker stays
	// one, and reading it takes the process's mmap lock.
	titleAgain = 10 * time.Second
	// ussAgain: smaps_rollup walks all page tables of a process, some 13 µs for each MiB, under that lock too.
	ussAgain = 10 * time.Second
)

// EachTarget is one [[limits.each]], as far as it is to be looked at.
type EachTarget struct {
	Match *regexp.Regexp          // over the command line, words joined by spaces
	USS   bool                    // memory is private pages from smaps_rollup, not RssAnon
	Of    [policy.NumMetrics]bool // what is limited
}

// Each looks at single processes of the tree that a Sampler has just looked at. Without a target it costs nothing.
type Each struct {
	sampler *Sampler
	targets []EachTarget
	known   map[identity]*worker
}

type identity struct {
	pid   int
	start uint64
}

// worker is what is remembered of one process.
type worker struct {
	since   time.Time // first seen
	titleAt time.Time
	matches []bool // now
	ever    []bool // and ever: who was told to end is followed whatever it calls itself
	name    string
	ussAt   time.Time
	uss     policy.Reading
	look    uint64
}

// NewEach makes the Each of a Sampler.
func NewEach(s *Sampler, targets []EachTarget) *Each {
	return &Each{sampler: s, targets: targets, known: map[identity]*worker{}}
}

// Look gives a list for each target, from what the Sampler's last look has found. Main is the main process,
// apps those of all apps where several live at once. The lists are unknown where the tree is.
func (e *Each) Look(main int, apps ...int) []policy.EachLook {
	if len(e.targets) == 0 {
		return nil
	}
	s := e.sampler
	looks := make([]policy.EachLook, len(e.targets))
	if !s.seen {
		return looks
	}
	for i := range looks {
		looks[i].Known = true
	}
	for _, p := range s.tree.below {
		if !p.dead && !p.gone {
			e.lookAt(p, p.pid == main || slices.Contains(apps, p.pid), looks)
		}
	}
	for id, w := range e.known {
		if w.look != s.looks {
			delete(e.known, id)
		}
	}
	return looks
}

func (e *Each) lookAt(p *process, main bool, looks []policy.EachLook) {
	s := e.sampler
	id := identity{p.pid, p.start}
	w := e.known[id]
	if w == nil {
		w = &worker{since: s.now, matches: make([]bool, len(e.targets)), ever: make([]bool, len(e.targets))}
		e.known[id] = w
	}
	w.look = s.looks
	if w.titleAt.IsZero() || s.now.Sub(w.titleAt) >= titleAgain {
		e.readTitle(p, w)
	}
	for i, target := range e.targets {
		if w.ever[i] {
			looks[i].Processes = append(looks[i].Processes, policy.EachProcess{
				PID: p.pid, Start: p.start, Name: w.name, Matched: w.matches[i], Main: main, Measures: e.measure(p, w, target),
			})
		}
	}
}

// readTitle matches the command line of a process. Between fork and exec it is its parent's, and a server names its
// workers a moment after the fork: until one has matched it is read at every look of its first ten seconds.
func (e *Each) readTitle(p *process, w *worker) {
	text, err := e.sampler.tree.readOf(p, "cmdline")
	if err != nil {
		return
	}
	title := bytes.TrimSpace(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
	matched := false
	for i, target := range e.targets {
		w.matches[i] = target.Match.Match(title)
		w.ever[i] = w.ever[i] || w.matches[i]
		matched = matched || w.ever[i]
	}
	if matched {
		w.name = string(shorten(title))
	}
	if matched || e.sampler.now.Sub(w.since) > titleAgain {
		w.titleAt = e.sampler.now
	}
}

// measure reads what is limited of one process.
func (e *Each) measure(p *process, w *worker, target EachTarget) (m [policy.NumMetrics]policy.Measure) {
	known := func(metric policy.Metric, v uint64) {
		if target.Of[metric] {
			m[metric].Reading = policy.Known(v)
		}
	}
	known(policy.Threads, uint64(p.threads))
	known(policy.Processes, uint64(p.children))
	known(policy.Zombies, uint64(p.zombies))
	if target.Of[policy.Memory] {
		m[policy.Memory] = e.memory(p, w, target.USS)
	}
	if target.Of[policy.FDs] {
		m[policy.FDs] = e.descriptors(p)
	}
	return m
}

// memory counts no page twice that a fork shares with its parent.
func (e *Each) memory(p *process, w *worker, uss bool) policy.Measure {
	s := e.sampler
	if !uss {
		text, err := s.tree.readOf(p, "status")
		anon := kibibytes(text, "RssAnon:")
		return policy.Measure{Reading: policy.Reading{Value: anon.Value, Known: anon.Known && err == nil}, Source: "RssAnon"}
	}
	if w.ussAt.IsZero() || s.now.Sub(w.ussAt) >= ussAgain {
		w.ussAt = s.now
		text, err := s.tree.readOf(p, "smaps_rollup")
		clean, dirty := kibibytes(text, "Private_Clean:"), kibibytes(text, "Private_Dirty:")
		w.uss = policy.Reading{Value: clean.Value + dirty.Value, Known: err == nil && clean.Known && dirty.Known}
		if !w.uss.Known {
			s.note("private memory of some processes cannot be read (needs the same user or CAP_SYS_PTRACE)")
		}
	}
	return policy.Measure{Reading: w.uss, Source: "USS"}
}

func (e *Each) descriptors(p *process) (m policy.Measure) {
	s := e.sampler
	if err := s.tree.countFDs(p); err != nil {
		return m
	}
	m.Reading = policy.Known(p.open)
	text, err := s.tree.readOf(p, "limits")
	if err != nil {
		return m
	}
	if limit := maxOpenFiles(text); limit > 0 {
		m.Ceilings = []policy.Ceiling{{Name: "RLIMIT_NOFILE", Used: m.Reading, Max: limit}}
	}
	return m
}

// kibibytes finds a line such as "RssAnon:     1234 kB" of status or smaps_rollup, and gives bytes.
func kibibytes(text []byte, name string) policy.Reading {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) != 2 || string(fields[1]) != "kB" {
			return policy.Reading{}
		}
		n, err := strconv.ParseUint(string(fields[0]), 10, 54)
		return policy.Reading{Value: n << 10, Known: err == nil}
	}
	return policy.Reading{}
}

// maxOpenFiles is the soft RLIMIT_NOFILE of a limits file; 0 if there is none.
func maxOpenFiles(limits []byte) uint64 {
	for line := range bytes.Lines(limits) {
		if rest, ok := bytes.CutPrefix(line, []byte("Max open files")); ok {
			if fields := bytes.Fields(rest); len(fields) > 0 {
				n, _ := strconv.ParseUint(string(fields[0]), 10, 64)
				return n
			}
		}
	}
	return 0
}
