package servers

import (
	"strings"
	"testing"
	"time"
)

// wrapped is a server behind a wrapper that stays and passes no signal on.
type wrapped struct {
	server string
	match  string
	npm    bool // else behind a shell
	leaves int  // what the wrapper ends with when the server has stopped on TERM
}

func wrappedServers() []wrapped {
	return []wrapped{
		{server: "puma single", match: `^puma \d`, leaves: 143},
		{server: "puma cluster", match: `^puma \d`, leaves: 143},
		{server: "unicorn", match: `^unicorn master`},
		{server: "gunicorn", match: `\bgunicorn\b`},
		{server: "nginx", match: `^nginx: master`},
		{server: "node", match: `^node server\.js$`, npm: true},
	}
}

// command is that of the server behind its wrapper.
func (b wrapped) command(w *world, s server) []string {
	if b.npm {
		w.write("package.json", `{"name": "work", "version": "1.0.0", "scripts": {"start": "node server.js"}}`)
		w.env = append(w.env, "npm_config_update_notifier=false", "npm_config_offline=true")
		return []string{"npm", "start"}
	}
	w.write("serve", "'"+strings.Join(s.command(w), "' '")+"'\nexit $?\n")
	return []string{"sh", "./serve"}
}

// Behind sh -c or npm start the signals of a drain go to the server, as if the wrapper were not there.
func TestBehindAWrapperTheServerIsDrained(t *testing.T) {
	for _, b := range wrappedServers() {
		s := serverNamed(t, b.server)
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if b.npm {
				need(t, "npm")
			}
			w := s.world(t)
			config := s.restarting() + "\n[drain]\nmatch = '" + b.match + "'\n"
			r, c := w.run(config, b.command(w, s)...), s.client(w)
			before := c.ready(r)
			finish := c.inFlight(r, 1, 1200*time.Millisecond)
			s.trip(w, r, c, 1)
			finish()
			r.says("reaperd: started", 2)
			eventually(t, "another process to answer", func() bool { return c.ready(r) != before })
			finish = c.inFlight(r, 2, 1200*time.Millisecond)
			r.signal(sigTERM)
			finish()
			r.endsGracefully(b.leaves)
			if got := c.count(); got.lost > 0 || got.done == 0 {
				t.Errorf("requests: got %+v, want none lost", got)
			}
			if got := r.log.count("reaperd: drain.match: signal="); got != 2 || r.log.count("no process matches") > 0 {
				t.Errorf("got %d signals to whom drain.match found, want 2", got)
			}
		})
	}
}

// A job runner too, quiet and all.
func TestBehindAWrapperSidekiqIsDrained(t *testing.T) {
	t.Parallel()
	k := workerNamed(t, "sidekiq")
	k.command = []string{"sh", "-c", strings.Join(k.command, " ") + "; exit $?"}
	const jobs = 20
	w := k.world(t)
	k.enqueue(w, jobs, time.Second)
	r := w.run(k.restarting()+"\nmatch = '^sidekiq \\d'\n", k.command...)
	w.begins(r, jobs/2)
	w.do(append(k.push, "leak", "40")...)
	r.says("drain.match: signal=TSTP", 1)
	r.says("drain.match: signal=TERM", 1)
	r.says("reaperd: started", 2)
	w.do(append(k.push, "last")...) // so that the new worker is up when all is done
	eventuallyWithin(t, 2*patience, "every job to end", func() bool { return len(w.jobs().ended) == jobs+1 || r.ended() })
	r.signal(sigTERM)
	r.endsGracefully(0)
	w.exactlyOnce(jobs + 1)
}

// Why: the shell dies of its QUIT, and what it leaves behind gets TERM, on which Unicorn drops its requests.
func TestBehindAWrapperWithoutMatchUnicornLosesItsRequest(t *testing.T) {
	t.Parallel()
	b, s := wrapped{}, serverNamed(t, "unicorn")
	w := s.world(t)
	r, c := w.run(s.config(""), b.command(w, s)...), s.client(w)
	c.ready(r)
	finish := c.inFlight(r, 2, 3*time.Second)
	r.signal(sigTERM)
	finish()
	r.wait(patience)
	if got := c.count(); got.lost == 0 {
		t.Errorf("requests: got %+v, want the loss that drain.match prevents", got)
	}
}
