package sampler

import (
	"errors"
	"io/fs"
	"slices"
)

// relate finds the parent of every process that has none yet, or whose parent has ended, and says who is below us.
func (t *tree) relate() error {
	me := t.known[t.self]
	for _, list := range [...][]*process{t.living, t.corpses} {
		for _, p := range list {
			if p == me || p.parent != nil && !(t.parted && (p.parent.gone || p.parent.dead)) {
				continue
			}
			if err := t.adopt(p); err != nil {
				t.sayBlind(err)
				return err
			}
		}
	}
	t.sort()
	t.round++
	t.setApart(me)
	t.below = t.trace(t.below[:0], t.living, me)
	t.dead = t.trace(t.dead[:0], t.corpses, me)
	if !t.everything {
		t.forgetStrangers(me)
	}
	t.changed, t.parted = false, false

	for _, p := range t.below {
		p.children, p.zombies = 0, 0
	}
	for _, p := range t.below {
		p.parent.children++
	}
	// Zombies count where the parent lives: until it ends, nobody but it can reap them. Our own are being reaped.
	for _, p := range t.dead {
		p.parent.children++
		if p.parent != me {
			p.parent.zombies++
		}
	}
	t.byChildren, t.byZombies = top{}, top{}
	for _, p := range t.below {
		t.byChildren.add(p, uint64(p.children))
		t.byZombies.add(p, uint64(p.zombies))
	}
	return nil
}

// adopt finds the parent of p. One that has ended since p was read has left p to a new one.
func (t *tree) adopt(p *process) error {
	parent := t.known[p.ppid]
	if p.parent == nil && (p.ppid == 0 || parent != nil && !parent.dead || parent == nil && t.strange(p.ppid)) {
		p.parent = parent
		return nil
	}
	err := t.reread(p)
	if err == errGone || errors.Is(err, fs.ErrPermission) {
		p.parent = nil // the next look will see that it has ended
		return nil
	}
	p.parent = t.known[p.ppid]
	return err
}

// strange says of a pid that is not known whether it is that of a process which is not below us, rather than one that has
// just ended: what this look has not searched has been so before.
func (t *tree) strange(pid int) bool {
	return !t.everything && pid <= t.searched && !slices.Contains(t.vacant, pid)
}

// learnHelpers asks who they are; a change of them changes who is below us.
func (t *tree) learnHelpers() {
	now := t.helpersNow()
	slices.Sort(now)
	if !slices.Equal(now, t.helpers) {
		t.helpers, t.changed = now, true
	}
}

// setApart says of helpers, and of orphans in their sessions, that they are not below us, and so nor is what they have
// started.
func (t *tree) setApart(me *process) {
	if len(t.helpers) == 0 {
		return
	}
	for _, list := range [...][]*process{t.living, t.corpses} {
		for _, p := range list {
			if p.parent == me && (slices.Contains(t.helpers, p.pid) || slices.Contains(t.helpers, p.session)) {
				p.traced, p.inTree = t.round, false
			}
		}
	}
}

// trace says of every process whether it is below us, and adds those that are to a list. Pids used again in the middle of
// a look could close a circle.
func (t *tree) trace(below, list []*process, me *process) []*process {
	for _, p := range list {
		end := p
		for end != nil && end != me && end.traced != t.round {
			end.traced, end.inTree = t.round, false
			end = end.parent
		}
		inTree := end != nil && (end == me || end.inTree)
		for q := p; q != end; q = q.parent {
			q.inTree = inTree
		}
		if p.inTree {
			below = append(below, p)
		}
	}
	return below
}

// mostSpare bounds what is kept to be used again.
const mostSpare = 256

// forgetStrangers drops what is not below us. A process that was, and is not any more, cannot be: it is looked for anew.
func (t *tree) forgetStrangers(me *process) {
	t.forget(func(p *process) bool {
		if p.inTree || p == me {
			return false
		}
		if p.looks > 1 {
			t.everyPID = true
		} else if len(t.spare) < mostSpare {
			t.spare = append(t.spare, p) // nobody can know it
		}
		return true
	})
}
