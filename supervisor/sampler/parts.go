package sampler

import (
	"math/bits"
	"slices"

	"github.com/reaperd/reaperd/policy"
)

// app is one of several apps that live at once, known by its main process.
type app struct {
	pid   int
	start uint64
	met   bool // the main process has been seen: start is its
	tally
}

// tally is what belongs to an app at one look.
type tally struct {
	threads, processes, rss                        uint64
	byThreads, byRSS, byChildren, byZombies, byFDs top
	nearest                                        *process // to its own limit of descriptors
	counted                                        bool     // the descriptors of somebody
}

// Split divides what the last look has found among the apps that live at once, and adds the parts to its sample. Roots
// are their main processes, children of ours, the oldest first; with none there is nothing to do. A part is unknown until
// its main process has been seen.
//
// An orphan belongs to the app below whose main process it was when it was seen last. Nobody may have seen it there: then
// its process group tells, or it is taken for the oldest app's.
func (s *Sampler) Split(sample *policy.Sample, roots ...int) {
	s.meetApps(roots)
	if len(roots) == 0 {
		return
	}
	if s.seen {
		s.tree.round++
		for _, p := range s.tree.below {
			s.appOf(p).add(p)
		}
		for _, p := range s.tree.dead {
			s.appOf(p).addDead(p)
		}
	}
	for _, a := range s.apps {
		sample.Parts = append(sample.Parts, policy.Part{Root: a.pid, Measures: s.measuresOf(a, &sample.Measures)})
	}
}

// meetApps finds the main processes.
func (s *Sampler) meetApps(roots []int) {
	var apps []*app
	for _, pid := range roots {
		p := s.tree.known[pid]
		if p != nil && p.parent != s.tree.known[s.opts.Self] {
			p = nil // the main process has ended, and somebody else has its pid
		}
		at := slices.IndexFunc(s.apps, func(a *app) bool { return a.pid == pid && (p == nil || !a.met || a.start == p.start) })
		a := &app{pid: pid}
		if at >= 0 {
			a = s.apps[at]
		}
		if p != nil {
			a.start, a.met = p.start, true
		}
		a.tally = tally{}
		apps = append(apps, a)
	}
	s.apps = apps
}

// appOf finds whose p is: of the first main process on the way up to us, or of the orphan below which it is.
func (s *Sampler) appOf(p *process) *app {
	t := s.tree
	me, end := t.known[s.opts.Self], p
	for end.traced != t.round && s.mainOf(end) == nil && end.parent != me {
		end = end.parent
	}
	owner := end.app
	if end.traced != t.round {
		owner = s.ownerOf(end)
	}
	for q := p; ; q = q.parent {
		if q.app, q.traced = owner, t.round; q == end {
			return owner
		}
	}
}

// mainOf is the app whose main process p is; nil: none's.
func (s *Sampler) mainOf(p *process) *app {
	for _, a := range s.apps {
		if a.pid == p.pid && a.met && a.start == p.start {
			return a
		}
	}
	return nil
}

// ownerOf says whose a child of ours is.
func (s *Sampler) ownerOf(p *process) *app {
	if a := s.mainOf(p); a != nil {
		return a
	}
	if slices.Contains(s.apps, p.app) {
		return p.app
	}
	for _, a := range s.apps {
		if a.pid == p.group {
			return a
		}
	}
	return s.apps[0]
}

func (t *tally) add(p *process) {
	t.processes++
	t.threads += uint64(p.threads)
	t.rss += p.rss
	t.byThreads.add(p, uint64(p.threads))
	t.byRSS.add(p, p.rss)
	t.byChildren.add(p, uint64(p.children))
	t.byZombies.add(p, uint64(p.zombies))
	if p.counted {
		t.counted = true
		t.byFDs.add(p, p.open)
		if p.nearer(t.nearest) {
			t.nearest = p
		}
	}
}

// addDead adds a corpse, which holds one thread and nothing else.
func (t *tally) addDead(p *process) {
	t.processes++
	t.threads++
	t.byThreads.add(p, 1)
}

// measuresOf makes the measures of one app. Those of the whole lend ceilings and source.
func (s *Sampler) measuresOf(a *app, whole *[policy.NumMetrics]policy.Measure) (m [policy.NumMetrics]policy.Measure) {
	for _, metric := range [...]policy.Metric{policy.Threads, policy.Processes, policy.Memory} {
		m[metric].Ceilings = whole[metric].Ceilings
	}
	if m[policy.Memory].Source = whole[policy.Memory].Source; s.rss != whole[policy.Memory].Reading {
		m[policy.Memory].Source += ", shared out by rss"
	}
	if !s.seen || !a.met {
		return m
	}
	m[policy.Threads].Reading = policy.Known(a.threads)
	m[policy.Processes].Reading = policy.Known(a.processes)
	m[policy.Zombies].Reading = policy.Known(a.byZombies.most())
	m[policy.Memory].Reading = share(whole[policy.Memory].Reading, a.rss, s.rss.Value)
	m[policy.Threads].Top = s.listed(&a.byThreads)
	m[policy.Processes].Top = s.listed(&a.byChildren)
	m[policy.Zombies].Top = s.listed(&a.byZombies)
	m[policy.Memory].Top = s.listed(&a.byRSS)
	if s.opts.FDs {
		s.measureFDsOf(a, &m[policy.FDs])
	}
	return m
}

// share is the part of a number that goes with a part of the RSS of the tree: the cgroup does not know whose its memory
// is, and RSS counts pages shared after a fork once for each process, so that a limit made for the one number would trip
// on the other.
func share(whole policy.Reading, rss, total uint64) policy.Reading {
	if !whole.Known || rss > total || total == 0 {
		return policy.Reading{}
	}
	high, low := bits.Mul64(whole.Value, rss)
	part, _ := bits.Div64(high, low, total)
	return policy.Known(part)
}

// measureFDsOf takes what was counted at this look or one of the last.
func (s *Sampler) measureFDsOf(a *app, m *policy.Measure) {
	m.Reading = policy.Reading{Value: a.byFDs.most(), Known: a.counted || !s.fds.refused}
	m.Top = s.listed(&a.byFDs)
	if p := a.nearest; p != nil {
		var limit fdLimit
		limit.name(s.tree, p)
		m.Ceilings = []policy.Ceiling{{Name: limit.text, Used: policy.Known(p.open), Max: p.limit}}
	}
}

// listed names a top.
func (s *Sampler) listed(t *top) []policy.Process {
	named := s.named(t)
	return named[:t.n]
}
