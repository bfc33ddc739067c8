package integration

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// zombieLimit trips for `leaky zombies 20` as soon as all of them are there.
const zombieLimit = quick + "[limits.zombies]\nfor = \"0s\"\ndrain = 20\n"

// onceLeaky leaks 20 zombies in its first life only.
func onceLeaky(t *testing.T) []string {
	t.Helper()
	return sh(fmt.Sprintf(`[ -e %[1]s ] && exec "$LEAKY" signals TERM=0; : > %[1]s; exec "$LEAKY" zombies 20`, filepath.Join(t.TempDir(), "once")))
}

// The quiet stage: its signal first, the stop signal when it is over.
func TestQuietComesBeforeStop(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit + "[drain]\nquiet_signal = \"TSTP\"\nquiet_timeout = \"700ms\"\n"})
	r.wants(75)
	r.lasted(700 * time.Millisecond)
	r.order(r.out, "app signal 20", "app signal 15", "app bye")
}

// An app that does not handle the quiet signal would be stopped or killed by it.
func TestQuietIsSkippedForAnAppThatDoesNotHandleIt(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`"$LEAKY" -name child zombies 20 & exec sleep 1000`),
		Config: zombieLimit + "[drain]\nquiet_signal = \"TSTP\"\nquiet_timeout = \"60s\"\n"})
	r.wants(75) // and not after 60s
	r.logs("quiet", "TSTP", "skipped")
}

// A stop from outside goes quiet first where its budget has the time, and only until the app is idle.
func TestStopGoesQuietWithinItsBudget(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=0"), Config: "[drain]\nquiet_signal = \"TSTP\"\ntimeout = \"5s\"\nstop_timeout = \"60s\"\n" +
		"[log]\nlevel = \"info\"\n[drain.idle]\nno_children = true\nhold = \"0s\"\n"})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.wants(0)
	r.order(r.out, "signal 20", "signal 15")
	r.order(r.err, "stopping: quiet: signal=TSTP for=55s shortened_from=1m0s", "idle: after=", "stopping: signal=TERM")
}

// Where the stop signal needs all of the budget a stop from outside has no quiet stage; and it cuts one short.
func TestStopCutsQuietShort(t *testing.T) {
	t.Parallel()
	config := zombieLimit + "[drain]\nquiet_signal = \"TSTP\"\nquiet_timeout = \"60s\"\n[restart]\non_limit = \"restart\"\n"
	r := start(t, spec{App: leaky("zombies", "20"), Config: config})
	r.says("signal 20")
	r.signal(syscall.SIGTERM)
	if code := r.wait(patience); code != 75 && code != 0 {
		t.Errorf("got exit code %d, want the app's 0 or 75", code)
	}
	r.order(r.out, "app signal 20", "app signal 15", "app bye")
	if n := r.out.count("ready"); n != 1 {
		t.Errorf("got %d starts, want one: it was stopped", n)
	}
}

// The nearer deadline holds: 60 s of the limit's drain, 1 s of the stop.
func TestStopDuringADrainHasTheNearerDeadline(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ timeout, stopTimeout string }{{"60s", "1s"}, {"1s", "60s"}} {
		config := zombieLimit + fmt.Sprintf("[drain]\ntimeout = %q\nstop_timeout = %q\n", tt.timeout, tt.stopTimeout)
		r := start(t, spec{App: leaky("-deaf", "zombies", "20"), Config: config})
		r.says("app signal 15")
		tell(t, r.pid, syscall.SIGTERM) // it may be over
		code := r.wait(patience)
		if code != 75 && code != 137 {
			t.Errorf("got exit code %d, want 75 or 137", code)
		}
	}
}

// timeout is for our drains, stop_timeout for stops from outside.
func TestEachDrainHasItsOwnTimeout(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config string
		stop         bool
		code         int
	}{
		{"a limit", zombieLimit + "[drain]\ntimeout = \"1s\"\nstop_timeout = \"60s\"\n", false, 75},
		{"a stop", "[drain]\ntimeout = \"60s\"\nstop_timeout = \"1s\"\n", true, 137},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, spec{App: leaky("-deaf", "zombies", "20"), Config: tt.config})
			r.says("app ready")
			if tt.stop {
				r.signal(syscall.SIGTERM)
			}
			r.wants(tt.code)
			r.lasted(time.Second)
			r.order(r.out, "app signal 15")
		})
	}
}

// A signal that is not in stop_on is forwarded and starts no clock: QUIT is a thread dump to a JVM.
func TestForwardedSignalStartsNoClock(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "TERM=0"), Flags: []string{"--grace", "500ms"}})
	r.says("ready")
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGWINCH} {
		r.signal(sig)
		r.says(fmt.Sprintf("signal %d", int(sig)))
	}
	never(t, 1500*time.Millisecond, "QUIT is taken for a stop", r.ended)
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

func TestStopOnIsConfigurable(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals"), Config: "[drain]\nstop_on = [\"QUIT\"]\nstop_timeout = \"600ms\"\n"})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.says("signal 15")
	never(t, 1200*time.Millisecond, "TERM is taken for a stop", r.ended)
	r.signal(syscall.SIGQUIT)
	r.wants(137)
}

