package configs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

func TestHooks(t *testing.T) {
	file := "[hooks]\ntimeout = \"5s\"\npre_stop = \"curl -f $URL | cat\"\npre_stop_timeout = \"1m\"\n" +
		"on_trip = [\"dump\", \"a b\"]\non_warn = \"none\"\npost_stop = []\n"
	l := mustLoad(t, inFile(t, file))
	want := Hooks{Timeout: 5 * time.Second}
	for h := range want.Of {
		want.Of[h].Timeout = want.Timeout
	}
	want.Of[policy.PreStop] = policy.HookCommand{Command: []string{"/bin/sh", "-c", "curl -f $URL | cat"}, Timeout: time.Minute}
	want.Of[policy.OnTrip].Command = []string{"dump", "a b"}
	got := l.Config.Hooks
	if got.Timeout != want.Timeout {
		t.Errorf("got timeout %v, want %v", got.Timeout, want.Timeout)
	}
	for h := range policy.NumHooks {
		if !slices.Equal(got.Of[h].Command, want.Of[h].Command) || got.Of[h].Timeout != want.Of[h].Timeout {
			t.Errorf("%v: got %+v, want %+v", h, got.Of[h], want.Of[h])
		}
	}
	if text := printed(t, l); !strings.Contains(text, "pre_stop         = 'curl -f $URL | cat'") || !strings.Contains(text, "on_trip          = ['dump', 'a b']") {
		t.Errorf("got %s, want both commands as they were written", text)
	}
}

func TestAHookNeedsNoMoreThanTheEnvironment(t *testing.T) {
	l := mustLoad(t, Sources{Environ: []string{"REAPERD_HOOKS_POST_STOP=echo a, b", "REAPERD_EVENT_METRIC=threads"}})
	if got := l.Config.Hooks.Of[policy.PostStop].Command; !slices.Equal(got, []string{"/bin/sh", "-c", "echo a, b"}) {
		t.Errorf("got %q, want one command for the shell", got)
	}
	if l.Config.Log.Level != "info" {
		t.Errorf("got log level %q, want the hook's output to be seen", l.Config.Log.Level)
	}
	if l.Warnings != nil {
		t.Errorf("got %q, want no word of what another reaperd tells its hooks", l.Warnings)
	}
}

func TestATimeoutWithoutItsHookIsSaid(t *testing.T) {
	l := mustLoad(t, Sources{Flags: []Assignment{{"hooks.on_warn_timeout", "5s", "--x"}}})
	if len(l.Warnings) != 1 || l.Warnings[0] != "hooks.on_warn_timeout does nothing without hooks.on_warn" {
		t.Errorf("got %q, want one warning", l.Warnings)
	}
}

func TestCommandsThatAreNotThereAreMistakesWithAllOthers(t *testing.T) {
	s := inFile(t, "drain.timeout = \"0s\"\ndrain.idle.command = [\"ask\"]\n[hooks]\npre_stop = [\"/no/such\"]\npost_stop = \"echo\"\n")
	s.Find = func(name string) (string, error) {
		if name == "/bin/sh" {
			return "/usr/bin/sh", nil
		}
		return "", errors.New(name + " is not there")
	}
	_, mistakes := Load(s)
	want := "reaperd.toml:1: drain.timeout: \"0s\" is too short (want at least 10ms)\n" +
		"reaperd.toml:2: drain.idle.command: ask is not there\n" +
		"reaperd.toml:4: hooks.pre_stop: /no/such is not there"
	if got := mistakes.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s = inFile(t, "[hooks]\npost_stop = \"echo\"\n")
	s.Find = func(string) (string, error) { return "/usr/bin/sh", nil }
	l := mustLoad(t, s)
	if got := l.Config.Hooks.Of[policy.PostStop].Command[0]; got != "/usr/bin/sh" {
		t.Errorf("got %q, want the file that was found", got)
	}
	if text := printed(t, l); !strings.Contains(text, "post_stop = 'echo'") {
		t.Errorf("got %s, want the command as it was written", text)
	}
}
