package sampler

import (
	"fmt"

	"github.com/reaperd/reaperd/policy"
)

// Advice says, for `reaperd check`, which thresholds of memory that act may never be met: those above memory.high (v2).
// There the kernel throttles growth almost to a halt long before memory.max, and kills nobody. Where what does not fit
// may go to swap, and the metric counts swap, a threshold can still be met.
func Advice(opts Options, memory policy.Limit) []string {
	s := New(opts)
	s.findHost()
	found, _, _ := s.findCgroups()
	if !found.v2 {
		return nil
	}
	s.memory = openMemory(found)
	defer s.Close()
	countsSwap := opts.MemoryMetric == "" || opts.MemoryMetric == "auto" || opts.MemoryMetric == "anon"
	if countsSwap && s.maySwap() {
		return nil
	}
	high, name := found.lowest("memory.high")
	most, mostName := found.lowest("memory.max")
	bounds := policy.Measure{Reading: policy.Known(0)}
	if most < s.memTotal {
		bounds.Ceilings = []policy.Ceiling{{Name: mostName, Used: policy.Known(0), Max: most}}
	}
	var advice []string
	for _, t := range []struct {
		key string
		policy.Threshold
	}{{"drain", memory.Drain}, {"kill", memory.Kill}} {
		at, ok := t.Headroom(bounds) // of nothing used, all is left
		if !ok || at <= high {
			continue
		}
		text := policy.Memory.Format(at)
		if t.Percent > 0 {
			text = fmt.Sprintf("%s (%s of %s)", t.Text(policy.Memory), text, mostName)
		}
		advice = append(advice, fmt.Sprintf("limits.memory.%s = %s may never be met: it is above %s (%s), where the kernel throttles growth",
			t.key, text, name, policy.Memory.Format(high)))
	}
	return advice
}

// lowest is the lowest limit of our cgroup and those above it, and its name; noLimit if there is none.
func (c cgroup) lowest(file string) (limit uint64, name string) {
	limit = noLimit
	for _, l := range c.levels {
		if n, ok := limitIn(l.dir, file); ok && n < limit {
			limit, name = n, c.nameOf(file, l)
		}
	}
	return limit, name
}
