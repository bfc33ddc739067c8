package sampler

import (
	"slices"

	"github.com/reaperd/reaperd/policy"
)

// measureTree counts what is below us and names who has most of it.
func (s *Sampler) measureTree(m *[policy.NumMetrics]policy.Measure) {
	var threads, rss uint64
	var byThreads, byRSS top
	for _, p := range s.tree.below {
		threads += uint64(p.threads)
		rss += p.rss
		byThreads.add(p, uint64(p.threads))
		byRSS.add(p, p.rss)
	}
	// A corpse holds one thread and nothing else.
	threads += uint64(len(s.tree.dead))
	for _, p := range s.tree.dead[:min(len(s.tree.dead), len(byThreads.list))] {
		byThreads.add(p, 1)
	}
	s.rss = policy.Known(rss)
	m[policy.Threads].Reading = policy.Known(threads)
	m[policy.Processes].Reading = policy.Known(uint64(len(s.tree.below) + len(s.tree.dead)))
	m[policy.Zombies].Reading = policy.Known(s.tree.byZombies.most())
	m[policy.Threads].Top = s.name(policy.Threads, &byThreads)
	m[policy.Processes].Top = s.name(policy.Processes, &s.tree.byChildren) // those are who forks
	m[policy.Zombies].Top = s.name(policy.Zombies, &s.tree.byZombies)
	m[policy.Memory].Top = s.name(policy.Memory, &byRSS)
}

const topSize = 3

// top collects the processes with the largest values, largest first; of equals the lower pid. Those with none are left
// out.
type top struct {
	n    int
	list [topSize]struct {
		p     *process
		value uint64
	}
}

func (t *top) add(p *process, value uint64) {
	if value == 0 || t.n == len(t.list) && value < t.list[t.n-1].value {
		return
	}
	at := t.n
	for at > 0 && (value > t.list[at-1].value || value == t.list[at-1].value && p.pid < t.list[at-1].p.pid) {
		at--
	}
	if at == len(t.list) {
		return
	}
	t.n = min(t.n+1, len(t.list))
	copy(t.list[at+1:t.n], t.list[at:])
	t.list[at].p, t.list[at].value = p, value
}

func (t *top) most() uint64 { return t.list[0].value }

// name puts the names to a top.
func (s *Sampler) name(metric policy.Metric, t *top) []policy.Process {
	named := s.named(t)
	return s.tops[metric].put(named[:t.n])
}

func (s *Sampler) named(t *top) (named [topSize]policy.Process) {
	for i, e := range t.list[:t.n] {
		named[i] = policy.Process{PID: e.p.pid, Name: s.tree.nameOf(e.p, s.now), Value: e.value}
	}
	return named
}

// shelf keeps the lists that were handed out, which nobody may change any more. One that is the same as the last is
// handed out again, and of others many share one allocation: a steady look makes no garbage.
type shelf[T comparable] struct {
	last, room []T
}

func (s *shelf[T]) put(list []T) []T {
	if slices.Equal(s.last, list) {
		return s.last
	}
	if cap(s.room)-len(s.room) < len(list) {
		s.room = make([]T, 0, 64+len(list))
	}
	from := len(s.room)
	s.room = append(s.room, list...)
	s.last = s.room[from:len(s.room):len(s.room)]
	return s.last
}
