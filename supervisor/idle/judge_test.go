package idle

import (
	"errors"
	"regexp"
	"testing"
	"time"
)

const (
	sidekiqBusy = "sidekiq 6.4.1 app [1 of 5 busy] stopping"
	sidekiqIdle = "sidekiq 6.4.1 app [0 of 5 busy] stopping"
)

var (
	stopped  = regexp.MustCompile(`\[0 of \d+ busy\] stopping`)
	sidekiqs = regexp.MustCompile(`^sidekiq \d`)
	quietFor = 5 * time.Second
	// answered is kept alive, unanswered at work.
	answered   = Connection{Listener: ":80", Traffic: true, Received: true, Sent: true, SinceReceived: time.Minute, SinceSent: time.Minute - 4}
	unanswered = Connection{Listener: ":80", Traffic: true, Received: true, Sent: true, SinceReceived: time.Minute, SinceSent: time.Minute + 4}
	errTest    = errors.New("cannot be read")
)

func TestOneLook(t *testing.T) {
	title := Checks{Title: stopped}
	all := Checks{Title: stopped, TitleOf: sidekiqs}
	for _, tt := range []struct {
		name   string
		checks Checks
		seen   seen
		want   Answer
	}{
		{"one title is enough", title, seen{titles: []string{"sh -c sidekiq", sidekiqIdle}}, idleNow},
		{"no title", title, seen{titles: []string{sidekiqBusy}}, busy("no process has the title of an idle one")},
		{"a title that cannot be read could be the one", title, seen{titlesErr: errTest}, unknown("cannot be read")},
		{"a title that cannot be read does not matter when another matches", title, seen{titles: []string{sidekiqIdle}, titlesErr: errTest}, idleNow},
		{"all that matter must match", all, seen{titles: []string{"sidekiqswarm", sidekiqIdle, sidekiqBusy}}, busy(`title is "` + sidekiqBusy + `"`)},
		{"all that matter match", all, seen{titles: []string{"sidekiqswarm", sidekiqIdle, sidekiqIdle}}, idleNow},
		{"none that matters is there", all, seen{titles: []string{"sidekiqswarm"}}, unknown(`no process has a title like "^sidekiq \\d"`)},
		{"one that matters may be unread", all, seen{titles: []string{sidekiqIdle}, titlesErr: errTest}, unknown("cannot be read")},
		{"no child", Checks{NoChildren: true}, seen{}, idleNow},
		{"a child", Checks{NoChildren: true}, seen{children: 1}, busy("1 child process")},
		{"no connection", Checks{Connections: true}, seen{}, idleNow},
		{"kept-alive ones", Checks{Connections: true}, seen{connections: []Connection{answered, answered}}, idleNow},
		{"one of them at work", Checks{Connections: true}, seen{connections: []Connection{answered, unanswered}},
			busy("1 connection at work, on :80: a request is not answered")},
		{"sockets unknown", Checks{Connections: true}, seen{connectionErr: errTest}, unknown("cannot be read")},
		{"nothing readable", Checks{NoChildren: true}, seen{err: errTest}, unknown("cannot be read")},
		{"busy weighs more than unknown", Checks{Title: stopped, NoChildren: true}, seen{titlesErr: errTest, children: 2}, busy("2 child processes")},
		{"busy, then unknown", Checks{NoChildren: true, Connections: true}, seen{children: 2, connectionErr: errTest}, busy("2 child processes")},
		{"idle and unknown is unknown", Checks{NoChildren: true, Connections: true}, seen{connectionErr: errTest}, unknown("cannot be read")},
	} {
		tt.checks.Silence = quietFor
		j := judge{checks: tt.checks}
		if got := j.weigh(time.Time{}, tt.seen); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestConnectionsAtWork(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Connection
		busy bool
	}{
		{"answered and silent", answered, false},
		{"unanswered, however long", unanswered, true},
		{"a request not read", Connection{Traffic: true, Unread: true, Received: true, Sent: true, SinceReceived: time.Hour, SinceSent: time.Minute}, true},
		{"an answer not received", Connection{Traffic: true, Unacked: true, Received: true, Sent: true, SinceReceived: time.Hour, SinceSent: time.Minute}, true},
		{"answered a moment ago", Connection{Traffic: true, Received: true, Sent: true, SinceReceived: quietFor, SinceSent: quietFor - 1}, true},
		{"answered exactly so long ago", Connection{Traffic: true, Received: true, Sent: true, SinceReceived: time.Hour, SinceSent: quietFor}, false},
		{"the first request, in the jiffy of the connection", Connection{Traffic: true, Received: true, SinceReceived: time.Hour, SinceSent: time.Hour}, true},
		{"answered in the jiffy of the request", Connection{Traffic: true, Received: true, Sent: true, SinceReceived: time.Hour, SinceSent: time.Hour}, false},
		{"never used", Connection{Traffic: true, SinceReceived: time.Hour, SinceSent: time.Hour}, false},
		{"the server greets and the client is silent", Connection{Traffic: true, Sent: true, SinceReceived: time.Hour, SinceSent: time.Minute}, false},
		{"a unix socket", Connection{}, true},
	} {
		if got := tt.c.busy(quietFor); (got != "") != tt.busy {
			t.Errorf("%s: got %q, want busy %v", tt.name, got, tt.busy)
		}
	}
}

func TestIdleMustHold(t *testing.T) {
	start := time.Unix(1000, 0)
	type step struct {
		at   time.Duration
		a    Answer
		want bool
	}
	for _, tt := range []struct {
		name  string
		hold  Hold
		steps []step
	}{
		{"no hold: the first look", Hold{}, []step{{0, idleNow, true}}},
		{"three looks", Hold{Looks: 3}, []step{{0, idleNow, false}, {0, idleNow, false}, {0, idleNow, true}, {0, idleNow, true}}},
		{"busy begins anew", Hold{Looks: 2}, []step{{0, idleNow, false}, {0, busy(""), false}, {0, idleNow, false}, {0, idleNow, true}}},
		{"unknown begins anew", Hold{Looks: 2}, []step{{0, idleNow, false}, {0, unknown(""), false}, {0, idleNow, false}, {0, idleNow, true}}},
		{"two heartbeats", Hold{For: 20 * time.Second}, []step{{0, idleNow, false}, {19 * time.Second, idleNow, false}, {20 * time.Second, idleNow, true}}},
		{"the time begins anew too", Hold{For: 20 * time.Second}, []step{{0, idleNow, false}, {5 * time.Second, busy(""), false}, {6 * time.Second, idleNow, false},
			{25 * time.Second, idleNow, false}, {26 * time.Second, idleNow, true}}},
		{"both", Hold{Looks: 3, For: time.Second}, []step{{0, idleNow, false}, {time.Hour, idleNow, false}, {time.Hour, idleNow, true}}},
	} {
		j := judge{checks: Checks{Hold: tt.hold}}
		for i, s := range tt.steps {
			got := j.hold(start.Add(s.at), s.a)
			if got.Idle != s.want || got.Known != s.a.Known || !got.Idle && s.a.Idle && got.Why == "" {
				t.Errorf("%s, step %d: got %+v, want idle %v", tt.name, i, got, s.want)
			}
		}
	}
}

func TestFlatCPU(t *testing.T) {
	p, q, again := process{1, 1}, process{2, 1}, process{2, 99}
	type step struct {
		at   int // seconds
		cpu  map[process]uint64
		want bool
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"what was used before does not count", []step{{0, map[process]uint64{p: 900}, false}, {10, map[process]uint64{p: 902}, true}}},
		{"not yet long enough", []step{{0, map[process]uint64{p: 900}, false}, {9, map[process]uint64{p: 900}, false}}},
		{"too much", []step{{0, map[process]uint64{p: 0}, false}, {10, map[process]uint64{p: 3}, false}}},
		{"a burst is forgotten after the time, not before", []step{{0, map[process]uint64{p: 0}, false}, {5, map[process]uint64{p: 50}, false},
			{14, map[process]uint64{p: 50}, false}, {15, map[process]uint64{p: 50}, true}}},
		{"slow growth stays flat, look after look", []step{{0, map[process]uint64{p: 0}, false}, {10, map[process]uint64{p: 2}, true},
			{20, map[process]uint64{p: 4}, true}, {30, map[process]uint64{p: 6}, true}}},
		{"a new process counts whole", []step{{0, map[process]uint64{p: 0}, false}, {10, map[process]uint64{p: 0, q: 3}, false}}},
		{"as does one that has the pid of another", []step{{0, map[process]uint64{p: 0, q: 3}, false}, {10, map[process]uint64{p: 0, again: 3}, false}}},
		{"the end of a process is activity", []step{{0, map[process]uint64{p: 0, q: 9}, false}, {10, map[process]uint64{p: 9}, false}, {20, map[process]uint64{p: 9}, true}}},
	} {
		j := judge{checks: Checks{CPU: Flat{Ticks: 3, For: 10 * time.Second}}}
		for i, s := range tt.steps {
			if got := j.weigh(time.Unix(int64(s.at), 0), seen{cpu: s.cpu}); got.Idle != s.want || !got.Known {
				t.Errorf("%s, step %d: got %+v, want idle %v", tt.name, i, got, s.want)
			}
		}
	}
}

