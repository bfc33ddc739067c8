package sampler

import "bytes"

// memoryStat is what the sampler wants of memory.stat.
type memoryStat struct {
	anon         uint64
	hasAnon      bool
	shmem        uint64 // not told by old kernels
	inactiveFile uint64
	hasInactive  bool
	swapped      uint64 // v1
	kernel       uint64 // v2: what the kernel holds for the cgroup and cannot be reclaimed
}

// parse reads memory.stat (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst). Of v2 all kernel memory
// that cannot be reclaimed is added up, as far as this kernel tells. v1 has one number for all, dentries and inodes
// included, which a program that reads many files drives up without a leak: there kernel memory is left out, and the
// source of the number says so.
func (m *memoryStat) parse(text []byte, v2 bool) {
	for len(text) > 0 {
		line := text
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			line, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		name := nextWord(&line)
		if !v2 {
			var ok bool
			if name, ok = bytes.CutPrefix(name, []byte("total_")); !ok {
				continue
			}
		}
		value, ok := decimal(nextWord(&line))
		if !ok {
			continue
		}
		if v2 {
			m.takeV2(name, value)
		} else {
			m.takeV1(name, value)
		}
	}
}

func (m *memoryStat) takeV2(name []byte, value uint64) {
	switch string(name) {
	case "anon":
		m.anon, m.hasAnon = value, true
	case "shmem":
		m.shmem = value
	case "inactive_file":
		m.inactiveFile, m.hasInactive = value, true
	case "slab_unreclaimable", "kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock", "vmalloc":
		m.kernel += value
	}
}

// takeV1 knows the names without "total_", which stands for the cgroup and all below it.
func (m *memoryStat) takeV1(name []byte, value uint64) {
	switch string(name) {
	case "rss":
		m.anon, m.hasAnon = value, true
	case "shmem":
		m.shmem = value
	case "inactive_file":
		m.inactiveFile, m.hasInactive = value, true
	case "swap":
		m.swapped = value
	}
}