// An explicit stop_signal wins over what came and over rewrite; stop_on looks at the signal as it came.
func TestExplicitStopSignalWins(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("signals", "QUIT=6"), Config: "rewrite = [\"TERM:HUP\"]\n[drain]\nstop_signal = \"QUIT\"\n"})
	r.says("ready")
	r.signal(syscall.SIGTERM)
	r.says("signal 3")
	r.wants(6)
	if strings.Contains(r.out.String(), "signal 15\n") || strings.Contains(r.out.String(), "signal 1\n") {
		t.Errorf("got %q, want QUIT only", r.out)
	}

	r = start(t, spec{App: leaky("signals"), Flags: []string{"--rewrite", "TERM:HUP", "--grace", "700ms"}})
	r.says("ready")
	r.signal(syscall.SIGTERM) // still a stop, though the app sees HUP
	r.says("signal 1")
	r.wants(137)
}

// A request in flight gets its answer, and the app is started again in place.
func TestRequestInFlightSurvivesALimit(t *testing.T) {
	t.Parallel()
	socket := t.TempDir() + "/web"
	config := zombieLimit + "[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\n"
	app := sh(`rm -f "` + socket + `"; exec "$LEAKY" web unix "` + socket + `" 1s`)
	r := start(t, spec{App: app, Config: config})
	r.says("ready")
	slow := request(t, socket, "/slow")
	r.says("slow request")
	for range 19 { // with the slow one, 20 zombies
		if got := <-request(t, socket, "/"); got != "HTTP/1.0 200 OK" {
			t.Fatalf("got %q, want 200", got)
		}
	}
	r.says("draining")
	if got := <-slow; got != "HTTP/1.0 200 OK" {
		t.Errorf("the request in flight got %q, want 200", got)
	}
	eventually(t, "a second start", func() bool { return r.out.count("app ready") == 2 })
	if got := <-request(t, socket, "/"); got != "HTTP/1.0 200 OK" {
		t.Errorf("after the restart got %q, want 200", got)
	}
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// request sends one and gives the first line of the answer.
func request(t *testing.T, socket, path string) <-chan string {
	t.Helper()
	answer := make(chan string, 1)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	return answer
}

// Shells of `docker exec` are left alone by a drain that ends in a restart, even one that has to kill.
func TestExecShellsSurviveARestart(t *testing.T) {
	t.Parallel()
	config := zombieLimit + "[drain]\ntimeout = \"500ms\"\n[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\nburst = 50\n"
	r := start(t, spec{App: leaky("-deaf", "zombies", "20"), Config: config})
	r.says("app ready")
	shell := r.exec(t, "sleep", "1000")
	eventually(t, "a restart", func() bool { return r.out.count("app ready") >= 2 })
	r.logs("escalated")
	if shell.gone() {
		t.Error("the shell has ended")
	}
}

// Heroku, foreman and honcho signal everyone at once: an end by TERM is held for 100 ms before it is judged.
func TestTermToEveryoneIsAStopAndNoCrash(t *testing.T) {
	t.Parallel()
	config := "[restart]\non_exit = \"always\"\ndelay = \"10ms\"\n"
	for _, gap := range []time.Duration{0, 30 * time.Millisecond} {
		for took := time.Hour; took > 60*time.Millisecond; { // later it need not count: once more, on a busy machine
			r := start(t, spec{App: sh(`echo "re""ady"; exec sleep 1000`), Config: config})
			r.says("ready")
			app, began := r.app().PID, time.Now()
			tell(t, app, syscall.SIGTERM)
			<-time.After(gap) // the order and distance of the two signals is the point
			r.signal(syscall.SIGTERM)
			took = time.Since(began)
			code := r.wait(patience)
			if n := r.out.count("ready"); took <= 60*time.Millisecond && (code != 143 || n != 1) {
				t.Errorf("after %v: got %d starts and exit code %d, want one and 143", took, n, code)
			}
		}
	}
	r := start(t, spec{App: sh(`echo "re""ady"; exec sleep 1000`), Config: config})
	r.says("ready")
	tell(t, r.app().PID, syscall.SIGTERM) // and without a stop it was a crash
	eventually(t, "a restart", func() bool { return r.out.count("ready") == 2 })
}

// QUIT, WINCH and HUP are how some servers are stopped: not in stop_on, and yet no crash.
func TestEndAfterAForwardedSignalIsAStop(t *testing.T) {
	t.Parallel()
	for _, sig := range []string{"QUIT", "WINCH", "HUP"} {
		r := start(t, spec{App: leaky("signals", sig+"=0@200ms"), Config: "[restart]\non_exit = \"always\"\ndelay = \"10ms\"\n"})
		r.says("ready")
		r.signal(map[string]syscall.Signal{"QUIT": 3, "WINCH": 28, "HUP": 1}[sig])
		r.wants(0)
		if n := r.out.count("ready"); n != 1 {
			t.Errorf("%s: got %d starts, want one", sig, n)
		}
	}
}
