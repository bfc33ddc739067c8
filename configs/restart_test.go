package configs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

func TestReady(t *testing.T) {
	for _, row := range []struct {
		ready, timeout string
		want           policy.Ready
		wantTimeout    time.Duration
	}{
		{"notify", "", policy.Ready{Notify: true}, time.Minute},
		{"https://[::1]:3000/up?a=1", "5s", policy.Ready{URL: "https://[::1]:3000/up?a=1"}, 5 * time.Second},
		{"http+unix:///run/app.sock/up", "", policy.Ready{URL: "http+unix:///run/app.sock/up"}, time.Minute},
		{"10s", "", policy.Ready{After: 10 * time.Second}, time.Minute},
		{"2m", "", policy.Ready{After: 2 * time.Minute}, 2 * time.Minute},
	} {
		s := Sources{Flags: []Assignment{{"restart.overlap", "true", "--x"}, {"restart.on_limit", "restart", "--x"}, {"restart.ready", row.ready, "--x"}}}
		if row.timeout != "" {
			s.Flags = append(s.Flags, Assignment{"restart.ready_timeout", row.timeout, "--x"})
		}
		r := mustLoad(t, s).Config.Restart
		if !r.Overlap || r.Ready != row.want || r.ReadyTimeout != row.wantTimeout {
			t.Errorf("%s: got %+v, want %+v and a timeout of %v", row.ready, r, row.want, row.wantTimeout)
		}
	}
}

func TestReadyAloneIsWarnedOf(t *testing.T) {
	l := mustLoad(t, Sources{Flags: []Assignment{{"restart.ready", "notify", "--x"}}})
	if len(l.Warnings) != 1 || l.Warnings[0] != "restart.ready does nothing without restart.overlap" {
		t.Errorf("got %q, want one warning", l.Warnings)
	}
}

// The URL is asked by reaperd-net: one that is not there is a mistake at start, not when the next app is up.
func TestReadyNeedsWhoAsks(t *testing.T) {
	s := Sources{Flags: []Assignment{{"restart.overlap", "true", "--x"}, {"restart.on_limit", "restart", "--x"}, {"restart.ready", "http://localhost/up", "--x"}}}
	s.Find = func(name string) (string, error) { return "/bin/" + name, nil }
	if got, want := strings.Join(mustLoad(t, s).Config.AskReady, " "), "/bin/reaperd-net request --timeout 5s http://localhost/up"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Find = func(name string) (string, error) { return "", errors.New("no " + name) }
	if _, mistakes := Load(s); len(mistakes) != 1 || !strings.Contains(mistakes[0].Error(), "restart.ready: no reaperd-net") {
		t.Errorf("got %v, want one mistake", mistakes)
	}
}
