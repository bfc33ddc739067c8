package sampler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ownership says whether a cgroup holds nothing but us, the app and shells of `docker exec`.
type ownership int

const (
	undecided ownership = iota
	ours
	shared
)

// members lists all processes in a cgroup and below it; nil if they cannot be read. Pid 0 stands for processes of another
// PID namespace.
func members(dir string) map[int]bool {
	pids := make(map[int]bool)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "cgroup.procs" {
			var text []byte
			text, err = os.ReadFile(name)
			for line := range strings.Lines(string(text)) {
				if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
					pids[pid] = true
				}
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a cgroup below ours that has just been removed
		}
		return err
	})
	if err != nil || len(pids) == 0 {
		return nil
	}
	return pids
}

// doubt asks a second time whose the cgroup is, once the app has been up for min_uptime: by then a neighbour that came
// later has shown itself.
func (s *Sampler) doubt() {
	if !s.doubted && s.owner != undecided && s.now.Sub(s.began) >= s.opts.MinUptime {
		s.owner, s.doubted = undecided, true
	}
}

// beforeLook lists the members of our memory cgroup if this look is to decide whose it is.
func (s *Sampler) beforeLook() map[int]bool {
	if s.owner != undecided || len(s.memory.levels) == 0 {
		return nil
	}
	return members(s.memory.levels[0].dir)
}

// judge decides whose our cgroups are. That of memory is ours if all its members are, read before and after the look: one
// that is there both times is neither newborn nor gone, so if it is not known as ours it is a stranger, perhaps a hidden
// one. Of that of pids it is enough that no member lives in another PID namespace.
func (s *Sampler) judge(before map[int]bool) {
	if s.owner != undecided || !s.seen {
		return
	}
	s.owner = shared
	if s.onlyOurs(before) {
		s.owner = ours
	}
	if pids := s.tasks.pids; len(pids) > 0 {
		in := members(pids[0].dir)
		s.tasks.visible = in != nil && !in[0]
	}
}

func (s *Sampler) onlyOurs(before map[int]bool) bool {
	if before == nil {
		return false
	}
	after := members(s.memory.levels[0].dir)
	for pid := range after {
		if before[pid] && !s.familiar(pid) && !s.onlyWaits(pid) {
			return false
		}
	}
	return after[s.opts.Self]
}

// familiar says whether a process is ours: us, the app, or a shell of `docker exec` with what it started. A process
// entered from outside has no parent here; nor have an init and the kernel's own, which are no shells.
func (s *Sampler) familiar(pid int) bool {
	for range maxDepth {
		if p := s.tree.known[pid]; pid == s.opts.Self || p != nil && p.inTree {
			return true
		}
		text, err := readOnce(s.tree.proc, s.tree.path.below(pid, "/stat\x00"), s.buf[:])
		if err != nil {
			return false
		}
		st, ok := parseStat(text)
		if !ok || st.ppid == 0 {
			return ok && pid != 1 && !st.kernel
		}
		pid = st.ppid
	}
	return false
}

// mostInit is more memory than the inits of containers have resident: 0.7 MiB to 1.4 MiB, a shell 4 MiB.
const mostInit = 5 << 20

// onlyWaits says of an init above us, such as that of `docker run --init`, that its memory does not matter: PID 1 of a
// container, our parent, of one thread and next to no memory. Whatever else it has started is a stranger all the same.
func (s *Sampler) onlyWaits(pid int) bool {
	if me := s.tree.known[s.opts.Self]; pid != 1 || me.ppid != pid || s.tree.machine {
		return false
	}
	text, err := readOnce(s.tree.proc, s.tree.path.below(pid, "/stat\x00"), s.buf[:])
	if err != nil {
		return false
	}
	st, ok := parseStat(text)
	return ok && st.threads == 1 && st.rss*pageSize <= mostInit
}

// maxDepth ends a climb that pids used again have made a circle.
const maxDepth = 10_000
