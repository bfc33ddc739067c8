package servers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/integration/callers"
)

// behind is how a server takes a held socket over, where that differs from its row.
type behind struct {
	row       string // of webServers
	name      string
	command   func(*world) []string // nil: as in its row
	limit     string                // what the leak trips, where that of the row takes long
	keepAlive bool                  // it can keep connections open
	cuts      bool                  // of itself it may cut one connection in a recycle
}

// held are the servers that speak the protocol. Puma must be told to listen on just that address; the others take what
// they get, whatever they are told.
func held() []behind {
	return []behind{
		{row: "puma single", keepAlive: true},
		{row: "puma cluster", keepAlive: true},
		{row: "gunicorn", name: "gunicorn"},
		{row: "gunicorn", name: "gunicorn gthread", keepAlive: true, limit: "processes=12",
			command: fixed("gunicorn", "-k", "gthread", "--threads", "4", "-w", "2", "-b", "127.0.0.1:1", "work")},
		{row: "unicorn"},
		// A worker that is told to end between accept and its note that it is at work ends at once: one in some 10000
		// requests, in 100 recycles.
		{row: "uwsgi", command: fixed("uwsgi", "--ini", "held.ini"), cuts: true},
	}
}

func (b behind) server(t *testing.T) server {
	t.Helper()
	s := serverNamed(t, b.row)
	s.limit = b.limit
	if b.command != nil {
		s.command = b.command
	}
	if b.name != "" {
		s.name = b.name
	}
	return s
}

// holding is restarting with the server's address held.
func (s server) holding(w *world) string {
	return s.restarting() + fmt.Sprintf("\n[[socket]]\nlisten = \"tcp://%s\"\n", w.address)
}

// While the server is recycled again and again nobody is refused and no request fails.
func TestBehindAHeldSocketNoRequestFails(t *testing.T) {
	for _, b := range held() {
		for _, keepAlive := range []bool{false, true} {
			if keepAlive && !b.keepAlive {
				continue
			}
			s := b.server(t)
			name := s.name
			if keepAlive {
				name += ", keep-alive"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				recycles := 2
				if long() {
					recycles = 20
				}
				w := s.world(t)
				r := w.run(s.holding(w), s.command(w)...)
				probe := s.client(w)
				before := probe.ready(r)
				c := &callers.Caller{Address: w.address, KeepAlive: keepAlive, Patience: patience}
				ctx, cancel := context.WithCancel(t.Context())
				var load sync.WaitGroup
				defer load.Wait()
				defer cancel()
				for n := range 6 {
					load.Go(func() { c.Loop(ctx, fmt.Sprintf("/work?ms=20&id=%d.", n)) })
				}
				for n := range recycles {
					s.trip(w, r, probe, n+1)
					r.says("reaperd: started", n+2)
					after := probe.ready(r)
					if after == before {
						t.Errorf("answered by %s, want the next incarnation", strings.TrimSpace(after))
					}
					before = after
				}
				cancel()
				load.Wait()
				r.signal(syscall.SIGTERM)
				r.endsGracefully(s.stops[syscall.SIGTERM])
				tolerated := 0
				if b.cuts {
					tolerated = recycles
				}
				if keepAlive {
					tolerated += r.log.count(callers.PumaOwn500)
				}
				c.Report(t, recycles, tolerated)
			})
		}
	}
}
