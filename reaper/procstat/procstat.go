// Package procstat parses the two /proc files that tell whom a signal would reach: stat and status. It reads nothing
// by itself and allocates nothing.
package procstat

import "bytes"

// Stat is the part of /proc/PID/stat that identifies a process and says whether it is alive; see proc_pid_stat(5).
type Stat struct {
	PID     int
	PPID    int
	Group   int // process group
	Session int
	State   byte   // R S D Z T t X I
	Threads int    // live threads; a zombie shows 1
	Start   uint64 // clock ticks after boot; with PID it names a process for ever
}

// Zombie says whether the process is dead and only waits to be waited for. Z alone is not dead: a process whose main
// thread exited keeps its other threads.
func (s Stat) Zombie() bool { return s.State == 'Z' && s.Threads <= 1 }

// Parse reads the text of /proc/PID/stat. The command in it may hold anything, so fields count from the last ')'.
func Parse(text []byte) (s Stat, ok bool) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return Stat{}, false
	}
	pid, ok := number(bytes.TrimRight(text[:open], " "))
	if !ok {
		return Stat{}, false
	}
	s.PID = int(pid)
	rest := text[end+1:]
	for field := 3; field <= 22; field++ {
		word := next(&rest)
		if len(word) == 0 {
			return Stat{}, false
		}
		var n uint64
		switch field {
		case 3:
			s.State = word[0]
			continue
		case 4, 5, 6, 20, 22:
			if n, ok = number(word); !ok {
				return Stat{}, false
			}
		}
		switch field {
		case 4:
			s.PPID = int(n)
		case 5:
			s.Group = int(n)
		case 6:
			s.Session = int(n)
		case 20:
			s.Threads = int(n)
		case 22:
			s.Start = n
		}
	}
	return s, true
}

// Mask reads one signal mask ("SigCgt", "SigIgn", "SigBlk") from the text of /proc/PID/status: bit n-1 is signal n.
func Mask(status []byte, name string) (mask uint64, ok bool) {
	for line := range bytes.Lines(status) {
		key, value, found := bytes.Cut(line, []byte(":"))
		if !found || string(key) != name {
			continue
		}
		value = bytes.TrimSpace(value)
		if len(value) == 0 || len(value) > 16 {
			return 0, false
		}
		for _, c := range value {
			digit := bytes.IndexByte([]byte("0123456789abcdef"), c)
			if digit < 0 {
				return 0, false
			}
			mask = mask<<4 | uint64(digit)
		}
		return mask, true
	}
	return 0, false
}

// next cuts the next space-separated word off text.
func next(text *[]byte) []byte {
	t := bytes.TrimLeft(*text, " ")
	end := bytes.IndexAny(t, " \n")
	if end < 0 {
		end = len(t)
	}
	*text = t[end:]
	return t[:end]
}

// number reads a decimal number that fits an int64; /proc has none larger among the fields above.
func number(word []byte) (n uint64, ok bool) {
	if len(word) == 0 || len(word) > 18 {
		return 0, false
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
