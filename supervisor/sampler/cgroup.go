package sampler

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// cgroup is our place in the hierarchy of one controller.
type cgroup struct {
	v2     bool
	levels []level // ours first, then its ancestors as far as we see them; none: no such controller
}

// level is one cgroup of a hierarchy.
type level struct {
	dir  string // where its files are
	path string // its name in the hierarchy, as an operator knows it
}

// noLimit is less than what v1 shows where there is no limit: 2^63 less a page, whatever the size of a page.
const noLimit = 1<<63 - 1<<20

// nameOf names a limit of one level. If there are several levels, each is named with its cgroup.
func (c cgroup) nameOf(limit string, l level) string {
	if len(c.levels) > 1 {
		return limit + " of " + l.path
	}
	return limit
}

// find locates the controllers' files. Everything may have changed since the last incarnation, and it is cheap. False
// means that it is to be tried again at the next look.
func (s *Sampler) find() bool {
	s.closeGroups()
	s.owner = undecided
	s.ceilings = [policy.NumMetrics]shelf[policy.Ceiling]{}
	s.findHost()
	memory, pids, found := s.findCgroups()
	s.memory = openMemory(memory)
	s.memory.swaps = s.maySwap()
	s.openTasks(pids)
	return found
}

func (s *Sampler) closeGroups() {
	s.memory.close()
	s.meminfo.close()
	s.tasks.close()
}

// findCgroups reads where we are in the hierarchies.
func (s *Sampler) findCgroups() (memory, pids cgroup, found bool) {
	self := filepath.Join(s.opts.Proc, strconv.Itoa(s.opts.Self))
	mountinfo, err := os.ReadFile(filepath.Join(self, "mountinfo"))
	if err != nil {
		return cgroup{}, cgroup{}, errors.Is(err, fs.ErrNotExist) // no /proc at all
	}
	membership, err := os.ReadFile(filepath.Join(self, "cgroup"))
	if err != nil {
		return cgroup{}, cgroup{}, errors.Is(err, fs.ErrNotExist) // a kernel without cgroups
	}
	mounts, paths := parseMounts(string(mountinfo)), parsePaths(string(membership))
	memory = s.locate("memory", "memory.usage_in_bytes", "memory.current", mounts, paths)
	pids = s.locate("pids", "pids.max", "pids.max", mounts, paths)
	if hide := hidepid(mounts); hide != "" {
		s.note("/proc is mounted with hidepid=" + hide + ": processes of other users may not be counted")
	}
	return memory, pids, true
}

// locate finds the hierarchy of a controller by the files that are there: a `0::` line in /proc/self/cgroup does not
// mean that v2 is mounted, nor that it has this controller. Later mounts hide earlier ones.
func (s *Sampler) locate(controller, v1File, v2File string, mounts []mount, paths map[string]string) cgroup {
	for _, m := range slices.Backward(mounts) {
		key, file := controller, v1File
		switch {
		case m.fstype == "cgroup2":
			key, file = "", v2File
		case m.fstype != "cgroup" || !slices.Contains(strings.Split(m.super, ","), controller):
			continue
		}
		own, ok := paths[key]
		if !ok {
			continue
		}
		rest, ok := below(m.root, own)
		if !ok {
			continue
		}
		if levels := findLevels(s.opts.Sys+m.point, m.root, rest, file); len(levels) > 0 {
			return cgroup{v2: m.fstype == "cgroup2", levels: levels}
		}
	}
	return cgroup{}
}

// below strips the root of a mount from a cgroup path. In a container on v1 the mount shows only a part of the
// hierarchy, while the path is that of the whole. A path with ".." was entered from outside: there is no way to it.
func below(root, own string) (string, bool) {
	if !path.IsAbs(own) || strings.Contains(root+own, "/..") {
		return "", false
	}
	rest, ok := strings.CutPrefix(own, strings.TrimSuffix(root, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return path.Clean("/" + rest), true
}

// findLevels gives the cgroups from our own up to the mount point that have the file. An own one that is not there
// means that path and mount do not belong together.
func findLevels(point, root, rest, file string) []level {
	if _, err := os.Stat(filepath.Join(point, rest)); err != nil {
		return nil
	}
	var levels []level
	for ; ; rest = path.Dir(rest) {
		dir := filepath.Join(point, rest)
		// Without use_hierarchy (v1 before Linux 5.11) the limit of a parent does not bind its children.
		if text, err := os.ReadFile(filepath.Join(dir, "memory.use_hierarchy")); len(levels) > 0 && err == nil && strings.HasPrefix(string(text), "0") {
			return levels
		}
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			levels = append(levels, level{dir: dir, path: path.Join(root, rest)})
		}
		if rest == "/" {
			return levels
		}
	}
}
