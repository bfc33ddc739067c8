package servers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/integration/callers"
)

// readiness is how it is told that a server has its workers. gunicorn says READY=1 before it has any.
var readiness = map[string]string{"puma single": "notify", "puma cluster": "notify", "gunicorn": "2s"}

// Nobody feels an overlapping restart behind a held socket: no request fails, and none is slower than twice the slowest of
// the same load without a restart. Not parallel, for it compares times.
func TestAnOverlapIsNotFelt(t *testing.T) {
	const calm = 3 * time.Second
	for _, s := range webServers() {
		ready := readiness[s.name]
		if ready == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			recycles := 1
			if long() {
				recycles = 20
			}
			w := s.world(t)
			config := strings.Replace(s.holding(w), "[restart]\n", fmt.Sprintf("[restart]\noverlap = true\nready = %q\n", ready), 1)
			r := w.run(config, s.command(w)...)
			probe := s.client(w)
			before := probe.ready(r)

			load := func(during func()) *callers.Caller {
				c := &callers.Caller{Address: w.address, Patience: patience}
				ctx, cancel := context.WithCancel(t.Context())
				var calls sync.WaitGroup
				for n := range 4 {
					calls.Go(func() { c.Loop(ctx, fmt.Sprintf("/work?ms=400&id=%d.", n)) })
				}
				defer calls.Wait()
				defer cancel()
				during()
				return c
			}
			quiet := load(func() { <-time.After(calm) })
			busy := load(func() {
				for n := range recycles {
					s.trip(w, r, probe, n+1)
					r.says("overlap: the other app is gone", n+1)
					after := probe.ready(r)
					if after == before {
						t.Errorf("answered by %s, want the next incarnation", strings.TrimSpace(after))
					}
					before = after
				}
			})
			r.signal(syscall.SIGTERM)
			r.endsGracefully(s.stops[syscall.SIGTERM])
			busy.Report(t, recycles, 0)
			if slowest, without := busy.Slowest(), quiet.Slowest(); slowest > 2*without {
				t.Errorf("the slowest request took %v, want at most twice the %v of one without a restart", slowest, without)
			} else {
				t.Logf("slowest %v, without a restart %v", slowest.Round(10*time.Millisecond), without.Round(10*time.Millisecond))
			}
		})
	}
}
