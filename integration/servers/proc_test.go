package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process is what the tests look at in /proc, as the host sees it.
type process struct {
	pid, ppid int
	state     byte
	title     string
}

func (p process) String() string { return fmt.Sprintf("%d %c %q", p.pid, p.state, p.title) }

// descendants lists the tree below pid, parents first.
func descendants(pid int) []process {
	children := map[int][]process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		title, _ := os.ReadFile(dir + "/cmdline")
		p := process{state: fields[0][0], title: strings.TrimSpace(strings.ReplaceAll(string(title), "\x00", " "))}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		p.ppid, _ = strconv.Atoi(fields[1])
		children[p.ppid] = append(children[p.ppid], p)
	}
	var all []process
	for next := children[pid]; len(next) > 0; {
		all = append(all, next...)
		var below []process
		for _, p := range next {
			below = append(below, children[p.pid]...)
		}
		next = below
	}
	return all
}

// stopped lists the frozen processes of a run.
func (r *running) stopped() []process {
	var frozen []process
	for _, p := range descendants(r.cmd.Process.Pid) {
		if p.state == 'T' {
			frozen = append(frozen, p)
		}
	}
	return frozen
}