func TestMarksStayFew(t *testing.T) {
	var u usage
	window := 10 * time.Second
	for i := range 10000 {
		u.add(time.Unix(0, 0).Add(time.Duration(i)*time.Millisecond*5), map[process]uint64{{1, 1}: uint64(i)}, window)
	}
	if n := len(u.marks); n > marksPer+2 {
		t.Errorf("got %d marks, want at most %d", n, marksPer+2)
	}
	if grown, over := u.grown(); over < window || over > window+window/marksPer*2 || grown != uint64(over/(5*time.Millisecond)) {
		t.Errorf("got %d in %v, want one per 5ms in little more than %v", grown, over, window)
	}
}

func TestTheCommandIsAskedLast(t *testing.T) {
	now := time.Now()
	c := New(Checks{Command: []string{"reaperd-net", "idle"}, Hold: Hold{Looks: 2}}, "/proc", 1)
	for i, tt := range []struct {
		code        int
		idle, known bool
	}{{0, false, true}, {1, false, true}, {0, false, true}, {2, false, false}, {0, false, true}, {0, true, true}, {-1, false, false}} {
		if got := c.Look(now, Target{}); len(got.Ask) != 2 || got.Idle || got.Known {
			t.Fatalf("look %d: got %+v, want to be asked to run the command", i, got)
		}
		if got := c.Heard(now, Exited(tt.code)); got.Idle != tt.idle || got.Known != tt.known || len(got.Ask) > 0 {
			t.Errorf("answer %d: got %+v, want idle %v known %v", i, got, tt.idle, tt.known)
		}
	}
}

func TestNoCheckIsNeverIdle(t *testing.T) {
	if got := New(Checks{}, "/proc", 1).Look(time.Now(), Target{}); got.Idle || got.Known {
		t.Errorf("got %+v, want unknown", got)
	}
}
