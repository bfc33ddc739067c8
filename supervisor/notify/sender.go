package notify

import (
	"os"
	"strconv"

	"github.com/reaperd/reaperd/reaper/procstat"
)

// mostAncestors bounds the way up, should /proc lead in a circle.
const mostAncestors = 1000

// child gives the child of ours that pid is, or descends from; 0 if there is none. Where /proc does not tell (it is not
// mounted, or the sender is gone already) it may still be a child of ours itself: the caller knows those.
func (s *Socket) child(pid int) int {
	if pid <= 0 || pid == s.self {
		return 0
	}
	parent, ok := s.parent(pid)
	if !ok {
		return pid
	}
	for range mostAncestors {
		switch {
		case parent == s.self:
			return pid
		case parent <= 1 || !ok:
			return 0
		}
		pid = parent
		parent, ok = s.parent(pid)
	}
	return 0
}

func (s *Socket) parent(pid int) (int, bool) {
	text, err := os.ReadFile(s.proc + "/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	stat, ok := procstat.Parse(text)
	return stat.PPID, ok
}
