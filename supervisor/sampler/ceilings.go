package sampler

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// ceilings collects the ceilings of one metric.
type ceilings struct {
	list   []policy.Ceiling
	failed bool // a limit is there but could not be read: the list may lack it
}

// newCeilings begins a collection, in the room of the one before.
func (s *Sampler) newCeilings() *ceilings {
	s.collected = ceilings{list: s.collected.list[:0]}
	return &s.collected
}

// limitFile is a file with a limit.
type limitFile struct {
	file
	value uint64
	ok    bool
	at    time.Time     // when it was read; zero: it could not be
	again time.Duration // after which it is read again
}

// Limits are rarely changed, and those of the machine hardly ever.
const limitAgain, sysctlAgain = time.Second, 10 * time.Second

func keepLimit(name string) limitFile {
	return limitFile{file: keepIfThere(name), again: limitAgain}
}

func (f *limitFile) close() {
	f.file.close()
	f.at = time.Time{}
}

// limit reads a limit. "max", or no such file, is no limit.
func (c *ceilings) limit(f *limitFile, now time.Time, buf []byte) (limit uint64, ok bool) {
	if f.name == "" || now.Sub(f.at) < f.again {
		return f.value, f.ok
	}
	f.at, f.ok = time.Time{}, false
	text, err := f.read(buf)
	if err != nil {
		c.failed = c.failed || !errors.Is(err, fs.ErrNotExist)
		return 0, false
	}
	r := parseNumber(text)
	f.value, f.ok, f.at = r.Value, r.Known, now
	return f.value, f.ok
}

func (c *ceilings) add(name string, used policy.Reading, limit uint64) {
	c.list = append(c.list, policy.Ceiling{Name: name, Used: used, Max: limit})
}

// settle ends the collection. When reading failed, as it does for want of memory or files, what was there at the last
// look stays with an unknown usage: a ceiling that was not read has not gone away.
func (c *ceilings) settle(last *shelf[policy.Ceiling]) []policy.Ceiling {
	if c.failed {
		for _, old := range last.last {
			if !slices.ContainsFunc(c.list, func(now policy.Ceiling) bool { return now.Name == old.Name }) {
				c.add(old.Name, policy.Reading{}, old.Max)
			}
		}
	}
	return last.put(c.list)
}

// taskLimits is what makes fork and clone fail with EAGAIN. All of them count threads, and zombies as one.
type taskLimits struct {
	pids    []pidsLevel // ours first
	visible bool        // all members of our pids cgroup are in our PID namespace
	sysctl  [2]sysctl
	nproc
}

type pidsLevel struct {
	name    string
	dir     string
	max     limitFile
	current file
	used    policy.Reading // at this look
}

type sysctl struct {
	name string
	limitFile
}

// openTasks prepares the files of the levels that were found.
func (s *Sampler) openTasks(found cgroup) {
	t := &s.tasks
	t.pids, t.visible = nil, false
	for _, l := range found.levels {
		t.pids = append(t.pids, pidsLevel{
			name:    found.nameOf("pids.max", l),
			dir:     l.dir,
			max:     keepLimit(filepath.Join(l.dir, "pids.max")),
			current: keep(filepath.Join(l.dir, "pids.current")),
		})
	}
	for i, name := range []string{"threads-max", "pid_max"} {
		t.sysctl[i] = sysctl{"kernel." + name, keepLimit(filepath.Join(s.opts.Proc, "sys/kernel", name))}
		t.sysctl[i].again = sysctlAgain
	}
	t.nproc = nproc{}
}

func (t *taskLimits) close() {
	for i := range t.pids {
		t.pids[i].max.close()
		t.pids[i].current.close()
	}
	for i := range t.sysctl {
		t.sysctl[i].close()
	}
}

// countTasks reads how many threads there are in our pids cgroup and those above. It gives that of our own, if it counts
// nobody whom we cannot see.
func (s *Sampler) countTasks() policy.Reading {
	for i := range s.tasks.pids {
		l := &s.tasks.pids[i]
		l.used = s.number(&l.current)
	}
	if !s.tasks.visible {
		return policy.Reading{}
	}
	return s.tasks.pids[0].used
}

func (s *Sampler) taskCeilings(main int) []policy.Ceiling {
	found := s.newCeilings()
	for i := range s.tasks.pids {
		l := &s.tasks.pids[i]
		if limit, ok := found.limit(&l.max, s.now, s.buf[:]); ok {
			found.add(l.name, l.used, limit)
		}
	}
	s.addNproc(found, main)
	for i := range s.tasks.sysctl {
		l := &s.tasks.sysctl[i]
		if limit, ok := found.limit(&l.limitFile, s.now, s.buf[:]); ok {
			found.add(l.name, s.tree.tasks, limit)
		}
	}
	return found.settle(&s.ceilings[policy.Threads])
}
