package servers

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// The traps of the field: what is lost or hangs when a server is stopped without its preset. They show that the tests
// of the presets can fail, and that each line of a preset is needed.
func TestWithoutThePresetRequestsInFlightAreLost(t *testing.T) {
	for _, row := range []struct {
		server string
		env    string
		sig    syscall.Signal
	}{
		{server: "unicorn", sig: sigTERM},
		{server: "unicorn", sig: sigINT},
		{server: "gunicorn", sig: sigINT},
		{server: "gunicorn", sig: sigQUIT},
		{server: "uwsgi", sig: sigINT},
		{server: "uwsgi", sig: sigQUIT},
		{server: "nginx", sig: sigTERM},
		{server: "nginx", sig: sigINT},
		{server: "php-fpm", sig: sigTERM},
		{server: "php-fpm", sig: sigQUIT, env: "CONTROL_TIMEOUT=0"},
		{server: "apache", sig: sigTERM},
		{server: "node", sig: sigTERM, env: "NAIVE=1"}, // no preset can mend this: the app needs a handler
		{server: "go", sig: sigTERM, env: "NAIVE=1"},
	} {
		t.Run(fmt.Sprintf("%s/%v/%s", row.server, row.sig, row.env), func(t *testing.T) {
			t.Parallel()
			s := serverNamed(t, row.server)
			w := s.world(t)
			w.env = append(w.env, row.env)
			r, c := w.run("", s.command(w)...), s.client(w)
			c.ready(r)
			finish := c.inFlight(r, 2, 10*time.Second)
			r.signal(row.sig)
			finish()
			if got := c.count(); got.lost == 0 {
				t.Errorf("requests in flight: got %+v, want the loss that the preset prevents", got)
			}
		})
	}
}

// TERM is a reload to uWSGI, after which it serves on: only KILL ends it.
func TestWithoutItsHookUWSGIIsOnlyEndedByKILL(t *testing.T) {
	t.Parallel()
	s := serverNamed(t, "uwsgi")
	w := s.world(t)
	w.up = "" // the line of the hook
	r, c := w.run("[drain]\nstop_timeout = \"3s\"\n",
		"uwsgi", "--plugin", "python3", "--http-socket", w.address, "--master", "--processes", "2", "--wsgi-file", "work.py"), s.client(w)
	c.ready(r)
	r.signal(sigTERM)
	r.says("escalated to SIGKILL", 1)
}

// TERM to the pool of celery kills the job in it. reaperd signals the main process only, unless told otherwise.
func TestWithGroupCelerysPoolLosesItsJobs(t *testing.T) {
	t.Parallel()
	k := workerNamed(t, "celery")
	w := k.world(t)
	k.enqueue(w, k.slots, 5*time.Second)
	r := w.run("group = true\n"+k.config(""), k.command...)
	w.begins(r, k.slots)
	r.signal(sigTERM)
	r.wait(patience)
	if ended := len(w.jobs().ended); ended == k.slots {
		t.Error("every job ended, want the loss that signalling the main process alone prevents")
	}
}

// An unhandled TSTP would freeze a server with its listener open. It is skipped, and the drain goes on.
func TestAQuietSignalWithoutAHandlerIsNotSent(t *testing.T) {
	for _, s := range webServers() {
		if !s.noTSTP {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := s.world(t)
			r, c := w.run(s.restarting()+"\n[drain]\nquiet_signal = \"TSTP\"\nquiet_timeout = \"20s\"\n", s.command(w)...), s.client(w)
			c.ready(r)
			finish := c.inFlight(r, 1, 1200*time.Millisecond)
			s.trip(w, r, c, 1)
			r.says("quiet skipped", 1)
			if frozen := r.stopped(); len(frozen) > 0 {
				t.Errorf("frozen: %v", frozen)
			}
			finish()
			r.says("reaperd: started", 2)
			c.ready(r)
			r.signal(sigTERM)
			r.endsGracefully(s.stops[sigTERM])
			if got := c.count(); got.lost > 0 || got.done == 0 {
				t.Errorf("requests: got %+v, want none lost", got)
			}
		})
	}
}

