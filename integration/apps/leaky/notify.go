package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// notify STEP... is an app that speaks sd_notify(3). It prints its NOTIFY_SOCKET and does its steps, then what signals does.
//
//	READY=1,STATUS=up   sends these assignments in one datagram
//	ping                sends WATCHDOG=1 ten times in WATCHDOG_USEC from now on
//	USR1:STOPPING=1     sends this when that signal comes; USR1:hang ends the pings
//	TERM=0@1s           ends as signals does
func notify(args []string) error {
	reactions, answers := map[syscall.Signal]reaction{}, map[syscall.Signal]string{}
	var hangs atomic.Bool
	say("socket %s", os.Getenv("NOTIFY_SOCKET"))
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, ":")
		if sig, known := signalNames[name]; known {
			answers[sig] = text
			continue
		}
		if sig, r, err := parseReaction(arg); err == nil {
			reactions[sig] = r
			continue
		}
		if arg == "ping" {
			usec, err := strconv.Atoi(os.Getenv("WATCHDOG_USEC"))
			if err != nil {
				return fmt.Errorf("WATCHDOG_USEC: %w", err)
			}
			go ping(time.Duration(usec)*time.Microsecond/10, &hangs)
			continue
		}
		if err := tell(arg); err != nil {
			return err
		}
	}
	serve(reactions, func(sig syscall.Signal) {
		switch text := answers[sig]; text {
		case "":
		case "hang":
			hangs.Store(true)
			say("hangs")
		default:
			if err := tell(text); err != nil {
				say("cannot tell: %v", err)
			}
		}
	}, nil)
	return nil
}

func ping(every time.Duration, hangs *atomic.Bool) {
	tick := time.NewTicker(every)
	for !hangs.Load() {
		if err := tell("WATCHDOG=1"); err != nil {
			say("cannot ping: %v", err)
		}
		<-tick.C
	}
}

// tell sends assignments that are separated by commas.
func tell(text string) error {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(strings.ReplaceAll(text, ",", "\n")))
	return err
}
