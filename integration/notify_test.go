package integration

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

const notifying = "[notify]\nsocket = true\n"

// The app says READY=1 wherever it runs, whoever it has become, and from below its main process.
func TestReadyIsHeard(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]spec{
		"plainly":                       {App: leaky("notify", "READY=1,STATUS=up\n", "TERM=0")},
		"from below a shell":            {App: sh(`trap 'kill $!; wait; exit 0' TERM; "$LEAKY" notify READY=1 TERM=0 & wait`)},
		"by an app that drops root":     {App: sh(`exec setpriv --reuid 47051 --regid 47051 --clear-groups "$LEAKY" notify READY=1 TERM=0`)},
		"as another user":               {App: leaky("notify", "READY=1", "TERM=0"), Stage: stage{UID: 47052, HidePID: true}},
		"with a read-only root":         {App: leaky("notify", "READY=1", "TERM=0"), Stage: stage{ReadOnly: true, UID: 47053}},
		"not as PID 1":                  {App: leaky("notify", "READY=1", "TERM=0"), NotPID1: true},
		"of one that speaks libsystemd": {App: sh(`systemd-notify --ready; exec "$LEAKY" signals TERM=0`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Config = notifying
			r := start(t, s)
			r.logs("ready: after=")
			r.says("app ready")
			r.signal(syscall.SIGTERM)
			r.wants(0)
			if n := r.err.count("[WARN]"); n != 1 { // stopped
				t.Errorf("got %d warnings, want none but of the stop:\n%s", n, r.err)
			}
		})
	}
}

// Who is not the app can write to the socket, but says nothing about it.
func TestOthersSayNothingAboutTheApp(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "USR1:READY=1", "TERM=0"), Config: notifying})
	_, path, _ := strings.Cut(r.says("app socket /"), "socket ")
	r.says("app ready")
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if _, err := conn.Write([]byte("READY=1")); err != nil {
			t.Fatal(err)
		}
	}
	r.logs("did not come from the app: ignored", "pid=0")
	if line := r.err.line("ready: after="); line != "" {
		t.Errorf("got %q from somebody else", line)
	}
	r.signal(syscall.SIGUSR1)
	r.logs("ready: after=")
	r.signal(syscall.SIGTERM)
	r.wants(0)
	if n := r.err.count("did not come from the app"); n != 1 {
		t.Errorf("got %d lines about others, want one", n)
	}
}

// An app that ends leaves no file behind, and one that reloads says so.
func TestReloadIsSaidAndTheSocketGoes(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "READY=1", "HUP:RELOADING=1,MONOTONIC_USEC=1", "USR1:READY=1", "TERM=0"), Config: notifying})
	_, path, _ := strings.Cut(r.says("app socket /"), "socket ")
	r.says("app ready")
	r.signal(syscall.SIGHUP)
	r.logs("the app is reloading")
	r.signal(syscall.SIGUSR1)
	r.logs("reloaded: took=")
	r.signal(syscall.SIGTERM)
	r.wants(0)
	if _, err := net.Dial("unixgram", path); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("dial %s: got %v, want no file", path, err)
	}
}

func TestWithoutNotifyTheEnvironmentIsTheAppsOwn(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "TERM=0"), Env: []string{"NOTIFY_SOCKET=/of/somebody", "WATCHDOG_USEC=5"}})
	r.says("app socket /of/somebody")
	r.says("app ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}
