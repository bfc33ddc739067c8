package integration

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
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

// A hung app prints its backtraces and is started again; the environment told it how often to speak.
func TestAHungAppIsDumpedAndRestarted(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "READY=1,STATUS=serving", "ping", "USR1:hang", "TERM=0"), Config: quick +
		"[notify]\nwatchdog = \"4s\"\n[drain]\ndump_signal = \"QUIT\"\ndump_wait = \"100ms\"\n[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\n"})
	r.says("app ready")
	never(t, 6*time.Second, "a trip of an app that speaks", func() bool { return r.err.count("limit tripped") > 0 })
	r.signal(syscall.SIGUSR1)
	r.says("hangs")
	eventually(t, "a restart", func() bool { return r.out.count("app ready") == 2 && r.err.count("reaperd: ready: after=") == 2 })
	r.logs("limit tripped", "metric=watchdog", "silent=", "limit=4s", "status=serving")
	r.order(r.out, "app hangs", "signal 3", "signal 15", "app ready")
	r.order(r.err, "limit tripped", "draining: dump", "draining: stop", "restarting", "started", "ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

func TestAnAppThatAsksForTheWatchdogHasIt(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "WATCHDOG=trigger", "TERM=0"), Config: notifying})
	r.wants(75)
	r.logs("limit tripped", "metric=watchdog", "said=WATCHDOG=trigger")
}

// An app that says that it stops gets no signal to stop.
func TestAnAppThatStopsByItselfIsNotAskedTo(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "USR1:STOPPING=1", "USR1=3@1s", "TERM=0"), Config: notifying})
	r.says("app ready")
	r.signal(syscall.SIGUSR1)
	r.wants(3)
	r.order(r.err, "the app says that it is stopping: kill_in=28s", "the app ended: code=3")
	if line := r.out.line("signal 15"); line != "" {
		t.Errorf("got %q, want no TERM", line)
	}
}

// The app needs longer than the drain's timeout, and says so in time.
func TestAnAppThatAsksForMoreTimeHasIt(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "USR1:WATCHDOG=trigger", "TERM:EXTEND_TIMEOUT_USEC=20000000", "TERM=0@8s"),
		Config: notifying + "[drain]\ntimeout = \"6s\"\n"})
	r.says("app ready")
	r.signal(syscall.SIGUSR1)
	r.wants(75)
	r.logs("the app asks for more time and has it", "stage=stop")
	r.order(r.out, "signal 15", "bye")
	if line := r.err.line("escalated"); line != "" {
		t.Errorf("got %q, want no KILL", line)
	}
}

func TestAPlatformHasNoMoreTime(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("notify", "TERM:EXTEND_TIMEOUT_USEC=10000000", "TERM=0@1m"),
		Config: notifying + "[drain]\nstop_timeout = \"3s\"\n"})
	r.says("app ready")
	r.signal(syscall.SIGTERM)
	r.wants(137)
	r.logs("a stop from outside has no more")
}

// Below a systemd that waits for READY=1 itself, the app's word reaches it, in reaperd's name.
func TestTheSystemdAboveHearsTheApp(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "above") // not t.TempDir: a path of a Unix socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	above, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/notify", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer above.Close()
	r := start(t, spec{App: leaky("notify", "READY=1,STATUS=up", "ping", "STOPPING=1", "TERM=0"), Config: notifying,
		Env: []string{"NOTIFY_SOCKET=" + dir + "/notify", "WATCHDOG_USEC=60000000", "WATCHDOG_PID=1"}})
	above.SetReadDeadline(time.Now().Add(patience))
	for _, want := range []string{"READY=1\nSTATUS=up", "WATCHDOG=1"} {
		buffer := make([]byte, 100)
		n, err := above.Read(buffer)
		if got := string(buffer[:n]); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	r.says("app socket /")
	r.logs("the app says that it is stopping")
	r.says("app ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// An app that says that it is stopping may fail all the same: what it is restarted with is still there.
func TestAStoppingAppThatFailsIsRestartedWithItsSockets(t *testing.T) {
	t.Parallel()
	address := freeAddress()
	r := start(t, spec{App: leaky("notify", "USR1:STOPPING=1", "USR1=3@1s", "TERM=0"),
		Config: notifying + strings.Replace(holding("tcp://"+address), "always", "on-failure", 1)})
	r.says("app ready")
	r.signal(syscall.SIGUSR1)
	r.logs("the app says that it is stopping")
	eventually(t, "the second life", func() bool { return r.out.count("app ready") == 2 })
	call(t, "tcp", address, "hello") // waits in the backlog
	r.signal(syscall.SIGTERM)
	r.wants(0)
}
