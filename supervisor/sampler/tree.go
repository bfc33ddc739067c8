package sampler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

// tree knows the processes below us from one look to the next. A look reads the two cheapest files of each, held open,
// and finds new ones by their pids (see discover.go); all else is read at first sight and when something has changed.
//
// As PID 1 it knows every process of the namespace: orphans come to us, so everything but exec'd shells is below us.
// Elsewhere the machine may hold thousands of others, and it knows our own alone.
type tree struct {
	root       string // mount point of proc
	self       int
	everything bool // we are PID 1
	machine    bool // our PID namespace is that of the machine
	mostKept   int  // descriptors kept open for processes; 0: a share of our RLIMIT_NOFILE
	say        func(note string)
	helpersNow func() []int // nil: there are none

	proc    int  // descriptor of root; -1: not open
	real    bool // it is a proc file system, not a tree of files that looks like one
	known   map[int]*process
	living  []*process // of the known, by time of discovery
	corpses []*process // the others: dead, and not reaped
	below   []*process // of the living those below us
	dead    []*process // of the corpses those below us
	spare   []*process // to be used again
	helpers []int      // pids of children that are not the app's, when last related

	byChildren, byZombies top
	changed               bool // below and what is counted for parents must be made anew
	parted                bool // a process has ended: its children have a new parent

	kept, room int  // descriptors held for processes, and how many may be
	still      bool // no process or thread of ours has begun or ended since the last look
	witness    policy.Reading
	discovery
	scratch
}

// scratch is room for what a look reads.
type scratch struct {
	path    pathBuffer
	buf     [4096]byte
	entries [8192]byte // of a listing of processes
	threads [1024]byte // of a listing of threads
	comm    [128]byte
	inode   syscall.Stat_t
	statx   unix.Statx_t
}

// roomShare, in quarters, is the part of our RLIMIT_NOFILE that is used to keep files of processes open: little else
// needs any. The Go runtime has raised the soft limit to the hard one.
const roomShare = 3

// machineNamespace is PROC_PID_INIT_INO of include/linux/proc_ns.h.
const machineNamespace = "pid:[4026531836]"

// mostRoom bounds it where that limit is high: the two descriptors of a process cost 6 KiB of kernel memory (measured on
// 6.18), which is charged to our own cgroup.
const mostRoom = 20000

var (
	errGone   = errors.New("process is gone") // ended before or while it was read
	errFormat = errors.New("unexpected format")
)

func newTree(root string, self, mostKept int, say func(string)) *tree {
	t := &tree{root: root, self: self, mostKept: mostKept, everything: self == 1, say: say, proc: none, known: make(map[int]*process)}
	t.loadavg = keep(filepath.Join(root, "loadavg"))
	return t
}

// look brings everything up to date. An error means that the tree is not known. Tasks is how many threads there are in
// our cgroup, if that is known.
func (t *tree) look(now time.Time, tasks policy.Reading) error {
	if err := t.open(); err != nil {
		return err
	}
	// In this order a process that has made way for a new one is never counted beside it.
	moved, err := t.discover(now)
	if err == nil {
		t.watch(moved, tasks)
		err = t.refreshAll()
	}
	if t.helpersNow != nil {
		t.learnHelpers()
	}
	if err == nil && (t.changed || t.parted) {
		err = t.relate()
	}
	if err != nil {
		// What this look has missed, the next one must find.
		t.everyPID, t.witness = true, policy.Reading{}
	}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		t.makeWay()
	}
	return err
}

// makeWay gives back half of the descriptors, for somebody needs them more: there are none left.
func (t *tree) makeWay() {
	t.room = t.kept / 2
	for _, p := range slices.Backward(t.living) {
		if t.kept <= t.room {
			break
		}
		t.release(p)
	}
}

// watch finds out whether all stands still: while no pid is given out in our PID namespace nothing begins there, and
// then a thread that ends, or a zombie that is reaped, makes smaller any count of threads of this namespace. In a
// container that of our cgroup is one, on the machine itself that of the machine.
func (t *tree) watch(moved bool, tasks policy.Reading) {
	if t.machine {
		tasks = t.tasks
	}
	t.still = !moved && tasks.Known && tasks == t.witness
	t.witness = tasks
}

// open opens /proc, if it is ours: one mounted in another PID namespace numbers processes differently, and our pid would
// be a stranger's there.
func (t *tree) open() error {
	if t.proc >= 0 {
		return nil
	}
	if self, err := os.Readlink(filepath.Join(t.root, "self")); err == nil && self != strconv.Itoa(t.self) {
		t.say("/proc belongs to another PID namespace: limits are blind")
		return errFormat
	}
	proc, err := syscall.Open(t.root, listing, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			t.say("no /proc: limits are blind")
		} else {
			t.say("/proc cannot be listed, limits are blind until it can")
		}
		return err
	}
	t.proc = proc
	var fs syscall.Statfs_t
	t.real = syscall.Fstatfs(proc, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
	namespace, _ := os.Readlink(filepath.Join(t.root, strconv.Itoa(t.self), "ns/pid"))
	t.machine = namespace == machineNamespace
	t.begin()
	return nil
}

// close gives back all descriptors, and forgets what they told.
func (t *tree) close() {
	for _, p := range t.known {
		t.release(p)
	}
	t.loadavg.close()
	if t.proc >= 0 {
		syscall.Close(t.proc)
	}
	helpers := t.helpersNow
	*t = *newTree(t.root, t.self, t.mostKept, t.say)
	t.helpersNow = helpers
}

// refreshAll looks at the processes that are known, and forgets those that have ended. Corpses do not change.
func (t *tree) refreshAll() error {
	t.vacant = append(t.vacant[:0], t.self)
	err := t.refreshList(t.living)
	if err == nil && !t.still {
		err = t.refreshList(t.corpses)
	}
	if len(t.vacant) > 1 {
		t.forget(func(p *process) bool { return p.gone })
	}
	if err != nil {
		t.sayBlind(err)
	}
	return err
}

func (t *tree) refreshList(list []*process) error {
	for _, p := range list {
		if p.looks = min(p.looks+1, 2); p.looks == 1 {
			continue // met a moment ago
		}
		err := t.refresh(p)
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrPermission) {
			t.say(noteHidden)
		} else if err != errGone {
			return err
		}
		p.gone = true
		t.vacant = append(t.vacant, p.pid)
	}
	return nil
}

const noteHidden = "some processes of other users are hidden from us and not counted"

// forget drops processes.
func (t *tree) forget(which func(*process) bool) {
	drop := func(p *process) bool {
		if !which(p) {
			return false
		}
		p.gone = true
		t.release(p)
		delete(t.known, p.pid)
		return true
	}
	t.living = slices.DeleteFunc(t.living, drop)
	t.corpses = slices.DeleteFunc(t.corpses, drop)
	t.changed, t.parted = true, true
}

// sort puts those that have died to the corpses.
func (t *tree) sort() {
	t.living = slices.DeleteFunc(t.living, func(p *process) bool {
		if p.dead {
			t.corpses = append(t.corpses, p)
		}
		return p.dead
	})
}

// sayBlind says that one process spoils the look.
func (t *tree) sayBlind(err error) {
	t.say("a process cannot be read, limits are blind until it can: " + cause(err))
}

// cause shortens an error to what does not vary with the process.
func cause(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return errFormat.Error()
}

// orGone tells the errors of a process that has ended from all others: the directory is missing, or was when read.
func orGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return errGone
	}
	return err
}
