package sampler

import (
	"path/filepath"

	"github.com/reaperd/reaperd/policy"
)

// memoryGroup is our place in the hierarchy of the memory controller.
type memoryGroup struct {
	v2     bool
	swaps  bool          // what does not fit into memory may go to swap
	levels []memoryLevel // ours first, then its ancestors as far as we see them; none: no such controller
}

// memoryLevel is one cgroup, with the files that a look reads.
type memoryLevel struct {
	dir       string
	name      string // of its limit
	swapName  string // of its limit with swap
	stat      file
	usage     file
	limit     limitFile
	swap      file      // v2: swap in use
	swapLimit limitFile // v2: of swap alone; v1: of memory and swap together

	memoryStat // as read last in this look
	read       uint64
	ok         bool
}

// openMemory prepares the files of the levels that were found.
func openMemory(found cgroup) memoryGroup {
	g := memoryGroup{v2: found.v2}
	for _, l := range found.levels {
		at := func(name string) file { return keepIfThere(filepath.Join(l.dir, name)) }
		m := memoryLevel{dir: l.dir, stat: keep(filepath.Join(l.dir, "memory.stat"))}
		limit, swapLimit := "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
		m.usage, m.swapLimit = at("memory.usage_in_bytes"), keepLimit(filepath.Join(l.dir, swapLimit))
		if g.v2 {
			limit, swapLimit = "memory.max", "memory.max+swap.max"
			m.usage, m.swap = at("memory.current"), at("memory.swap.current")
			m.swapLimit = keepLimit(filepath.Join(l.dir, "memory.swap.max"))
		}
		m.limit = keepLimit(filepath.Join(l.dir, limit))
		m.name, m.swapName = found.nameOf(limit, l), found.nameOf(swapLimit, l)
		g.levels = append(g.levels, m)
	}
	return g
}

func (g *memoryGroup) close() {
	for i := range g.levels {
		l := &g.levels[i]
		l.stat.close()
		l.usage.close()
		l.limit.close()
		l.swap.close()
		l.swapLimit.close()
	}
}

// maySwap says whether our own cgroup is allowed any swap. v1 limits it together with memory.
func (s *Sampler) maySwap() bool {
	if !s.hasSwap || len(s.memory.levels) == 0 || s.memory.levels[0].swapLimit.name == "" {
		return false
	}
	own := &s.memory.levels[0]
	found := s.newCeilings()
	most, limited := found.limit(&own.swapLimit, s.now, s.buf[:])
	if s.memory.v2 {
		return !limited || most > 0
	}
	memory, ok := found.limit(&own.limit, s.now, s.buf[:])
	return !limited || !ok || most > memory
}

// measureMemory takes the number of our memory cgroup if nobody else is in it, else the sum over the tree. Which of the
// two is settled twice for an incarnation: a number that turned into another would look like a jump.
func (s *Sampler) measureMemory(m *policy.Measure) {
	metric := s.opts.MemoryMetric
	switch {
	case metric == "rss" || s.owner == shared && metric != "anon":
		m.Source, m.Reading = "rss of the tree", s.rss
	case s.owner == shared:
		m.Source, m.Reading = "anon+swap of the tree", s.anonOfTree()
	case s.owner == ours:
		m.Source, m.Reading = s.memoryOfGroup(metric)
	default:
		m.Source = "not known yet" // no look has seen the tree
	}
	m.Ceilings = s.memoryCeilings()
}

// memoryOfGroup is the number of our own cgroup, and which one it is. Swap in use belongs to a leak too, though not to
// what memory.max limits.
func (s *Sampler) memoryOfGroup(metric string) (source string, r policy.Reading) {
	g := &s.memory
	own := &g.levels[0]
	swaps := g.swaps || metric == "anon"
	switch {
	case metric == "working_set":
		source, swaps = "cgroup working set", false
	case metric == "anon":
		source = "cgroup anon+swap"
	case g.v2 && swaps:
		source = "cgroup anon+shmem+kernel+swap"
	case g.v2:
		source = "cgroup anon+shmem+kernel"
	case swaps:
		source = "cgroup anon+shmem+swap"
	default:
		source = "cgroup anon+shmem"
	}
	r = s.used(own, metric)
	if swaps {
		r = plus(r, s.swapOf(own))
	}
	return source, r
}

