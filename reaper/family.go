package reaper

import (
	"os"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// Family tells the processes of one of our children from those of another: the child, all below it, and the orphans they
// leave us, which no parent ties to it any more. They are known because an earlier walk saw them below it, or because
// they are still in its process group. What nobody saw there, such as a daemon that was born and left between two walks,
// is a stranger.
type Family struct {
	root    int // pid of the child, and its process group
	met     bool
	walk    uint64
	grouped uint64            // the last walk that saw a member in that group: nobody else's can have its number by then
	members map[member]uint64 // the last walk that saw it
}

// member is one process for ever.
type member struct {
	pid   int
	start uint64
}

// NewFamily makes the Family of a child that is our own and leads its process group.
func NewFamily(root int) *Family { return &Family{root: root, members: map[member]uint64{}} }

// Divide says of a walk, by Tree or Remains, who belongs to the family and who does not, in its order. It remembers the
// first: the more walks while the child lives, the fewer of its orphans are strangers later.
func (f *Family) Divide(tree []procstat.Stat) (family, strangers []procstat.Stat) {
	f.walk++
	kin := map[int]bool{}
	for _, p := range tree {
		if kin[p.PID] = kin[p.PPID] || f.knows(p); !kin[p.PID] {
			strangers = append(strangers, p)
			continue
		}
		f.members[member{p.PID, p.Start}] = f.walk
		if p.Group == f.root {
			f.grouped = f.walk
		}
		family = append(family, p)
	}
	// A walk can miss a process whose parent ends meanwhile.
	for m, seen := range f.members {
		if seen+1 < f.walk {
			delete(f.members, m)
		}
	}
	return family, strangers
}

// Claim makes everybody in a walk a member: who was there before there was another family.
func (f *Family) Claim(tree []procstat.Stat) {
	f.walk++
	for _, p := range tree {
		f.members[member{p.PID, p.Start}] = f.walk
		f.met = f.met || p.PID == f.root
		if p.Group == f.root {
			f.grouped = f.walk
		}
	}
}

// knows says whether p itself is known, whatever its parent.
func (f *Family) knows(p procstat.Stat) bool {
	if !f.met && p.PID == f.root && p.PPID == os.Getpid() {
		f.met = true
		return true
	}
	if _, seen := f.members[member{p.PID, p.Start}]; seen {
		return true
	}
	return p.Group == f.root && f.grouped > 0 && f.grouped+1 >= f.walk
}
