package policy

// ExitCode is the exit code of a process as a shell gives it: its own, or 128 + n if signal n ended it.
func ExitCode(code int, signaled bool, sig Signal) int {
	if signaled {
		return 128 + int(sig)
	}
	return code
}

// Remap looks an exit code up in exit_remap, once and after 128 + n: 143 → 0 means both "killed by TERM" and exit(143).
func Remap(code int, to map[int]int) int {
	if mapped, ok := to[code]; ok {
		return mapped
	}
	return code
}

// WasTermination says whether TERM or INT ended a process, by itself or as 128 + n, which is how a JVM or a shell tells
// it. Where nobody asked for it the end is held for 100 ms before it is judged: the signal for us may be on its way.
func WasTermination(code int, signaled bool, sig Signal) bool {
	return endedBy(ExitCode(code, signaled, sig), SIGTERM, SIGINT)
}

// WasKeyboard says whether INT or QUIT ended a process, by itself or as 128 + n: with the terminal in its hands, a
// person stopped it.
func WasKeyboard(code int, signaled bool, sig Signal) bool {
	return endedBy(ExitCode(code, signaled, sig), SIGINT, SIGQUIT)
}

func endedBy(code int, sigs ...Signal) bool {
	for _, s := range sigs {
		if code == 128+int(s) {
			return true
		}
	}
	return false
}
