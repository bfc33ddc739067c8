package servers

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/reaperd/reaperd/configs"
)

// A stop from outside: what docker stop, Kubernetes, a dyno manager or an image's STOPSIGNAL sends to PID 1. The preset is the
// one that is chosen by the command.
func TestAStopFromOutsideServesTheRequestsInFlight(t *testing.T) {
	for _, s := range webServers() {
		for sig, code := range s.stops {
			t.Run(fmt.Sprintf("%s/%v", s.name, sig), func(t *testing.T) {
				t.Parallel()
				w := s.world(t)
				command := s.command(w)
				r, c := w.run(server{preset: configs.Auto}.config(""), command...), s.client(w)
				c.ready(r)
				s.isRecognised(r, command)
				finish := c.inFlight(r, 3, 1200*time.Millisecond)
				r.signal(sig)
				finish()
				r.endsGracefully(code)
				c.answersAll(t, 3)
			})
		}
	}
}

// isRecognised: preset = "auto" has chosen the server's own, and where it knows a drain.match that finds the server. A Go
// program could be anything.
func (s server) isRecognised(r *running, command []string) {
	r.t.Helper()
	want := s.preset
	if s.preset == "go" {
		want = "generic"
	}
	r.says("preset="+want+" ", 1)
	match := regexp.MustCompile(configs.Recognise(command).Match()) // an empty one matches all
	eventually(r.t, "a process of the server that matches "+match.String(), func() bool {
		return slices.ContainsFunc(descendants(r.cmd.Process.Pid), func(p process) bool { return match.MatchString(p.title) })
	})
}

// A leak trips a limit while the server is loaded: nothing that was begun is lost, and the app comes back.
func TestALimitDrainsAndRestartsUnderLoad(t *testing.T) {
	recycles := 1
	if long() {
		recycles = 20
	}
	for _, s := range webServers() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := s.world(t)
			r, c := w.run(s.restarting(), s.command(w)...), s.client(w)
			before := c.ready(r)
			stop := c.loop(2, 300*time.Millisecond)
			for n := range recycles {
				finish := c.inFlight(r, 1, 1200*time.Millisecond)
				s.trip(w, r, c, n+1)
				finish()
				r.says("drained for a limit", n+1)
				eventually(t, "another process to answer", func() bool { return c.ready(r) != before })
				before = c.ready(r)
			}
			stop()
			r.signal(sigTERM)
			r.endsGracefully(s.stops[sigTERM])
			got := c.count()
			t.Logf("| %s | %d recycles | %d done | %d lost | %d reset in the backlog | slowest %v |", s.name, recycles,
				got.done, got.lost, got.unserved, got.slowest.Round(time.Millisecond))
			if got.lost > 0 || got.done == 0 {
				t.Errorf("requests: got %+v, want none lost", got)
			}
		})
	}
}

// A stop that comes while the server starts may find it without a handler, or be swallowed by it. It ends in time.
func TestAStopDuringTheStartEndsInTime(t *testing.T) {
	const budget = 4 * time.Second
	moments := []time.Duration{150 * time.Millisecond}
	if long() {
		moments = nil
		for d := time.Duration(0); d < time.Second; d += 50 * time.Millisecond {
			moments = append(moments, d)
		}
	}
	for _, s := range webServers() {
		for _, moment := range moments {
			t.Run(fmt.Sprintf("%s/%v", s.name, moment), func(t *testing.T) {
				t.Parallel()
				w := s.world(t)
				r := w.run(s.config(fmt.Sprintf("[drain]\nstop_timeout = %q\n", budget)), s.command(w)...)
				r.says("reaperd: started", 1)
				<-time.After(moment)
				began := time.Now()
				r.signal(sigTERM)
				code := r.wait(20 * time.Second) // less than the 28s and more of the presets
				t.Logf("%-14s stopped %4dms after its start: code %d after %v, escalated: %v", s.name, moment.Milliseconds(), code,
					time.Since(began).Round(time.Millisecond), r.log.count("escalated") > 0)
			})
		}
	}
}
