package sockets

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/supervisor/sockstat"
)

const (
	soon   = 5 * time.Second // to the next look while clients wait
	seldom = 5 * time.Minute // at the most, while none is seen to
	// unserved is how long clients may wait before that is said: a slow app needs a minute until it accepts.
	unserved = time.Minute
)

// Watch gives what looks at whether an incarnation of the app serves the sockets, until it has been seen to or the story
// was told that it does not. A look that finds nobody waiting costs two system calls a socket.
func (h *Held) Watch(main int) func(now time.Time) (stories [][]any, next time.Duration) {
	w := watch{Held: h, main: main, next: soon, open: map[uint64]time.Time{}}
	for _, s := range h.sockets {
		w.open[s.inode] = time.Time{}
	}
	return w.look
}

type watch struct {
	*Held
	main int
	next time.Duration
	open map[uint64]time.Time // the sockets that are still to be seen served, and since when clients have been waiting
}

func (w *watch) look(now time.Time) (stories [][]any, next time.Duration) {
	w.next = min(2*w.next, seldom)
	for i, s := range w.sockets {
		since, open := w.open[s.inode]
		if !open {
			continue
		}
		why := ""
		switch waiting := w.waiting(i); {
		case w.abandoned(s):
			why = "it has closed it"
		case !waiting:
			since = time.Time{}
		case accepted(s):
			delete(w.open, s.inode)
			continue
		case since.IsZero():
			since = now
		case now.Sub(since) >= unserved:
			why = "no connection was accepted"
		}
		if why != "" {
			delete(w.open, s.inode)
			stories = append(stories, w.story(s, why))
			continue
		}
		if w.open[s.inode] = since; !since.IsZero() {
			w.next = soon
		}
	}
	if len(w.open) == 0 {
		return stories, 0
	}
	return stories, w.next
}

// waiting says whether a client waits to be accepted.
func (w *watch) waiting(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fds == nil {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(w.fds[i]), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLIN != 0
}

// abandoned says whether neither the main process nor any other has the socket open; false where that cannot be seen.
func (w *watch) abandoned(s held) bool {
	inodes, err := inodesOf(w.main)
	if err != nil || slices.Contains(inodes, s.inode) {
		return false
	}
	return len(holders(map[uint64]sockstat.Address{s.inode: s.Address}, nil)) == 0
}

// accepted says whether anybody has accepted a connection that came in by the socket.
func accepted(s held) bool {
	for _, c := range list(s.Address) {
		if !c.Listening && c.Inode != 0 && (c.Local == s.Address || s.Address == s.Address.Anywhere() && c.Local.Path == "") {
			return true
		}
	}
	return false
}

// story is what helps to find out: the pid that LISTEN_PID names, and who listens on what instead.
func (w *watch) story(s held, why string) []any {
	story := []any{"socket", s.Text, "why", why, "listen_pid", w.main}
	others := listeners(sockstat.Address{Family: unix.AF_INET})
	for _, ours := range w.sockets {
		delete(others, ours.inode)
	}
	if who := holders(others, below); len(who) > 0 {
		story = append(story, "listening_instead", strings.Join(who, ", "))
	}
	return story
}
