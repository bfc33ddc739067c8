package servers

import (
	"syscall"
	"testing"
)

// talker is a server that speaks sd_notify(3) by itself.
type talker struct {
	world   func(t *testing.T) *world
	config  string
	command func(w *world) []string
	feeds   bool // the watchdog, too
}

func talkers() map[string]talker {
	all := map[string]talker{}
	for _, s := range webServers() {
		switch s.name {
		case "puma single", "puma cluster", "gunicorn":
			all[s.name] = talker{s.world, s.config(""), s.command, s.name != "gunicorn"}
		}
	}
	for _, k := range workers() {
		if k.name == "sidekiq" {
			all[k.name] = talker{k.world, k.config(""), func(*world) []string { return k.command }, true}
		}
	}
	return all
}

// Servers say when they are ready, and those that feed a watchdog are drained and started again when they hang.
func TestServersThatSpeakSdNotify(t *testing.T) {
	for name, s := range talkers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := s.world(t)
			config := s.config + "\n[notify]\nsocket = true\n"
			if s.feeds {
				config += "watchdog = \"15s\"\n[drain]\nquiet_timeout = \"1s\"\n[limits]\nmin_uptime = \"0s\"\n[restart]\non_limit = \"restart\"\ndelay = \"100ms\"\n"
			}
			r := w.run(config, s.command(w)...)
			r.says("reaperd: ready: after=", 1)
			if s.feeds {
				hang(t, r)
				r.says("limit tripped: metric=watchdog silent=", 1)
				r.says("reaperd: ready: after=", 2)
				r.says("the app says that it is stopping", 1)
			}
			r.signal(sigTERM)
			r.wait(patience)
			if r.log.count("escalated")+r.log.count("did not come from the app")+r.log.count("heard=never") > 0 {
				t.Error("got an escalation, a stranger or silence, want none of it")
			}
		})
	}
}

// hang stops the main process.
func hang(t *testing.T, r *running) {
	t.Helper()
	for _, p := range descendants(r.cmd.Process.Pid) {
		if p.ppid == r.cmd.Process.Pid {
			if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no app")
}
