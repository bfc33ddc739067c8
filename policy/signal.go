package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// Signal is a Linux signal number, 1 to 64; 0 stands for "none" or "drop". The numbers are those of amd64 and arm64,
// which share asm-generic/signal.h.
type Signal int

// The signals that reaperd knows by name in its own code.
const (
	SIGHUP   Signal = 1
	SIGINT   Signal = 2
	SIGQUIT  Signal = 3
	SIGKILL  Signal = 9
	SIGUSR1  Signal = 10
	SIGUSR2  Signal = 12
	SIGPIPE  Signal = 13
	SIGTERM  Signal = 15
	SIGCHLD  Signal = 17
	SIGCONT  Signal = 18
	SIGSTOP  Signal = 19
	SIGTSTP  Signal = 20
	SIGTTIN  Signal = 21
	SIGTTOU  Signal = 22
	SIGURG   Signal = 23
	SIGPROF  Signal = 27
	SIGWINCH Signal = 28
)

const (
	rtMin Signal = 34 // SIGRTMIN as glibc and musl programs see it: 32 and 33 belong to the C library
	rtMax Signal = 64
)

var signalNames = [...]string{
	1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 10: "USR1", 11: "SEGV",
	12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT", 17: "CHLD", 18: "CONT", 19: "STOP", 20: "TSTP",
	21: "TTIN", 22: "TTOU", 23: "URG", 24: "XCPU", 25: "XFSZ", 26: "VTALRM", 27: "PROF", 28: "WINCH", 29: "IO", 30: "PWR",
	31: "SYS",
}

// String gives the name without SIG, as kill -l does: "TERM", "RTMIN+3", "none" for 0.
func (s Signal) String() string {
	switch {
	case s == 0:
		return "none"
	case s > 0 && int(s) < len(signalNames):
		return signalNames[s]
	case s == rtMin:
		return "RTMIN"
	case s > rtMin && s <= rtMax:
		return fmt.Sprintf("RTMIN+%d", s-rtMin)
	}
	return strconv.Itoa(int(s))
}

// ParseSignal reads "TERM", "SIGTERM", "term", "15", "RTMIN+3" or "RTMAX-1".
func ParseSignal(text string) (Signal, error) {
	bad := fmt.Errorf("%q is not a signal (want a name or a number, e.g. \"TERM\", 15, \"RTMIN+3\")", text)
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "SIG")
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || Signal(n) > rtMax {
			return 0, bad
		}
		return Signal(n), nil
	}
	for n, known := range signalNames {
		if n > 0 && known == name {
			return Signal(n), nil
		}
	}
	switch name {
	case "IOT":
		return 6, nil
	case "CLD":
		return SIGCHLD, nil
	case "POLL":
		return 29, nil
	}
	for prefix, base := range map[string]Signal{"RTMIN": rtMin, "RTMAX": rtMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		offset := 0
		if rest != "" {
			n, err := strconv.Atoi(rest)
			if err != nil || rest[0] != '+' && rest[0] != '-' {
				return 0, bad
			}
			offset = n
		}
		if s := base + Signal(offset); s >= rtMin && s <= rtMax {
			return s, nil
		}
	}
	return 0, bad
}
