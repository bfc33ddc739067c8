// Package sampler looks at the tree of processes below reaperd and at the ceilings the kernel sets it, and hands back
// numbers. It decides nothing. What cannot be read is unknown, never zero; a process that vanishes in the middle of a
// look is normal. It starts no goroutine and no process, for it must still see when the kernel gives nobody any more.
//
// A look is meant to cost next to nothing: see tree.go and discover.go for how. The directory integration/bench/sampling
// measures it.
package sampler

import (
	"os"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// Options say where to look and at what. The zero value looks at the real machine.
type Options struct {
	Proc         string        // mount point of proc; default /proc
	Sys          string        // put before the mount points of cgroups; for fake trees, else empty
	Self         int           // our pid as Proc shows it; default os.Getpid()
	MemoryMetric string        // auto, anon, working_set or rss; default auto
	Descriptors  int           // how many may be kept open to look at processes; default three quarters of our RLIMIT_NOFILE, at most 20,000
	FDs          bool          // count descriptors: one more system call for every process, at every fourth look
	Helpers      func() []int  // children of ours that are no part of the app, each with its session and all below it; nil: none
	MinUptime    time.Duration // after which it is asked a second time whose the memory cgroup is
}

// Sampler remembers between two looks where the numbers are found, and holds files open. One goroutine at a time may use
// it.
type Sampler struct {
	opts       Options
	generation uint64
	found      bool // the controllers are those of this generation
	looks      uint64
	now        time.Time // of this look
	seen       bool      // this look has seen the tree
	rss        policy.Reading
	tree       *tree

	memory memoryGroup // our cgroup of the memory controller
	tasks  taskLimits
	host
	owner     ownership // of the memory cgroup
	began     time.Time // of this generation, as far as we saw it
	doubted   bool      // the owner was asked after a second time
	collected ceilings
	fds       fdCount
	apps      []*app // of the last look that was split

	tops     [policy.NumMetrics]shelf[policy.Process]
	ceilings [policy.NumMetrics]shelf[policy.Ceiling] // processes share those of threads
	buf      [16384]byte
	notes    []string
	noted    map[string]bool
}

// New makes a Sampler. It reads nothing: before the app starts every microsecond counts.
func New(opts Options) *Sampler {
	if opts.Proc == "" {
		opts.Proc = "/proc"
	}
	if opts.Self == 0 {
		opts.Self = os.Getpid()
	}
	s := &Sampler{opts: opts, noted: make(map[string]bool)}
	s.tree = newTree(opts.Proc, opts.Self, opts.Descriptors, s.note)
	s.tree.helpersNow = opts.Helpers
	return s
}

// Look reads everything once. Main is the main process of the app, or 0 (or our own pid) if there is none: ceilings are
// then those of our own uid, or of the main process that there was. Generation counts the incarnations of the app; with a new one, the cgroups are found afresh.
func (s *Sampler) Look(main int, generation uint64) policy.Sample {
	s.now = time.Now()
	sample := policy.Sample{At: s.now, Generation: generation}
	if main == 0 {
		main = s.opts.Self
	}
	if !s.found || generation != s.generation {
		s.found, s.generation = s.find(), generation
		s.began, s.doubted = s.now, false
	}
	s.doubt()
	before := s.beforeLook()
	// A hidden main process would make a tree of zero: that is unknown, not small.
	err := s.tree.look(s.now, s.countTasks())
	s.seen = err == nil && s.tree.known[s.opts.Self] != nil && s.tree.known[main] != nil
	s.rss = policy.Reading{}
	s.judge(before)

	m := &sample.Measures
	if s.seen {
		s.measureTree(m)
	}
	s.measureMemory(&m[policy.Memory])
	tasks := s.taskCeilings(main)
	m[policy.Threads].Ceilings = tasks
	m[policy.Processes].Ceilings = tasks
	switch {
	case !s.seen:
		m[policy.FDs].Ceilings = (&ceilings{failed: true}).settle(&s.ceilings[policy.FDs])
	case s.opts.FDs:
		s.measureFDs(&m[policy.FDs])
	}
	s.looks++
	return sample
}

// Close gives back what is held open. Another look opens it again.
func (s *Sampler) Close() {
	s.tree.close()
	s.closeGroups()
}

// Notes hands over what an operator should be told and has not been told yet. No note ever comes twice.
func (s *Sampler) Notes() []string {
	notes := s.notes
	s.notes = nil
	return notes
}

// note keeps a text for Notes. Texts must not vary with pids or values: every one is kept for good.
func (s *Sampler) note(text string) {
	if !s.noted[text] {
		s.noted[text] = true
		s.notes = append(s.notes, text)
	}
}
