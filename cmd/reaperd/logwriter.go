package main

import (
	"errors"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/reaper"
)

// logQueue is how many lines may wait for a slow reader of stderr.
const logQueue = 512

// logWriter is what hclog writes to. One goroutine does the writing, for stderr may be a full pipe that nobody reads,
// and reaping must not wait for it: what the queue cannot take is counted, dropped, and said when the pipe moves again.
// The descriptor is never made non-blocking, for the app shares it.
type logWriter struct {
	lines   chan []byte
	flushed chan struct{}
	dropped atomic.Uint64
	say     func(dropped uint64) []byte // the line about dropped ones
}

func newLogger(level hclog.Level, json bool) (hclog.Logger, *logWriter) {
	w := &logWriter{lines: make(chan []byte, logQueue), flushed: make(chan struct{})}
	options := hclog.LoggerOptions{Name: "reaperd", Level: level, JSONFormat: json, Output: w, TimeFormat: "2006-01-02T15:04:05.000Z07:00"}
	w.say = func(dropped uint64) []byte {
		var line lineBuffer
		direct := options
		direct.Output = &line
		hclog.New(&direct).Warn("log lines were dropped: stderr was not read", "lines", dropped)
		return line
	}
	go w.run()
	return hclog.New(&options), w
}

type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// Write queues a line and never blocks.
func (w *logWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

// flush waits until all that was queued is written, but not longer than a moment: nobody may ever read it.
func (w *logWriter) flush(wait time.Duration) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case w.lines <- nil:
	case <-timeout.C:
		return
	}
	select {
	case <-w.flushed:
	case <-timeout.C:
	}
}

// run writes on a thread of its own with SIGTTOU blocked: while the app has the terminal's foreground, our lines would
// otherwise stop us under `stty tostop`.
func (w *logWriter) run() {
	runtime.LockOSThread()
	reaper.BlockTTOU()
	for line := range w.lines {
		if n := w.dropped.Swap(0); n > 0 {
			write(w.say(n))
		}
		if line == nil {
			close(w.flushed)
			return
		}
		write(line)
	}
}

// write puts a whole line on stderr. A broken pipe or a closed descriptor loses it: there is nobody to tell.
func write(line []byte) {
	for len(line) > 0 {
		n, err := syscall.Write(2, line)
		switch {
		case err == nil:
			line = line[n:]
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN): // the app made the shared descriptor non-blocking
			unix.Poll([]unix.PollFd{{Fd: 2, Events: unix.POLLOUT}}, -1)
		default:
			return
		}
	}
}
