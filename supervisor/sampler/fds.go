package sampler

import (
	"bytes"
	"fmt"
	"slices"
	"syscall"

	"github.com/reaperd/reaperd/policy"
)

// descriptors is what a process has open.
type descriptors struct {
	fd      int32 // kept descriptor of the directory that lists them; none: -1
	counts  uint32
	open    uint64
	limit   uint64 // RLIMIT_NOFILE; 0: none, or not known
	counted bool
	same    uint8 // counts in a row that found the same
}

const (
	// countEvery is at which looks the descriptors of all processes are counted; of those that matter, at every look. One
	// whose number was the same at so many counts sits out every other one.
	countEvery, idleCounts = 4, 4
	// limitEvery is after how many counts the limit of a process is read again: seldom, for it changes when a process is
	// young, and then it is read at counts 1, 2, 4, 8 and so on. When half is used it is at every count.
	limitEvery = 64
)

// fdCount is what the last count of all processes has found.
type fdCount struct {
	counted
	matter  []*process // those with most, that nearest to its limit, and those that use more than half of it
	rest    uint64     // the most that any other has
	ceiling fdLimit
}

// counted is what one count has found.
type counted struct {
	most    top
	nearest *process
	any     bool
	refused bool // some processes cannot be counted
}

// measureFDs finds the process with most descriptors, and the one nearest to its own limit for a percentage. Processes
// that do not let us count are left out: if there is no other, the number is unknown.
func (s *Sampler) measureFDs(m *policy.Measure) {
	c := &s.fds
	refused := c.refused
	if s.looks%countEvery != 0 && len(c.matter) > 0 {
		s.countFDs(c.matter)
		c.refused = c.refused || refused
	} else {
		c.any = false
	}
	// Those that mattered may have closed what they had: then another has most.
	if most := &c.most; !c.any || most.n > 0 && most.list[most.n-1].value < c.rest {
		s.countFDs(s.tree.below) // of corpses the kernel has closed what they had
		s.remember()
	}
	limited := s.newCeilings()
	limited.failed = c.refused
	if p := c.nearest; p != nil {
		c.ceiling.name(s.tree, p)
		limited.add(c.ceiling.text, policy.Known(p.open), p.limit)
	}
	m.Ceilings = limited.settle(&s.ceilings[policy.FDs])
	m.Reading = policy.Reading{Value: c.most.most(), Known: c.any || !c.refused}
	m.Top = s.name(policy.FDs, &c.most)
}

// countFDs counts the descriptors of some processes.
func (s *Sampler) countFDs(list []*process) {
	c := &s.fds
	c.counted = counted{}
	for _, p := range list {
		if p.gone || p.dead {
			continue
		}
		var err error
		if !p.sitsOut(s.looks) {
			err = s.tree.countFDs(p)
		}
		if err == errGone {
			continue
		}
		if err != nil {
			c.refused = true
			s.note("open files of some processes cannot be counted (needs Linux 6.2, the same user or CAP_SYS_PTRACE)")
			continue
		}
		c.any = true
		c.most.add(p, p.open)
		if p.nearer(c.nearest) {
			c.nearest = p
		}
	}
}

// remember keeps who matters until all are counted again.
func (s *Sampler) remember() {
	c := &s.fds
	c.matter, c.rest = c.matter[:0], 0
	for _, e := range c.most.list[:c.most.n] {
		c.matter = append(c.matter, e.p)
	}
	first := len(c.matter)
	for _, p := range s.tree.below {
		switch {
		case !p.counted || slices.Contains(c.matter[:first], p):
		case p == c.nearest || p.limit > 0 && p.open > p.limit/2:
			c.matter = append(c.matter, p)
		default:
			c.rest = max(c.rest, p.open)
		}
	}
	for _, p := range c.matter {
		p.same = 0 // they never sit out
	}
}

// sitsOut spreads the counts of idle processes over the looks.
func (p *process) sitsOut(look uint64) bool {
	return p.counted && p.same >= idleCounts && (look/countEvery+uint64(p.pid))%2 == 0
}

// nearer says whether p is nearer to its limit than another; of equals the lower pid.
func (p *process) nearer(than *process) bool {
	if p.limit == 0 || than == nil {
		return p.limit > 0
	}
	a, b := float64(p.open)/float64(p.limit), float64(than.open)/float64(than.limit)
	return a > b || a == b && p.pid < than.pid
}

// fdLimit is the ceiling of one process, named once.
type fdLimit struct {
	p    *process
	text string
}

func (l *fdLimit) name(t *tree, p *process) {
	if l.p != p {
		comm, _ := t.commOf(p)
		l.p, l.text = p, fmt.Sprintf("RLIMIT_NOFILE of pid %d (%s)", p.pid, comm)
	}
}

// countFDs counts the descriptors of p, and reads their limit when it is time.
func (t *tree) countFDs(p *process) error {
	n, err := t.openFDs(p)
	if err != nil {
		p.counted = false
		return err
	}
	if p.same = min(p.same+1, idleCounts); p.open != n {
		p.same = 0
	}
	p.open, p.counted = n, true
	if p.counts++; p.counts&(p.counts-1) == 0 || p.counts%limitEvery == 0 || p.open > p.limit/2 && p.limit > 0 {
		text, err := t.readOf(p, "limits")
		if err != nil && orGone(err) != errGone {
			return err
		}
		p.limit = softLimit(text, "Max open files")
	}
	return nil
}

// openFDs is the number of descriptors. From Linux 6.2 on it is the size of the directory that lists them; where that says
// nothing, they are counted one by one, which needs the right to look into the process.
func (t *tree) openFDs(p *process) (uint64, error) {
	if p.fd == none && p.task >= 0 && p.thread == 0 && t.real && t.kept < t.room-t.room/32 { // the rest is for newcomers: those of refresh matter more
		t.keep(&p.fd, int(p.task), []byte("../fd\x00"), pathOnly)
	}
	if p.fd >= 0 && p.thread == 0 {
		if err := statNow(p.fd, &t.inode); err == nil && t.inode.Size > 0 {
			return uint64(t.inode.Size), nil
		}
	}
	dir, path := t.pathOf(p, "fd")
	if t.real {
		n, err := sizeAt(dir, path, &t.statx)
		if err != nil || n > 0 {
			return n, orGone(err)
		}
	}
	fd, err := openAt(dir, path, listing)
	if err != nil {
		return 0, orGone(err)
	}
	defer syscall.Close(fd)
	n := uint64(0)
	err = eachName(fd, t.entries[:], func(name []byte) bool {
		if len(name) > 0 && name[0] != '.' {
			n++
		}
		return true
	})
	return n, orGone(err)
}

// softLimit gives the soft limit of a line of a limits file; 0 if there is none.
func softLimit(limits []byte, name string) uint64 {
	for len(limits) > 0 {
		line, rest, _ := bytes.Cut(limits, []byte("\n"))
		if len(line) > len(name) && string(line[:len(name)]) == name {
			line = line[len(name):]
			n, _ := decimal(nextWord(&line)) // "unlimited" is no number
			return n
		}
		limits = rest
	}
	return 0
}