// Since Sidekiq 6 its quiet signal of old kills it. The line that the preset's comment gives makes it quiet again.
func TestSidekiqSurvivesTheQuietSignalOfOld(t *testing.T) {
	t.Parallel()
	k := workerNamed(t, "sidekiq")
	w := k.world(t)
	n := k.slots + 3
	k.enqueue(w, n, 3*time.Second)
	r := w.run("rewrite = [\"USR1:TSTP\"]\n"+k.config(""), k.command...)
	w.begins(r, k.slots)
	r.signal(syscall.SIGUSR1)
	r.says("Received TSTP, no longer accepting new work", 1)
	eventually(t, "the jobs in flight to end", func() bool { return len(w.jobs().ended) >= k.slots })
	r.signal(sigTERM)
	r.endsGracefully(0)
	w.exactlyOnce(len(w.jobs().begun))
	if begun := len(w.jobs().begun); begun == n {
		t.Errorf("jobs begun: got all %d, want none begun after quiet", begun)
	}
}

// QUIT asks a JVM for a thread dump: it must stay what it is, also with the preset.
func TestQUITGivesAThreadDumpAndLeavesTheJVMRunning(t *testing.T) {
	t.Parallel()
	s := serverNamed(t, "jvm")
	w := s.world(t)
	r, c := w.run(s.config(""), s.command(w)...), s.client(w)
	before := c.ready(r)
	r.signal(sigQUIT)
	r.says("Full thread dump", 1)
	if after := c.ready(r); after != before {
		t.Errorf("answers: got %q, want the same process %q", after, before)
	}
	r.signal(sigTERM)
	r.endsGracefully(143)
}

// A connection on which nothing was ever sent is not idle to nginx: it waits client_header_timeout (60 s) for it, unless
// worker_shutdown_timeout is shorter.
func TestSilentConnectionsHoldNginxNoLongerThanItsShutdownTimeout(t *testing.T) {
	t.Parallel()
	s := serverNamed(t, "nginx")
	w := s.world(t)
	r, c := w.run(s.config(""), "nginx", "-p", w.dir, "-c", "nginx.conf", "-g", "daemon off; worker_shutdown_timeout 3s;"), s.client(w)
	c.ready(r)
	conn, err := w.dial()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "nginx to accept the connection", func() bool { return accepted(t, conn) })
	began := time.Now()
	r.signal(sigTERM)
	r.endsGracefully(0)
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("ended after %v, want that the silent connection held it for its 3 s", took)
	}
}

// Work that takes longer than the drain may ends by KILL, on time, and the log says so.
func TestADrainEndsOnTimeWhateverTheServerDoes(t *testing.T) {
	t.Run("puma/a request without end", func(t *testing.T) {
		t.Parallel()
		s := serverNamed(t, "puma single")
		w := s.world(t)
		r, c := w.run(s.config("[drain]\nstop_timeout = \"2s\"\n"), s.command(w)...), s.client(w)
		c.ready(r)
		c.inFlight(r, 1, 60*time.Second)
		r.signal(sigTERM)
		isKilled(t, r, "stopping: signal=TERM")
	})
	t.Run("sidekiq/a job without end, quiet and then stopped", func(t *testing.T) {
		t.Parallel()
		k := workerNamed(t, "sidekiq")
		w := k.world(t)
		k.enqueue(w, 1, 60*time.Second)
		r := w.run(k.config(fmt.Sprintf(restarting, "processes", "30")+"\n[drain]\nquiet_timeout = \"1s\"\ntimeout = \"2s\"\n"), k.command...)
		w.begins(r, 1)
		w.do(append(k.push, "leak", "40")...)
		isKilled(t, r, "draining: stop")
	})
}

// isKilled wants a drain, which begins with a line, to end by KILL when its 2 s are over: not after the 28 s and more of
// the presets.
func isKilled(t *testing.T, r *running, begins string) {
	t.Helper()
	r.says(begins, 1)
	began := time.Now()
	r.says("escalated to SIGKILL", 1)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("escalated after %v, want 2s", took)
	}
}

func serverNamed(t *testing.T, name string) server {
	t.Helper()
	for _, s := range webServers() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no row for %s", name)
	return server{}
}

func workerNamed(t *testing.T, name string) worker {
	t.Helper()
	for _, k := range workers() {
		if k.name == name {
			return k
		}
	}
	t.Fatalf("no row for %s", name)
	return worker{}
}
