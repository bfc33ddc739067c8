package sampler

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"github.com/reaperd/reaperd/policy"
)

// PSSSource names the number of PSS in a Measure.
const PSSSource = "pss of the tree, read every 30s"

const (
	pssAgain = 30 * time.Second
	// pssShare of the time at most goes into reading: one part of this many.
	pssShare = 100
	// pssBudget ends a read: as long as one lasts, nothing else is looked at.
	pssBudget = 200 * time.Millisecond
	// pssLargest is the RSS, in bytes, above which a process is not read. The kernel walks its page tables under its mmap
	// lock, for 12 µs a MiB: one of 200 GB stood still for 4.5 s (process-exporter #246).
	pssLargest = 2 << 30
)

var (
	errTooLong = errors.New("the tree takes too long to read")
	errNoSmaps = errors.New("no smaps")
)

// PSS sums the proportional set size of the tree: what its processes share counts once. Swap is not in it. One goroutine
// at a time may use it.
type PSS struct {
	opts   Options
	budget time.Duration
	main   int               // whose tree was read
	made   int               // reads of it
	reads  [2]policy.Reading // the last two, the newer first
	at     time.Time         // of the last read; zero: none yet
	cost   time.Duration     // of the last read
	notes  []string
	noted  map[string]bool
}

// NewPSS makes a PSS. It reads nothing.
func NewPSS(opts Options) *PSS {
	if opts.Proc == "" {
		opts.Proc = "/proc"
	}
	if opts.Self == 0 {
		opts.Self = os.Getpid()
	}
	return &PSS{opts: opts, budget: pssBudget, noted: make(map[string]bool)}
}

// Measure reads if that is due, and gives the lower of the last two reads: all looks from one read to the next see the
// same number, so with the last alone a limit that wants a second look before it acts would act on one. It is unknown
// until there are two of the same main process (main is 0, or our own pid, if there is none).
//
// A process of more than 2 GiB counts with its RSS, which is no less than its share.
func (p *PSS) Measure(now time.Time, main int) policy.Reading {
	if main == 0 {
		main = p.opts.Self
	}
	if main != p.main {
		p.main, p.made, p.reads = main, 0, [2]policy.Reading{}
	}
	if p.at.IsZero() || now.Sub(p.at) >= p.pause() {
		p.reads[0], p.reads[1] = p.read(now), p.reads[0]
		p.made++
	}
	a, b := p.reads[0], p.reads[1]
	if !a.Known || !b.Known {
		return policy.Reading{}
	}
	return policy.Known(min(a.Value, b.Value))
}

// Notes hands over what an operator should be told and has not been told yet. No note ever comes twice.
func (p *PSS) Notes() []string {
	notes := p.notes
	p.notes = nil
	return notes
}

// pause is the time from one read to the next. The first two of a main process come as soon as the share allows.
func (p *PSS) pause() time.Duration {
	if p.made < len(p.reads) {
		return p.cost * pssShare
	}
	return max(pssAgain, p.cost*pssShare)
}

func (p *PSS) read(now time.Time) policy.Reading {
	begin := time.Now()
	sum, err := p.sum(begin.Add(p.budget))
	p.at, p.cost = now, time.Since(begin)
	if err != nil {
		p.note(err)
		return policy.Reading{}
	}
	return policy.Known(sum)
}

// note says why a read failed; never a pid or a path, for every text is kept for good.
func (p *PSS) note(err error) {
	text := "pss is unknown: /proc cannot be read"
	switch {
	case errors.Is(err, errTooLong):
		text = fmt.Sprintf("pss is unknown: the tree takes more than %v to read", p.budget)
	case errors.Is(err, errNoSmaps):
		text = "pss is unknown: this kernel has no smaps_rollup"
	case errors.Is(err, fs.ErrPermission):
		text = "pss is unknown: smaps_rollup of another user's process may not be read (no CAP_SYS_PTRACE?)"
	case gone(err):
		return // the main process has just ended
	}
	if !p.noted[text] {
		p.noted[text] = true
		p.notes = append(p.notes, text)
	}
}

func (p *PSS) sum(deadline time.Time) (uint64, error) {
	proc, err := procfs.NewFS(p.opts.Proc)
	if err != nil {
		return 0, errors.New("no proc") // not procfs's own error: its ENOENT would pass for a process that is gone
	}
	tree, err := p.tree(proc, deadline)
	if err != nil {
		return 0, err
	}
	var sum uint64
	for _, member := range tree {
		if time.Now().After(deadline) {
			return 0, errTooLong
		}
		pss, err := pssOf(proc, member)
		if err != nil && !gone(err) {
			return 0, err
		}
		sum += pss
	}
	return sum, nil
}

// tree lists all that is below us. A main process that is not there means that it is hidden, or has just ended: the tree
// is not known.
func (p *PSS) tree(proc procfs.FS, deadline time.Time) ([]procfs.ProcStat, error) {
	all, err := proc.AllProcs()
	if err != nil {
		return nil, err
	}
	children := make(map[int][]procfs.ProcStat)
	seen := p.main == p.opts.Self
	for _, process := range all {
		if time.Now().After(deadline) {
			return nil, errTooLong
		}
		stat, err := process.Stat()
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		children[stat.PPID] = append(children[stat.PPID], stat)
	}
	tree := p.opts.withoutHelpers(children[p.opts.Self])
	for i := 0; i < len(tree); i++ {
		seen = seen || tree[i].PID == p.main
		below := children[tree[i].PID]
		delete(children, tree[i].PID) // pids used again in the middle of a read could close a circle
		tree = append(tree, below...)
	}
	if !seen {
		return nil, fs.ErrNotExist
	}
	return tree, nil
}

// withoutHelpers drops those of our children that are no part of the app, and orphans in their sessions.
func (o Options) withoutHelpers(children []procfs.ProcStat) []procfs.ProcStat {
	if o.Helpers == nil {
		return children
	}
	helpers := o.Helpers()
	return slices.DeleteFunc(children, func(p procfs.ProcStat) bool {
		return slices.Contains(helpers, p.PID) || slices.Contains(helpers, p.Session)
	})
}

// pssOf is the PSS of one process. When its main thread has exited, only the other threads still show it.
func pssOf(proc procfs.FS, stat procfs.ProcStat) (uint64, error) {
	process, err := proc.Proc(stat.PID)
	if err != nil {
		return 0, err
	}
	if stat.State == "Z" {
		if stat.NumThreads <= 1 {
			return 0, nil
		}
		if process, stat, err = otherThread(proc, stat.PID); err != nil {
			return 0, err
		}
	}
	if rss := uint64(stat.ResidentMemory()); rss > pssLargest {
		return rss, nil
	}
	rollup, err := process.ProcSMapsRollup()
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := process.Stat(); err == nil {
			return 0, errNoSmaps // for the process is still there
		}
	}
	return rollup.Pss, err
}

// otherThread finds a thread that lives on without the main one.
func otherThread(proc procfs.FS, pid int) (procfs.Proc, procfs.ProcStat, error) {
	threads, err := proc.AllThreads(pid)
	if err != nil {
		return procfs.Proc{}, procfs.ProcStat{}, err
	}
	for _, thread := range threads {
		stat, err := thread.Stat()
		if err == nil && stat.State != "Z" && stat.State != "X" {
			return thread, stat, nil
		}
	}
	return procfs.Proc{}, procfs.ProcStat{}, fs.ErrNotExist
}

// gone says of an error that the process has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
