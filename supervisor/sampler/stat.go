package sampler

import (
	"bytes"
	"math"
)

// stat is what the sampler wants of /proc/PID/stat; see proc_pid_stat(5). Package procfs reads the same, but allocates
// for every file.
type stat struct {
	ppid    int
	group   int // process group
	session int
	state   byte
	kernel  bool // a kernel thread
	threads uint32
	start   uint64 // clock ticks after boot; with the pid it names a process for ever
	rss     uint64 // pages
}

// flagKernelThread is PF_KTHREAD of include/linux/sched.h.
const flagKernelThread = 0x00200000

// dead says whether only the exit status is left. Z alone is not dead: a process whose main thread has exited keeps its
// other threads.
func (s stat) dead() bool { return s.state == 'Z' && s.threads <= 1 }

// leaderGone says whether the main thread has exited and others live on.
func (s stat) leaderGone() bool { return s.state == 'Z' && s.threads > 1 }

// parseStat reads the text of a stat file. The name in it may hold anything, so fields count from the last ')'.
func parseStat(text []byte) (s stat, ok bool) {
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	if len(rest) == len(text) {
		return stat{}, false
	}
	for field := 3; field <= 24; field++ {
		word := nextWord(&rest)
		switch field {
		case 3:
			if len(word) != 1 {
				return stat{}, false
			}
			s.state = word[0]
			continue
		case 5:
			n, _ := decimal(word) // -1 once the process is being released
			s.group = int(min(n, math.MaxInt32))
			continue
		case 6:
			n, _ := decimal(word)
			s.session = int(min(n, math.MaxInt32))
			continue
		case 4, 9, 20, 22, 24:
		default:
			if len(word) == 0 {
				return stat{}, false
			}
			continue
		}
		n, ok := decimal(word)
		if !ok {
			return stat{}, false
		}
		switch field {
		case 4:
			s.ppid = int(min(n, math.MaxInt32))
		case 9:
			s.kernel = n&flagKernelThread != 0
		case 20:
			s.threads = uint32(max(1, min(n, math.MaxInt32)))
		case 22:
			s.start = n
		case 24:
			s.rss = n
		}
	}
	return s, true
}

// parseStatm gives the resident pages of a statm file, and whether the process has any memory at all: zombies and
// kernel threads have none.
func parseStatm(text []byte) (rss uint64, any, ok bool) {
	at := bytes.IndexByte(text, ' ')
	if at < 1 {
		return 0, false, false
	}
	any = text[0] != '0'
	for at++; at < len(text) && text[at] >= '0' && text[at] <= '9'; at++ {
		rss = rss*10 + uint64(text[at]-'0')
		ok = true
	}
	return rss, any, ok
}

// parseLoadavg gives the number of threads of the whole machine, containers included, which is what the kernel compares
// with threads-max, and the pid that was given last in our own PID namespace.
func parseLoadavg(text []byte) (threads, last uint64, ok bool) {
	for range 3 {
		nextWord(&text)
	}
	_, total, _ := bytes.Cut(nextWord(&text), []byte("/"))
	threads, ok1 := decimal(total)
	last, ok2 := decimal(nextWord(&text))
	return threads, last, ok1 && ok2
}

// nextWord cuts the next word off text.
func nextWord(text *[]byte) []byte {
	t := *text
	start := 0
	for start < len(t) && (t[start] == ' ' || t[start] == '\t') {
		start++
	}
	end := start
	for end < len(t) && t[end] != ' ' && t[end] != '\n' && t[end] != '\t' {
		end++
	}
	*text = t[end:]
	return t[start:end]
}

// decimal reads a number. One from 2^63 on is none: it is a counter of the kernel that fell below zero.
func decimal(word []byte) (n uint64, ok bool) {
	for _, c := range word {
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(word) > 0
}
