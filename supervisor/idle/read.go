package idle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/reaperd/reaperd/reaper/procstat"
	"github.com/reaperd/reaperd/supervisor/sockstat"
)

// Bounds of one look: what lies beyond is unknown.
const (
	mostScanned   = 32768 // processes of the machine
	mostProcesses = 4096  // of the app
	mostText      = 4096  // bytes of a stat file or a title
)

// reader reads what one look needs. It remembers where the app listened.
type reader struct {
	proc      string
	self      int
	listeners map[sockstat.Address]bool
}

// member is a living process of the app.
type member struct {
	procstat.Stat
	ticks uint64 // user and system time, its own and that of children it has waited for
}

func (r *reader) read(target Target, want Checks) seen {
	members, err := r.members(target)
	if err != nil {
		return seen{err: err}
	}
	s := seen{cpu: make(map[process]uint64, len(members))}
	for _, m := range members {
		s.cpu[process{m.PID, m.Start}] = m.ticks
		if m.PPID == target.Main {
			s.children++
		}
	}
	if want.Title != nil {
		s.titles, s.titlesErr = r.titles(members)
	}
	if want.Connections {
		s.connections, s.connectionErr = r.connections(members, target.Main)
	}
	return s
}

// members finds the living processes of the app: those below its main process and, unless another app lives beside it,
// the orphans that we have adopted. Helpers, and what they have started, are ours.
func (r *reader) members(target Target) ([]member, error) {
	all, err := r.scan()
	if err != nil {
		return nil, err
	}
	if main, found := all[target.Main]; !found || main.Zombie() {
		return nil, errors.New("the main process is not seen")
	}
	belongs := map[int]bool{target.Main: true, r.self: !target.Alone, 0: false}
	for _, pid := range target.Helpers {
		belongs[pid] = false
	}
	var members []member
	for pid, m := range all {
		if m.PPID == r.self && slices.Contains(target.Helpers, m.Session) {
			belongs[pid] = false // an orphan of a helper
		}
	}
	for pid, m := range all {
		if pid != r.self && !m.Zombie() && descends(all, belongs, pid) {
			members = append(members, m)
		}
	}
	if len(members) > mostProcesses {
		return nil, fmt.Errorf("more than %d processes", mostProcesses)
	}
	return members, nil
}

// descends says whether the nearest ancestor about which belongs says something belongs, and notes that for all on the
// way. Pids are read one after another: two that seem to be each other's parents end at themselves.
func descends(all map[int]member, belongs map[int]bool, pid int) bool {
	if answer, known := belongs[pid]; known {
		return answer
	}
	belongs[pid] = false
	m, found := all[pid]
	answer := found && descends(all, belongs, m.PPID)
	belongs[pid] = answer
	return answer
}

// scan reads the stat files of all processes there are.
func (r *reader) scan() (map[int]member, error) {
	names, err := names(r.proc, mostScanned)
	if err != nil {
		return nil, fmt.Errorf("processes cannot be listed: %w", err)
	}
	all := make(map[int]member, len(names))
	buf := make([]byte, mostText)
	for _, name := range names {
		if _, err := strconv.Atoi(name); err != nil {
			continue
		}
		text, err := read(filepath.Join(r.proc, name, "stat"), buf)
		if err != nil {
			continue // gone, or another user's where that is hidden; whether it matters is seen by who is missing
		}
		stat, ok := procstat.Parse(text)
		ticks, counted := ticksOf(text)
		if !ok || !counted {
			return nil, errors.New("/proc/PID/stat has an unexpected format")
		}
		all[stat.PID] = member{stat, ticks}
	}
	return all, nil
}

// ticksOf sums fields 14 to 17 of /proc/PID/stat; see proc_pid_stat(5).
func ticksOf(stat []byte) (sum uint64, ok bool) {
	field := 3 // the state, first after the name
	for word := range bytes.FieldsSeq(stat[bytes.LastIndexByte(stat, ')')+1:]) {
		if field >= 14 {
			n, err := strconv.ParseUint(string(word), 10, 62)
			if err != nil {
				return 0, false
			}
			sum += n
		}
		if field++; field > 17 {
			return sum, true
		}
	}
	return 0, false
}

// titles are the command lines as ps shows them.
func (r *reader) titles(members []member) (titles []string, failed error) {
	buf := make([]byte, mostText)
	for _, m := range members {
		text, err := read(filepath.Join(r.proc, strconv.Itoa(m.PID), "cmdline"), buf)
		switch {
		case gone(err):
		case err != nil:
			failed = fmt.Errorf("a title cannot be read: %w", err)
		default:
			text = bytes.TrimRight(bytes.ReplaceAll(text, []byte{0}, []byte{' '}), " ")
			if len(text) > 0 {
				titles = append(titles, string(text))
			}
		}
	}
	return titles, failed
}

// gone says whether an error only means that the process has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// read reads the beginning of a file, as much as buf holds. No open of it waits, whatever it is.
func read(path string, buf []byte) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	for n := 0; ; {
		more, err := syscall.Read(fd, buf[n:])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return nil, err
		case more == 0: // the end, or of buf
			return buf[:n], nil
		default:
			n += more
		}
	}
}

// names lists a directory that has at most so many entries.
func names(path string, most int) ([]string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	list, err := f.Readdirnames(most + 1)
	if err != nil && err != io.EOF {
		return nil, bare(err)
	}
	if len(list) > most {
		return nil, fmt.Errorf("more than %d entries", most)
	}
	return list, nil
}

// bare takes the path off an error: reasons are logged, and must not vary with pids.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
