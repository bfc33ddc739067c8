package sampler

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

// stall is the PSI trigger: some process waited for memory for 150 ms of 2 s. Windows that are not a multiple of 2 s are
// refused to a process without CAP_SYS_RESOURCE, and before Linux 6.4 any trigger is. The NUL at the end is needed, for
// the kernel overwrites the last byte it is given: without it a digit goes missing, which is EINVAL
// (Documentation/accounting/psi.rst).
const stall = "some 150000 2000000\x00"

// OpenAlarm has the kernel wake us where it can: at the thresholds of memory that act and when memory runs out (v1, if
// cgroup.event_control can be written: not in a default Docker container); at memory.high, at memory.max and when it kills
// (v2); when processes wait for memory (PSI). Cgroups are found once, for an app stays in its own. The notes say, for a
// log at level debug, what was armed and what the kernel refuses. The Alarm is nil if nothing was armed.
func OpenAlarm(opts Options, acting []policy.Threshold) (a *Alarm, notes []string) {
	s := New(opts)
	memory, _, _ := s.findCgroups()
	a = &Alarm{}
	note := func(what string, err error) {
		if err != nil {
			what = fmt.Sprintf("%s: not armed: %v", what, err)
		}
		notes = append(notes, what)
	}
	for i, l := range memory.levels {
		_, hasMax := limitIn(l.dir, "memory.max")
		_, hasHigh := limitIn(l.dir, "memory.high")
		if memory.v2 && (i == 0 || hasMax || hasHigh) {
			name := filepath.Join(l.dir, "memory.events")
			note(name, a.armEvents(name))
		}
		if !memory.v2 {
			a.armThresholds(l.dir, acting, i == 0, note)
		}
	}
	if !memory.v2 && len(memory.levels) > 0 { // an ancestor that runs out says so to all below it
		note("memory.oom_control", a.armCounter(memory.levels[0].dir, "memory.oom_control", ""))
	}
	if slices.ContainsFunc(acting, func(t policy.Threshold) bool { return t.Set }) {
		name := pressureFile(s.opts, memory)
		note(name, a.armPressure(name))
	}
	if len(a.sources) == 0 {
		return nil, notes
	}
	if err := a.begin(); err != nil {
		a.release()
		note("alarm", err)
		return nil, notes
	}
	return a, notes
}

// pressureFile is that of our own cgroup where it has one, else the machine's.
func pressureFile(opts Options, memory cgroup) string {
	if memory.v2 {
		if name := filepath.Join(memory.levels[0].dir, "memory.pressure"); unix.Access(name, unix.W_OK) == nil {
			return name
		}
	}
	return filepath.Join(opts.Proc, "pressure/memory")
}

// limitIn reads a limit from a file of a cgroup; false if there is none.
func limitIn(dir, name string) (uint64, bool) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	limit := parseNumber(text)
	return limit.Value, err == nil && limit.Known && limit.Value < noLimit
}

// armThresholds arms usage of v1, without and with swap, at every level: a share is one of that cgroup's own limit, a
// number is meant for our own cgroup. Usage has page cache in it that a limit does not count, so it is never late, but it
// may have gone past a threshold long before.
func (a *Alarm) armThresholds(dir string, acting []policy.Threshold, own bool, note func(string, error)) {
	for _, kind := range []string{"memory", "memory.memsw"} {
		usage := kind + ".usage_in_bytes"
		limit, ok := limitIn(dir, kind+".limit_in_bytes")
		for _, t := range acting {
			at := t.Value
			if t.Percent > 0 {
				at = uint64(float64(limit) * t.Percent / 100)
			}
			if !t.Set || t.Percent > 0 && !ok || t.Percent == 0 && !own {
				continue
			}
			err := a.armCounter(dir, usage, fmt.Sprint(at))
			note(fmt.Sprintf("%s at %s", usage, policy.Memory.Format(at)), err)
		}
	}
}

// armCounter has an eventfd counted up by a file of v1 (Documentation/admin-guide/cgroup-v1/memory.rst, 9 and 10).
func (a *Alarm) armCounter(dir, name, argument string) error {
	control, err := os.OpenFile(filepath.Join(dir, "cgroup.event_control"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	watched, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer watched.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if _, err := fmt.Fprintf(control, "%d %d %s\n", fd, watched.Fd(), argument); err != nil {
		unix.Close(fd)
		return err
	}
	a.sources = append(a.sources, source{fd, counter})
	return nil
}

// armEvents opens memory.events of v2. Reading it once makes what happened before old news.
func (a *Alarm) armEvents(name string) error {
	fd, err := unix.Open(name, readOnly, 0)
	if err != nil {
		return err
	}
	if _, err := readAt(fd, a.buf[:]); err != nil {
		unix.Close(fd)
		return err
	}
	a.sources = append(a.sources, source{fd, eventLog})
	return nil
}

func (a *Alarm) armPressure(name string) error {
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte(stall)); err != nil {
		unix.Close(fd)
		return err
	}
	a.sources = append(a.sources, source{fd, pressure})
	return nil
}
