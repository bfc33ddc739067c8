package sampler

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	nameSize = 60 // bytes; enough to tell "puma: cluster worker 3: 4711 [shop]" from its brothers
	// nameAgain is when a name is read again: programs change theirs, and between fork and exec one has its parent's.
	// Reading it takes the process's mmap lock, which a process in trouble may hold for long: not at every look.
	nameAgain = 10 * time.Second
)

// nameOf is the command line as ps shows it, shortened; of a zombie or a kernel thread, which have none, the bare name in
// brackets. It is only read of those that are named to somebody, and a zombie keeps the name it is known by.
func (t *tree) nameOf(p *process, now time.Time) string {
	if !p.namedAt.IsZero() && (p.dead || now.Sub(p.namedAt) < nameAgain) {
		return p.name
	}
	p.namedAt = now
	if name, ok := t.readName(p); ok && string(name) != p.name {
		p.name = string(name)
	}
	return p.name
}

func (t *tree) readName(p *process) (name []byte, ok bool) {
	text, err := t.readOf(p, "cmdline")
	if err != nil {
		return nil, false
	}
	for i, c := range text {
		if c == 0 {
			text[i] = ' '
		}
	}
	if name = bytes.TrimSpace(text); len(name) > 0 {
		return shorten(name), true
	}
	if name, ok = t.commOf(p); !ok {
		return nil, false
	}
	return append(append(append(t.comm[:0], '['), name...), ']'), true
}

// commOf is the bare name of a process. It may hold anything, so it ends at the last ')'.
func (t *tree) commOf(p *process) (comm []byte, ok bool) {
	text, err := t.readOf(p, "stat")
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if err != nil || from < 0 || to < from {
		return nil, false
	}
	return text[from+1 : to], true
}

// shorten cuts a name, not in the middle of a letter.
func shorten(name []byte) []byte {
	if len(name) <= nameSize {
		return name
	}
	cut := nameSize
	for cut > nameSize-utf8.UTFMax && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut]
}

// readOf reads a file of the directory of a process, or of that thread of it which still shows what the file is about:
// through the kept descriptor, which is of this very process, if there is one.
func (t *tree) readOf(p *process, file string) ([]byte, error) {
	dir, path := t.pathOf(p, file)
	return readOnce(dir, path, t.buf[:])
}

// pathOf is the path of such a file, and the directory from which it starts.
func (t *tree) pathOf(p *process, file string) (dir int, path []byte) {
	path = t.path[:0]
	switch {
	case p.task >= 0 && p.thread != 0:
		path = strconv.AppendInt(path, int64(p.thread), 10)
	case p.task >= 0:
		path = append(path, ".."...)
	default:
		path = strconv.AppendInt(path, int64(p.pid), 10)
		if p.thread != 0 {
			path = append(path, "/task/"...)
			path = strconv.AppendInt(path, int64(p.thread), 10)
		}
	}
	path = append(path, '/')
	path = append(path, file...)
	path = append(path, 0)
	if p.task >= 0 {
		return int(p.task), path
	}
	return t.proc, path
}
