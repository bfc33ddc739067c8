package sampler

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// mount is a line of mountinfo, as far as it concerns us (proc(5)).
type mount struct {
	root   string // which directory of the file system is mounted
	point  string
	fstype string
	super  string // options of the file system, with commas: the controllers of a v1 hierarchy
}

// parseMounts reads mountinfo. A line that makes no sense costs only itself: procfs would give up on the whole file.
func parseMounts(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		where, what, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(where), strings.Fields(what)
		if !ok || len(f) < 6 || len(g) < 2 {
			continue
		}
		m := mount{root: unescape(f[3]), point: unescape(f[4]), fstype: g[0], super: g[len(g)-1]}
		if m.fstype == "proc" || m.fstype == "cgroup" || m.fstype == "cgroup2" {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// unescape undoes the octal escapes of mountinfo (\040 for a space).
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// parsePaths reads /proc/PID/cgroup: the path for each v1 controller, and that of v2 under the empty name.
func parsePaths(text string) map[string]string {
	paths := make(map[string]string)
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) < 3 {
			continue
		}
		for controller := range strings.SplitSeq(f[1], ",") {
			if controller != "" || f[0] == "0" {
				paths[controller] = f[2]
			}
		}
	}
	return paths
}

// hidepid gives the value of that option of /proc, or "" if nothing is hidden.
func hidepid(mounts []mount) string {
	value := ""
	for _, m := range mounts {
		if m.fstype != "proc" || m.point != "/proc" {
			continue
		}
		value = ""
		for option := range strings.SplitSeq(m.super, ",") {
			if v, ok := strings.CutPrefix(option, "hidepid="); ok && v != "0" && v != "off" {
				value = v
			}
		}
	}
	return value
}

// parseNumber reads a file with one number in it; unknown if it is something else, such as "max".
func parseNumber(text []byte) policy.Reading {
	n, ok := decimal(nextWord(&text))
	return policy.Reading{Value: n, Known: ok && len(bytes.TrimSpace(text)) == 0}
}

// statusField gives the first number of a line of /proc/PID/status; name ends in a colon. The kernel escapes newlines in
// the name of the process, so no name can forge a line.
func statusField(status []byte, name string) (uint64, bool) {
	for len(status) > 0 {
		line, rest, _ := bytes.Cut(status, []byte("\n"))
		if len(line) > len(name) && string(line[:len(name)]) == name {
			line = line[len(name):]
			return decimal(nextWord(&line))
		}
		status = rest
	}
	return 0, false
}
