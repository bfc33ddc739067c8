package supervisor

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/reaper"
)

// relayed collects what is passed on.
type relayed struct{ pids []int }

func (*relayed) Next() (Notice, error) { panic("nobody listens") }
func (r *relayed) Relay(n Notice)      { r.pids = append(r.pids, n.PID) }

func TestOnlyTheAppIsListenedTo(t *testing.T) {
	const pid, other = 7, 8
	ready := func(child int) Notice { return Notice{PID: child, Child: child, Ready: true} }
	for _, tt := range []struct {
		name       string
		says       func(l *loop)
		ready      bool
		complaints int
	}{
		{"the app", func(l *loop) { l.onNotice(ready(pid)) }, true, 0},
		{"another child, a stranger: said once", func(l *loop) { l.onNotice(ready(other)); l.onNotice(ready(0)) }, false, 1},
		{"an app that is faster than the news of its start", func(l *loop) {
			l.child, l.starting = nil, true
			l.onNotice(ready(pid))
			l.child, l.starting = &reaper.Child{PID: pid}, false
			l.hearUnheard()
		}, true, 0},
		{"somebody else before the start is known", func(l *loop) {
			l.child, l.starting = nil, true
			l.onNotice(ready(other))
			l.child, l.starting = &reaper.Child{PID: pid}, false
			l.hearUnheard()
			l.hearUnheard()
		}, false, 0},
		{"very many of them", func(l *loop) {
			l.child, l.starting = nil, true
			for range 10 * mostUnheard {
				l.onNotice(ready(other))
			}
			if len(l.unheard) != mostUnheard {
				t.Errorf("got %d kept, want %d", len(l.unheard), mostUnheard)
			}
		}, false, 0},
		{"an app that has ended", func(l *loop) { l.child = nil; l.onNotice(ready(pid)) }, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			above := &relayed{}
			l := &loop{Config: Config{Notify: above, Log: logTo(&log)}, app: &app{machine: NewMachine(defaults()), child: &reaper.Child{PID: pid}}, said: map[string]bool{}}
			l.machine.Begin(time.Now())
			l.machine.Step(time.Now(), Started{PID: pid})
			tt.says(l)
			if got := !l.machine.told.ready.IsZero(); got != tt.ready || got != (len(above.pids) == 1) {
				t.Errorf("got ready %v, passed on %v, want %v", got, above.pids, tt.ready)
			}
			if got := strings.Count(log.String(), "did not come from the app"); got != tt.complaints {
				t.Errorf("got %d complaints, want %d\n%s", got, tt.complaints, log.String())
			}
		})
	}
}
