package sampler

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// discovery finds new processes. The kernel gives pids in rising order, round and round, and the last field of
// /proc/loadavg is the one given last in our own PID namespace, to a process or a thread: while it stands still, nothing
// is new; when it has moved, what is new has a pid that comes after. A listing of /proc can begin at any pid, so what a
// look costs depends on what has begun since, not on what is there.
type discovery struct {
	loadavg  file
	tasks    policy.Reading // threads of the machine, read with it
	older    cursor         // pids after this one are listed
	newer    cursor
	everyPID bool          // the next look lists all
	listedAt time.Time     // when all were listed
	lap      time.Duration // in less than this pids cannot have come round
	pidMax   uint64
	seekable bool  // a listing can begin at a pid
	searched int   // the last search looked at the pids after this
	vacant   []int // pids whose process the last look found to have ended: others may have them now; and our own
	round    uint64
}

// cursor is the pid given last at some time.
type cursor struct {
	last  int
	at    time.Time
	forks uint64 // of the machine since boot, at that time or before; 0: not known
}

const (
	// mostForks is more processes and threads than any machine makes in a second.
	mostForks = 1_000_000
	// hatching is longer than a new process that has its pid stays out of sight (less than 0.1 ms, as a rule), and nest
	// more pids than are given meanwhile. What may have been out of sight is looked for again.
	hatching, nest = 20 * time.Millisecond, 1000
	// listAgain bounds how long a process can escape us whose pid was chosen by hand (clone3 with set_tid, ns_last_pid).
	listAgain = 5 * time.Minute
	// firstPID is TGID_OFFSET of fs/proc/base.c: the position of pid n in a listing of /proc is this and n.
	firstPID = 258
)

// begin finds out how /proc can be searched. Elsewhere than as PID 1 what is below us has begun after us, so the first
// search need not look at older processes.
func (t *tree) begin() {
	t.everyPID = true
	t.findRoom()
	t.seekable = t.canSeek()
	if text, err := os.ReadFile(filepath.Join(t.root, "sys/kernel/pid_max")); err == nil {
		t.pidMax = parseNumber(text).Value
	}
	t.lap = time.Duration(t.pidMax) * time.Second / mostForks
	if t.everything || t.meet(t.self) != nil {
		return
	}
	text, err := os.ReadFile(filepath.Join(t.root, "uptime"))
	if err != nil {
		return
	}
	uptime, err := strconv.ParseFloat(string(nextWord(&text)), 64)
	if err != nil {
		return
	}
	began := time.Now().Add(-time.Duration((uptime - float64(t.known[t.self].start)/userHZ) * float64(time.Second)))
	t.older = cursor{last: t.self, at: began}
	t.newer, t.everyPID, t.listedAt = t.older, false, time.Now()
}

// userHZ is how many clock ticks of stat files are a second; it is part of the kernel's interface.
const userHZ = 100

// findRoom sets how many descriptors may be kept.
func (t *tree) findRoom() {
	if t.room = t.mostKept; t.room > 0 {
		return
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		t.room = int(min(limit.Cur/4*roomShare, mostRoom))
	}
}

// canSeek tries whether a listing that is told to begin at our own pid does.
func (t *tree) canSeek() bool {
	if !t.real {
		return false
	}
	first := func(from int) (found int) {
		t.list(from, func(pid int) bool { found = pid; return false })
		return found
	}
	t.seekable = true
	return first(t.self) == t.self && first(t.self+1) != t.self
}

// discover meets the processes that are new. Moved says that there may be new threads too.
func (t *tree) discover(now time.Time) (moved bool, err error) {
	for _, pid := range t.vacant {
		if err := t.tryMeet(pid); err != nil {
			return true, err
		}
	}
	last, known := t.lastPID()
	if known && !t.everyPID && last == t.older.last && last == t.newer.last {
		t.older.at, t.newer.at = now, now
		return false, nil
	}
	next := cursor{last: last, at: now}
	lapped := known && t.lapped(&next)
	if !known || lapped || t.everyPID || !t.seekable || now.Sub(t.listedAt) > listAgain {
		if err := t.search(0, math.MaxInt); err != nil {
			return true, err
		}
		t.listedAt, t.everyPID = now, false
		t.findRoom()
		t.older = next
		if last != t.newer.last || now.Sub(t.newer.at) < hatching {
			t.older.last = max(0, last-nest)
		}
		if last != t.newer.last {
			t.newer = next
		}
		return true, nil
	}
	if err := t.search(t.older.last, last); err != nil {
		return true, err
	}
	if now.Sub(t.newer.at) >= hatching {
		t.older, t.newer = t.newer, next
	}
	return true, nil
}

// lastPID reads loadavg. Where another one is mounted over it (lxcfs), the pid in it is that of another PID namespace.
func (t *tree) lastPID() (last int, ok bool) {
	t.tasks = policy.Reading{}
	text, err := t.loadavg.read(t.buf[:])
	if err != nil || t.real && !t.loadavg.quick {
		return 0, false
	}
	threads, pid, ok := parseLoadavg(text)
	t.tasks = policy.Reading{Value: threads, Known: ok}
	return int(pid), ok
}

// lapped says whether pids may have come round since the older cursor. Only time can rule it out without another file.
// As PID 1, where a listing shows little that is not ours anyway, doubt is enough.
func (t *tree) lapped(next *cursor) bool {
	if next.at.Sub(t.older.at) < t.lap {
		return false
	}
	if t.everything {
		return true
	}
	next.forks = t.forks()
	return t.older.forks == 0 || next.forks-t.older.forks > t.pidMax/2
}

// forks is how many processes and threads the machine has made since boot; 0 if it cannot be read.
func (t *tree) forks() uint64 {
	text, err := os.ReadFile(filepath.Join(t.root, "stat"))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nprocesses "))
	n, _ := decimal(nextWord(&rest))
	return n
}

// search meets the processes with a pid after from and up to last. If that is less, pids have come round, and it is those
// after from and those up to last. Pids given out after last was read are left to the next look: a process that has made
// way for one of them would be counted beside it.
func (t *tree) search(from, last int) (err error) {
	listed := t.list(from+1, func(pid int) bool {
		if last >= from && pid > last {
			return false
		}
		err = t.tryMeet(pid)
		return err == nil
	})
	t.searched = from
	if err == nil && listed == nil && last < from {
		t.searched = 0
		listed = t.list(1, func(pid int) bool {
			if pid <= last {
				err = t.tryMeet(pid)
			}
			return pid <= last && err == nil
		})
	}
	if listed != nil {
		t.say("/proc cannot be listed, limits are blind until it can")
		return listed
	}
	return err
}

// list calls f with all pids not below from, until it says that it has enough.
func (t *tree) list(from int, f func(pid int) bool) error {
	start := int64(0)
	if t.seekable && from > 1 {
		start = int64(firstPID + from)
	}
	if _, err := syscall.Seek(t.proc, start, 0); err != nil {
		return err
	}
	return eachName(t.proc, t.entries[:], func(name []byte) bool {
		pid := digits(name)
		return pid == 0 || f(pid)
	})
}

// tryMeet meets a process, if it is there and not known.
func (t *tree) tryMeet(pid int) error {
	if t.known[pid] != nil {
		return nil
	}
	err := t.meet(pid)
	switch {
	case err == nil, err == errGone:
		return nil
	case errors.Is(err, fs.ErrPermission):
		t.say(noteHidden)
		return nil
	}
	t.sayBlind(err)
	return err
}