// memoryCeilings gives the limits of our cgroup and of all its ancestors, each with its own usage in the chosen metric.
// A limit not below the machine's memory never bites; "no limit" is such a one on v1.
func (s *Sampler) memoryCeilings() []policy.Ceiling {
	metric := s.opts.MemoryMetric
	found := s.newCeilings()
	for i := range s.memory.levels {
		l := &s.memory.levels[i]
		limit, ok := found.limit(&l.limit, s.now, s.buf[:])
		if !ok || limit >= s.memTotal {
			continue
		}
		used := s.rss
		if metric != "rss" {
			used = s.used(l, metric)
		}
		if s.memory.swaps && metric != "rss" && metric != "working_set" {
			if swap, room := s.swapOf(l), s.swapRoom(l, limit, found); room > 0 {
				found.add(l.swapName, plus(used, swap), limit+room)
				continue
			}
		}
		found.add(l.name, used, limit)
	}
	return found.settle(&s.ceilings[policy.Memory])
}

// swapRoom is how much of a cgroup can be in swap: as much as it may, and as the machine has left for it.
func (s *Sampler) swapRoom(l *memoryLevel, limit uint64, found *ceilings) uint64 {
	room := s.swapOf(l).Value + s.swapFree()
	if most, ok := found.limit(&l.swapLimit, s.now, s.buf[:]); ok {
		if !s.memory.v2 {
			most -= min(limit, most)
		}
		room = min(room, most)
	}
	return room
}

// used is the usage of one cgroup, with all below it, in the given metric, without swap.
func (s *Sampler) used(l *memoryLevel, metric string) policy.Reading {
	s.readStat(l)
	switch {
	case metric == "working_set":
		all := s.number(&l.usage)
		return policy.Reading{Value: all.Value - min(l.inactiveFile, all.Value), Known: l.ok && l.hasInactive && all.Known}
	case metric == "anon":
		return policy.Reading{Value: l.anon, Known: l.ok && l.hasAnon}
	}
	return policy.Reading{Value: l.anon + l.shmem + l.kernel, Known: l.ok && l.hasAnon}
}

// swapOf is 0 on a kernel that does no swap accounting: then there is no number to be had.
func (s *Sampler) swapOf(l *memoryLevel) policy.Reading {
	if !s.memory.v2 {
		s.readStat(l)
		return policy.Reading{Value: l.swapped, Known: l.ok}
	}
	if l.swap.name == "" {
		return policy.Known(0)
	}
	return s.number(&l.swap)
}

// readStat reads memory.stat of a cgroup, once in a look.
func (s *Sampler) readStat(l *memoryLevel) {
	if l.read == s.looks+1 {
		return
	}
	l.read = s.looks + 1
	text, err := l.stat.read(s.buf[:])
	l.ok = err == nil
	l.memoryStat = memoryStat{}
	if l.ok {
		l.parse(text, s.memory.v2)
	}
}

// number reads a file with one number in it; unknown if it cannot be read.
func (s *Sampler) number(f *file) policy.Reading {
	text, err := f.read(s.buf[:])
	if err != nil {
		return policy.Reading{}
	}
	return parseNumber(text)
}

func plus(a, b policy.Reading) policy.Reading {
	return policy.Reading{Value: a.Value + b.Value, Known: a.Known && b.Known}
}

// anonOfTree sums anonymous memory, resident or swapped out. Zombies have none.
func (s *Sampler) anonOfTree() policy.Reading {
	if !s.seen {
		return policy.Reading{}
	}
	var sum uint64
	for _, p := range s.tree.below {
		status, err := s.tree.readOf(p, "status")
		if orGone(err) == errGone {
			continue
		}
		if err != nil {
			return policy.Reading{}
		}
		resident, _ := statusField(status, "RssAnon:") // both are missing when the process is just ending
		swapped, _ := statusField(status, "VmSwap:")
		sum += (resident + swapped) * 1024
	}
	return policy.Known(sum)
}
