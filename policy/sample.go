// Package policy makes every decision of reaperd that needs judgement: is this number too high, for how long has it
// been, what is to be done about it, how does a drain run, when may the app start again. Numbers in, verdicts out.
// It has no clock (time arrives in its arguments), does no I/O and starts no goroutine.
package policy

import "time"

// Metric names what is watched.
type Metric uint8

// The metrics. All but FDs and OOMKills are of the whole tree below reaperd; reaperd itself and shells of `docker exec`
// are not in it.
const (
	Threads   Metric = iota // threads of the tree; a zombie holds one, as it does for the kernel
	Processes               // processes of the tree, zombies included
	Zombies                 // zombies of the one living parent that has most: nobody but that parent can reap them
	FDs                     // open file descriptors of the process that has most
	Memory                  // bytes; which bytes is said by Measure.Source
	OOMKills                // of the kernel, in our memory cgroup, since this incarnation of the app began; never falls, has no ceiling
	NumMetrics
)

var metricNames = [NumMetrics]string{"threads", "processes", "zombies", "fds", "memory", "oom_kills"}

func (m Metric) String() string { return metricNames[m] }

// Reading is a number that may be unknown. Unknown is not zero: it can neither trip nor clear a limit.
type Reading struct {
	Value uint64
	Known bool
}

// Known makes the Reading of a number that could be read.
func Known(v uint64) Reading { return Reading{Value: v, Known: true} }

// Ceiling is a limit that the kernel enforces, with its own usage: they are compared with each other, never with the
// tree's total, for a ceiling may count more than the tree (pids.current counts threads of exec'd shells too).
type Ceiling struct {
	Name string // as an operator knows it: "pids.max", "RLIMIT_NPROC of uid 1000", "memory.max", "RLIMIT_NOFILE of pid 7 (ruby)"
	Used Reading
	Max  uint64
}

// Process is one process of the tree, as named in a log line.
type Process struct {
	PID   int
	Name  string // command as ps shows it, shortened; not yet escaped
	Value uint64 // in the unit of the metric; for Zombies, how many this parent holds
}

// Measure is what one look found out about one metric.
type Measure struct {
	Reading
	Source   string    // which number this is where there are several ("cgroup anon+shmem+kernel", "rss of the tree"); else empty
	Ceilings []Ceiling // those that exist on this machine; empty means a percentage is inactive
	Top      []Process // at most three, largest first
}

// Sample is one look at the tree. It is immutable once made.
type Sample struct {
	At         time.Time
	Generation uint64 // the incarnation of the app that was looked at; a sample of another one is dropped
	Measures   [NumMetrics]Measure
	Each       []EachLook // one for each [[limits.each]], in their order; nil where there is none
	Parts      []Part     // what is whose while two apps live at once, the older first; else nil
}

// Part is what belongs to one of several apps of the same tree: its main process, all below it, and the orphans it left.
// Ceilings are the kernel's for all of them together, as in the Sample; memory of a cgroup is shared out. OOMKills are
// unknown: the kernel does not say whose they were.
type Part struct {
	Root     int // pid of the main process
	Measures [NumMetrics]Measure
}

// EachLook is one look at the processes of one [[limits.each]]: those whose command line matches, and those that once
// did and still live. Unknown: they could not all be listed, and whoever is missing may be there.
type EachLook struct {
	Known     bool
	Processes []EachProcess
}
