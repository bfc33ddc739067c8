package servers

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgres makes a cluster and gives the command that serves it on a Unix socket in the world's directory. PostgreSQL
// refuses to run as root, and its official image starts it as another user with a program that execs it, as setpriv does.
func postgres(t *testing.T) (*world, []string) {
	t.Helper()
	const bin = "/usr/lib/postgresql/15/bin" // Debian 12's
	need(t, bin+"/postgres", "psql", "setpriv")
	w := newWorld(t, "")
	as := []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}
	w.do(append(as, bin+"/initdb", "-D", w.dir+"/data", "-U", "postgres", "-A", "trust", "--no-sync")...)
	return w, append(as, bin+"/postgres", "-D", w.dir+"/data", "-c", "listen_addresses=", "-c", "unix_socket_directories="+w.dir)
}

// sql runs one statement in a session of its own.
func (w *world) sql(statement string) (string, error) {
	out, err := w.psql(statement).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *world) psql(statement string) *exec.Cmd {
	cmd := exec.Command("psql", "-h", w.dir, "-U", "postgres", "-AtX", "-c", statement)
	cmd.Env = w.env
	return cmd
}

func (w *world) answersSQL(r *running) {
	w.t.Helper()
	eventually(w.t, "PostgreSQL to answer", func() bool {
		if r.ended() {
			w.t.Fatal("ended before it answered")
		}
		out, err := w.sql("select 1")
		return err == nil && out == "1"
	})
}

// idleSession opens a session that sends nothing more until the test ends: every connection of an app's pool is one.
func (w *world) idleSession(application string) {
	w.t.Helper()
	cmd := w.psql("")
	cmd.Args = cmd.Args[:len(cmd.Args)-2] // without -c it reads statements from stdin
	cmd.Env = append(w.env, "PGAPPNAME="+application)
	input, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		input.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	eventually(w.t, "the idle session", func() bool {
		out, _ := w.sql("select count(*) from pg_stat_activity where application_name = '" + application + "'")
		return out == "1"
	})
}

// row commits a row. It is what PostgreSQL must not lose; a statement in flight ends with an error that its client sees.
func (w *world) row(id string) {
	w.t.Helper()
	if out, err := w.sql("create table if not exists work (id text); insert into work values ('" + id + "')"); err != nil {
		w.t.Fatalf("commit a row: %v: %s", err, out)
	}
}

func TestPostgresStopsFastAndCleanlyWithAClientThatStays(t *testing.T) {
	for _, sig := range []syscall.Signal{sigTERM, sigINT, sigQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			w, command := postgres(t)
			r := w.run(server{preset: "postgres"}.config(""), command...)
			w.answersSQL(r)
			w.row("before")
			w.idleSession("pool")
			slow := w.psql("begin; insert into work values ('in flight'); select pg_sleep(30); commit")
			var answer output
			slow.Stdout, slow.Stderr = &answer, &answer
			if err := slow.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the statement to run", func() bool {
				out, _ := w.sql("select count(*) from pg_stat_activity where query like '%in flight%' and wait_event = 'PgSleep'")
				return out == "1"
			})
			r.signal(sig)
			r.endsGracefully(0)
			slow.Wait()
			if answer.count("terminating connection due to administrator command") != 1 {
				t.Errorf("the client in flight was told %q, want that it was cut", answer.String())
			}

			next := w.run(server{preset: "postgres"}.config(""), command...)
			w.answersSQL(next)
			if rows, err := w.sql("select id from work"); rows != "before" {
				t.Errorf("rows after the stop: got %q (%v), want only the committed one", rows, err)
			}
			if next.log.count("was not properly shut down") > 0 {
				t.Error("the next start had to recover, want a clean shutdown before it")
			}
		})
	}
}

// Without a pool the smart shutdown loses nothing: the statement in flight ends, and PostgreSQL with it.
func TestPostgresFinishesTheStatementInFlight(t *testing.T) {
	t.Parallel()
	w, command := postgres(t)
	r := w.run(server{preset: "postgres"}.config("[drain]\nstop_timeout = \"60s\"\n"), command...)
	w.answersSQL(r)
	w.row("before")
	slow := w.psql("insert into work select 'in flight' from pg_sleep(4)")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the statement to run", func() bool {
		out, _ := w.sql("select count(*) from pg_stat_activity where query like '%in flight%' and wait_event = 'PgSleep'")
		return out == "1"
	})
	r.signal(sigTERM)
	if err := slow.Wait(); err != nil {
		t.Errorf("the statement in flight: %v, want it done", err)
	}
	r.endsGracefully(0)
	if n := r.log.count("received fast shutdown request"); n != 0 {
		t.Error("sessions were cut, want the smart shutdown alone")
	}
}

func TestPostgresAtALimitIsRestartedWithoutRecovery(t *testing.T) {
	t.Parallel()
	w, command := postgres(t)
	config := server{preset: "postgres"}.restarting()
	r := w.run(config, command...)
	w.answersSQL(r)
	w.row("before")
	for range 30 { // a process each
		cmd := w.psql("select pg_sleep(30)")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
	r.says("reaperd: started", 2)
	w.answersSQL(r)
	if rows, err := w.sql("select id from work"); rows != "before" {
		t.Errorf("rows after the restart: got %q (%v), want the committed one", rows, err)
	}
	r.signal(sigTERM)
	r.endsGracefully(0)
	if r.log.count("was not properly shut down") > 0 {
		t.Error("the restart had to recover, want a clean shutdown before it")
	}
}

// The trap: TERM is the smart shutdown, which waits for every client to go away by itself. A pool's never do.
func TestPostgresAloneWouldWaitForTheClientForEver(t *testing.T) {
	t.Parallel()
	w, command := postgres(t)
	r := w.run("[drain]\nstop_timeout = \"3s\"\n", command...)
	w.answersSQL(r)
	w.idleSession("pool")
	began := time.Now()
	r.signal(sigTERM)
	r.wait(patience)
	if took := time.Since(began); took < 2500*time.Millisecond {
		t.Errorf("ended after %v, want that it used up its time", took)
	}
}
