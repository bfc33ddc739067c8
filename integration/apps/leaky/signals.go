package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// reaction is how the app ends on a signal.
type reaction struct {
	code  int
	after time.Duration
}

// signals [SIGNAL=CODE[@DELAY]...] prints "ready", then every signal it gets ("signal 15"), and exits with CODE, DELAY
// after one that is named. Everything else only gets printed: it is an app that ignores TERM unless told otherwise.
// SIGURG (the Go runtime's own), CHLD and PIPE are not shown; PROF and 34 cannot be.
func signals(args []string) error {
	reactions := map[syscall.Signal]reaction{}
	for _, arg := range args {
		sig, r, err := parseReaction(arg)
		if err != nil {
			return err
		}
		reactions[sig] = r
	}
	serve(reactions, nil, nil)
	return nil
}

// serve prints signals until one of them ends the process, and calls on first for each. What the process is here to do
// begins only when it catches signals: it may be what makes reaperd send one.
func serve(reactions map[syscall.Signal]reaction, on func(syscall.Signal), begin func()) {
	c := make(chan os.Signal, 4096)
	signal.Notify(c)
	say("ready")
	if *mark != "" {
		os.WriteFile(*mark, nil, 0o644)
	}
	if begin != nil {
		go begin()
	}
	var end sync.Once
	for got := range c {
		sig := got.(syscall.Signal)
		if sig == syscall.SIGURG || sig == syscall.SIGCHLD || sig == syscall.SIGPIPE {
			continue
		}
		say("signal %d", int(sig))
		if on != nil {
			on(sig)
		}
		if r, ok := reactions[sig]; ok {
			end.Do(func() {
				time.AfterFunc(r.after, func() {
					say("bye")
					os.Exit(r.code)
				})
			})
		}
	}
}

// leakEnds is how a leak ends: with 0 by TERM unless it is deaf, and with 9 by USR2.
func leakEnds() map[syscall.Signal]reaction {
	ends := map[syscall.Signal]reaction{syscall.SIGTERM: {}, syscall.SIGUSR2: {code: 9}}
	if *deaf {
		delete(ends, syscall.SIGTERM)
	}
	return ends
}

var signalNames = map[string]syscall.Signal{
	"HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12, "TERM": 15, "CONT": 18, "TSTP": 20, "WINCH": 28,
}

func parseReaction(arg string) (syscall.Signal, reaction, error) {
	bad := fmt.Errorf("%q is not SIGNAL=CODE[@DELAY]", arg)
	word, rest, ok := strings.Cut(arg, "=")
	if !ok {
		return 0, reaction{}, bad
	}
	sig, known := signalNames[word]
	if n, err := strconv.Atoi(word); err == nil {
		sig, known = syscall.Signal(n), true
	}
	codeText, after, delayed := strings.Cut(rest, "@")
	code, err := strconv.Atoi(codeText)
	if err != nil || !known {
		return 0, reaction{}, bad
	}
	r := reaction{code: code}
	if delayed {
		if r.after, err = time.ParseDuration(after); err != nil {
			return 0, reaction{}, bad
		}
	}
	return sig, r, nil
}
