package sampler

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

// dynoMemory is the memory quota of a dyno, in bytes, by the one number that tells a dyno its size: how many processes and
// threads it may have. What Heroku calls MB are MiB. The quota is 0 where sizes of different memory share that number:
// 16384 is Performance-M (2.5 GB) and was L-RAM (30 GB), 32768 is Performance-L (14 GB) and XL (62 GB). A guess too low
// would drain a healthy app; there the limit of the cgroup, if it is visible, has to do
// (devcenter.heroku.com/articles/dyno-scaling-and-process-limits).
func dynoMemory(threads uint64) (quota uint64, known bool) {
	switch threads {
	case 256: // Eco, Basic, Standard-1X
		return 512 << 20, true
	case 512: // Standard-2X, Private-S
		return 1024 << 20, true
	case 16384, 24576, 32768, 65536:
		return 0, true
	}
	return 0, false
}

// Dyno adds the ceilings of Heroku, which no file of the kernel names. A nil Dyno adds none. One goroutine at a time may
// use it.
type Dyno struct {
	quota   uint64 // bytes; 0: not known
	threads uint64
	own     policy.Reading // threads of reaperd
	room    []policy.Ceiling
	shelves [2]shelf[policy.Ceiling] // memory, tasks
}

// Heroku knows a dyno, for platform "auto", by DYNO in environ, and its size by nproc, our own soft RLIMIT_NPROC
// (RLIM_INFINITY if there is none). Platform "heroku" takes DYNO for granted, "none" sees no dyno anywhere. The note,
// if not empty, says what could not be told.
func Heroku(platform string, environ []string, nproc uint64) (d *Dyno, note string) {
	if platform != "heroku" && (platform != "auto" || !inDyno(environ)) {
		return nil, ""
	}
	quota, known := dynoMemory(nproc)
	switch {
	case !known:
		return nil, "heroku: no dyno has this RLIMIT_NPROC (ulimit -u): its memory quota and thread limit are not known"
	case quota == 0:
		note = fmt.Sprintf("heroku: dynos of %d threads come with different memory: the quota is not known", nproc)
	}
	return &Dyno{quota: quota, threads: nproc}, note
}

// inDyno wants the type and the number of a process, as in "web.1" or "run.4711".
func inDyno(environ []string) bool {
	for _, entry := range environ {
		name, ok := strings.CutPrefix(entry, "DYNO=")
		if !ok {
			continue
		}
		kind, number, _ := strings.Cut(name, ".")
		_, counted := decimal([]byte(number))
		return counted && kind != "" && strings.Trim(kind, letters) == ""
	}
	return false
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// Add puts the dyno's ceilings beside the others of a sample. The thread limit counts reaperd's own threads too, and
// zombies, as the tree's number does. Those of reaperd are counted once: it has made all it will ever need before the app
// starts.
func (d *Dyno) Add(s *policy.Sample) {
	if d == nil {
		return
	}
	if !d.own.Known {
		d.own = ownThreads()
	}
	m := &s.Measures
	if d.quota > 0 {
		quota := policy.Ceiling{Name: "Heroku's memory quota", Used: m[policy.Memory].Reading, Max: d.quota}
		m[policy.Memory].Ceilings = d.with(quota, m[policy.Memory].Ceilings, 0)
	}
	limit := policy.Ceiling{Name: "Heroku's thread limit", Used: plus(m[policy.Threads].Reading, d.own), Max: d.threads}
	tasks := d.with(limit, m[policy.Threads].Ceilings, 1)
	m[policy.Threads].Ceilings, m[policy.Processes].Ceilings = tasks, tasks
}

// with gives a longer list, for those that were handed out are not to be changed.
func (d *Dyno) with(c policy.Ceiling, list []policy.Ceiling, at int) []policy.Ceiling {
	d.room = append(append(d.room[:0], list...), c)
	return d.shelves[at].put(d.room)
}

// ownThreads counts reaperd's threads: a directory has a link more for each that is in it.
func ownThreads() policy.Reading {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/task", &st); err != nil || st.Nlink < 3 {
		return policy.Reading{}
	}
	return policy.Known(uint64(st.Nlink) - 2)
}
