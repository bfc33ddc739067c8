package notify

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is what one datagram says; see sd_notify(3). The zero value says nothing.
type Message struct {
	PID   int // who sent it; 0: somebody outside our PID namespace
	Child int // our child that sent it, or that the sender descends from; 0: nobody of ours

	Ready     bool
	Reloading bool
	Stopping  bool
	Alive     bool          // WATCHDOG=1
	Trigger   bool          // WATCHDOG=trigger
	Resets    bool          // WATCHDOG_USEC=: Watchdog holds from now on
	Watchdog  time.Duration // 0: there is none any more
	Extend    time.Duration // EXTEND_TIMEOUT_USEC=
	MainPID   int
	Status    string // as the app wrote it, up to maxStatus
}

const (
	maxStatus = 256
	longest   = 365 * 24 * time.Hour // of what an app may say in microseconds
)

// parse reads the assignments of a datagram, one a line. Unknown ones, among them all about stored descriptors, mean
// nothing here, and so does a value that makes no sense.
func parse(text string) (m Message) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\x00"), "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "READY":
			m.Ready = m.Ready || value == "1"
		case "RELOADING":
			m.Reloading = m.Reloading || value == "1"
		case "STOPPING":
			m.Stopping = m.Stopping || value == "1"
		case "WATCHDOG":
			m.Alive = m.Alive || value == "1"
			m.Trigger = m.Trigger || value == "trigger"
		case "WATCHDOG_USEC":
			if d, ok := microseconds(value); ok {
				m.Resets, m.Watchdog = true, d
			}
		case "EXTEND_TIMEOUT_USEC":
			if d, ok := microseconds(value); ok {
				m.Extend = d
			}
		case "MAINPID":
			if pid, err := strconv.Atoi(value); err == nil && pid > 0 {
				m.MainPID = pid
			}
		case "STATUS":
			m.Status = shorten(value)
		}
	}
	return m
}

// above is what of a message concerns a service manager above us. It started us and not the app, so STOPPING and RELOADING
// do not: we go on when the app ends.
func (m Message) above() string {
	var lines []string
	if m.Ready {
		lines = append(lines, "READY=1")
	}
	if m.Status != "" {
		lines = append(lines, "STATUS="+m.Status)
	}
	if m.Alive {
		lines = append(lines, "WATCHDOG=1")
	}
	return strings.Join(lines, "\n")
}

// microseconds are at most a year. The largest number is systemd's infinity: no time at all, as 0.
func microseconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == math.MaxUint64 {
		return 0, err == nil
	}
	return time.Duration(min(n, uint64(longest/time.Microsecond))) * time.Microsecond, true
}

// shorten cuts between characters.
func shorten(s string) string {
	if len(s) <= maxStatus {
		return s
	}
	end := maxStatus
	for end > maxStatus-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
