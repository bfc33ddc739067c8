package sampler

import (
	"os"
	"syscall"
	"time"
)

// process is one process as it was last seen. What every look needs comes first, within one cache line.
type process struct {
	pid      int
	rss      uint64 // bytes
	threads  uint32
	task     int32 // kept descriptors; none: -1
	statm    int32
	thread   int32 // if the main thread has exited: one that lives, and still shows memory and descriptors; else 0
	children uint32
	zombies  uint32 // dead children, if it is itself alive
	looks    uint32
	dead     bool // a zombie with no live thread
	kernel   bool // a kernel thread
	gone     bool
	inTree   bool

	ppid    int
	group   int
	session int
	start   uint64
	app     *app // whose it was at the last look that was split; nil: nobody's yet

	descriptors
	parent  *process // nil: none in this PID namespace, or not found yet
	traced  uint64
	name    string
	namedAt time.Time
	user
}

const none = -1

var pageSize = uint64(os.Getpagesize())

// refresh looks at a known process the cheapest way: the number of links of its task directory is 2 more than that of
// its threads, and becomes 2 when it has ended, so while all stands still it need not be read; statm gives what is
// resident. What they do not say shows as no memory, and is asked of stat, which costs four times as much and more with
// every thread.
func (t *tree) refresh(p *process) error {
	if p.task < 0 {
		return t.settle(p)
	}
	if !t.still {
		if err := statNow(p.task, &t.inode); err != nil {
			return err
		}
		if t.inode.Nlink <= 2 {
			return errGone
		}
		p.threads = uint32(t.inode.Nlink) - 2
	}
	if p.dead || p.kernel || p.pid == t.self { // our own memory is nobody's limit
		return nil
	}
	if p.thread != 0 {
		return t.reread(p)
	}
	text, err := readNow(int(p.statm), t.buf[:])
	if err != nil {
		return orGone(err)
	}
	rss, any, ok := parseStatm(text)
	if !ok {
		return errFormat
	}
	if !any {
		return t.reread(p)
	}
	p.rss = rss * pageSize
	return nil
}

// settle looks at a process without kept descriptors, and keeps some if there is room: now that it is seen a second time,
// for most processes of a busy machine are never.
func (t *tree) settle(p *process) error {
	if t.kept+2 > t.room {
		return t.reread(p)
	}
	if !t.keep(&p.task, t.proc, t.path.below(p.pid, "/task\x00"), pathOnly) {
		return t.reread(p)
	}
	if err := t.reread(p); err != nil {
		t.release(p)
		return err
	}
	// A process may have got a thread between the two; and whoever emulates /proc may not count links.
	ok := statNow(p.task, &t.inode) == nil && uint32(t.inode.Nlink) == p.threads+2
	if ok && !p.dead && !p.kernel {
		ok = t.keep(&p.statm, int(p.task), []byte("../statm\x00"), readOnly)
	}
	if !ok {
		t.release(p)
	}
	return nil
}

// keep opens what stays open.
func (t *tree) keep(fd *int32, dir int, path []byte, flags int) bool {
	n, err := openAt(dir, path, flags)
	if err != nil {
		return false
	}
	*fd = int32(n)
	t.kept++
	return true
}

// drop closes it again.
func (t *tree) drop(fd *int32) {
	if *fd >= 0 {
		syscall.Close(int(*fd))
		*fd = none
		t.kept--
	}
}

// release closes all that is kept for p.
func (t *tree) release(p *process) {
	t.drop(&p.task)
	t.drop(&p.statm)
	t.drop(&p.fd)
}

// meet reads a process that is not known. One that has ended is errGone.
func (t *tree) meet(pid int) error {
	text, err := readOnce(t.proc, t.path.below(pid, "/stat\x00"), t.buf[:])
	if err != nil {
		return orGone(err)
	}
	s, ok := parseStat(text)
	if !ok {
		return errFormat
	}
	if s.state == 'X' || s.state == 'x' {
		return errGone
	}
	p := t.newProcess()
	*p = process{pid: pid, start: s.start, task: none, statm: none, descriptors: descriptors{fd: none}}
	t.take(p, s)
	t.known[pid] = p
	t.living = append(t.living, p) // or a corpse: relate sorts them
	t.changed = true
	return nil
}

func (t *tree) newProcess() *process {
	if n := len(t.spare); n > 0 {
		p := t.spare[n-1]
		t.spare = t.spare[:n-1]
		return p
	}
	return new(process)
}

// reread reads all of a known process again: through its kept descriptor, which is of this very process, or by its pid,
// which another may have by now.
func (t *tree) reread(p *process) error {
	dir, path := int(p.task), []byte("../stat\x00")
	if dir < 0 {
		dir, path = t.proc, t.path.below(p.pid, "/stat\x00")
	}
	text, err := readOnce(dir, path, t.buf[:])
	if err != nil {
		return orGone(err)
	}
	s, ok := parseStat(text)
	if !ok {
		return errFormat
	}
	if s.start != p.start || s.state == 'X' || s.state == 'x' {
		return errGone
	}
	t.take(p, s)
	return nil
}

// take takes over what a stat file said.
func (t *tree) take(p *process, s stat) {
	if s.dead() && !p.dead {
		t.changed, t.parted = true, true
	}
	p.ppid, p.group, p.session, p.threads, p.rss, p.kernel, p.dead = s.ppid, s.group, s.session, s.threads, s.rss*pageSize, s.kernel, s.dead()
	if p.dead {
		t.drop(&p.statm)
		t.drop(&p.fd)
	}
	p.thread = 0
	if s.leaderGone() {
		t.seeThroughThread(p)
	}
}

// seeThroughThread finds a live thread of a process whose main thread has exited. The kernel shows no memory and no
// descriptors for the process any more, but the threads share both.
func (t *tree) seeThroughThread(p *process) {
	dir, err := openAt(t.proc, t.path.below(p.pid, "/task\x00"), listing)
	if err != nil {
		return
	}
	defer syscall.Close(dir)
	eachName(dir, t.threads[:], func(name []byte) bool {
		tid := digits(name)
		if tid == 0 || tid == p.pid {
			return true
		}
		text, err := readOnce(dir, t.path.below(tid, "/stat\x00"), t.buf[:])
		if err != nil {
			return true
		}
		s, ok := parseStat(text)
		if !ok || s.state == 'Z' || s.state == 'X' || s.rss == 0 {
			return true
		}
		p.thread, p.rss = int32(tid), s.rss*pageSize
		return false
	})
}
