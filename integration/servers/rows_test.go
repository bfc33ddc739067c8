package servers

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is one row: a real server, how it is started with its fixture, and how it ends.
type server struct {
	name    string
	preset  string
	fixture string // folder of ../apps
	needs   string // program
	command func(w *world) []string
	env     []string
	get     get                                 // httpGet if nil
	up      string                              // see world
	prepare func(w *world)                      // what the fixture needs beside its files
	stops   map[syscall.Signal]int              // signals from outside that ask for a graceful stop, and the exit code then
	limit   string                              // what the leak trips; processes=30 if ""
	leak    func(w *world, c *client, trip int) // a request for /leak per process if nil

	// noTSTP: it has no handler for TSTP, so it must not get one.
	noTSTP bool
}

const (
	sigTERM  = syscall.SIGTERM
	sigINT   = syscall.SIGINT
	sigQUIT  = syscall.SIGQUIT
	sigWINCH = syscall.SIGWINCH
)

// fixed is a command line that depends only on the address.
func fixed(argv ...string) func(*world) []string {
	return func(w *world) []string {
		var expanded []string
		for _, arg := range argv {
			expanded = append(expanded, os.Expand(arg, func(name string) string {
				return map[string]string{"ADDRESS": w.address, "DIRECTORY": w.dir, "GOWORK": binaries.gowork, "JVMWORK": binaries.jvmwork}[name]
			}))
		}
		return expanded
	}
}

// webServers are the servers whose work in flight is a request.
func webServers() []server {
	return []server{
		{
			name: "puma single", preset: "puma", fixture: "rack-work", needs: "puma", noTSTP: true,
			command: fixed("puma", "-b", "tcp://$ADDRESS", "-t", "5:5", "-e", "production", "config.ru"),
			stops:   map[syscall.Signal]int{sigTERM: 143, sigINT: 0},
		},
		{
			name: "puma cluster", preset: "puma", fixture: "rack-work", needs: "puma", noTSTP: true,
			command: fixed("puma", "-b", "tcp://$ADDRESS", "-w", "2", "-t", "3:3", "-e", "production", "config.ru"),
			stops:   map[syscall.Signal]int{sigTERM: 143, sigINT: 0},
		},
		{
			name: "unicorn", preset: "unicorn", fixture: "rack-work", needs: "unicorn", noTSTP: true,
			command: fixed("unicorn", "-E", "production", "-c", "unicorn.rb", "config.ru"),
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
		},
		{
			name: "gunicorn", preset: "gunicorn", fixture: "wsgi-work", needs: "gunicorn", noTSTP: true,
			command: fixed("gunicorn", "-b", "$ADDRESS", "-w", "4", "work"),
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
		},
		{
			name: "uwsgi", preset: "uwsgi", fixture: "wsgi-work", needs: "uwsgi",
			command: fixed("uwsgi", "--ini", "uwsgi.ini"), up: "gracefully_kill_them_all",
			stops: map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
		},
		{
			name: "nginx", preset: "nginx", fixture: "nginx-work", needs: "nginx", noTSTP: true,
			command: fixed("nginx", "-p", "$DIRECTORY", "-c", "nginx.conf", "-g", "daemon off; worker_shutdown_timeout 20s;"),
			prepare: nginxFiles, get: nginxGet,
			stops: map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
			limit: "fds=80", leak: idleConnections,
		},
		{
			name: "php-fpm", preset: "php-fpm", fixture: "php-fpm-work", needs: "php-fpm8.2", noTSTP: true,
			command: fixed("php-fpm8.2", "-p", "$DIRECTORY", "-y", "php-fpm.conf", "-c", "$DIRECTORY"),
			env:     []string{"CONTROL_TIMEOUT=25s"}, get: fastcgiGet,
			stops: map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigQUIT: 0},
		},
		{
			name: "apache", preset: "apache", fixture: "apache-work", needs: "apache2", noTSTP: true,
			command: fixed("apache2", "-f", "$DIRECTORY/apache.conf", "-DFOREGROUND"),
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0, sigWINCH: 0},
		},
		{
			name: "node", preset: "node", fixture: "node-work", needs: "node", noTSTP: true,
			command: fixed("node", "server.js"),
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0},
		},
		{
			name: "jvm", preset: "jvm", needs: "javac", noTSTP: true,
			command: fixed("java", "-cp", "$JVMWORK", "Work"),
			stops:   map[syscall.Signal]int{sigTERM: 143, sigINT: 130},
		},
		{
			name: "go", preset: "go", needs: "go", noTSTP: true,
			command: fixed("$GOWORK"),
			stops:   map[syscall.Signal]int{sigTERM: 0, sigINT: 0},
		},
	}
}

// world makes the world of one test of this server.
func (s server) world(t *testing.T) *world {
	t.Helper()
	need(t, s.needs)
	w := newWorld(t, s.fixture)
	w.env, w.up = append(w.env, s.env...), s.up
	if s.prepare != nil {
		s.prepare(w)
	}
	return w
}

// config is a configuration with the server's preset and more.
func (s server) config(more string) string { return fmt.Sprintf("preset = %q\n%s", s.preset, more) }

// restarting is a configuration under which a leak trips soon and the app is restarted in place.
func (s server) restarting() string {
	metric, level, _ := strings.Cut(cmp.Or(s.limit, "processes=30"), "=")
	return s.config(fmt.Sprintf(restarting, metric, level))
}

// restarting has the short times of a test; the drain itself is the preset's.
const restarting = `
[limits]
interval   = "50ms"
min_uptime = "0s"

[limits.%s]
drain = %s
for   = "100ms"

[restart]
on_limit  = "restart"
delay     = "100ms"
max_delay = "100ms"
burst     = 1000
`

// trip makes the server leak until its limit trips for the nth time.
func (s server) trip(w *world, r *running, c *client, n int) {
	w.t.Helper()
	if s.leak != nil {
		s.leak(w, c, n)
		r.says("limit tripped", n)
		return
	}
	eventually(w.t, "the leak to trip the limit", func() bool {
		if r.log.count("limit tripped") >= n {
			return true
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		c.get(ctx, w, "/leak")
		return false
	})
}

func nginxFiles(w *world) {
	w.write("listen.conf", "listen "+w.address+";\n")
	w.write("work.bin", string(make([]byte, 80<<10)))
}

// nginxGet keeps the journal itself: nginx has begun a request when its header is there.
func nginxGet(ctx context.Context, w *world, path string) (string, error) {
	return httpGetHeader(ctx, w, path, func(id string) error {
		file, err := os.OpenFile(w.journal, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = fmt.Fprintf(file, "begin %s\n", id)
		return err
	})
}

// idleConnections opens keep-alive connections with an answered request each: a descriptor each. It serves a while
// before that, or a limit tripped right after every start would look like the app's baseline.
func idleConnections(w *world, c *client, _ int) {
	c.work(c.id(), 0)
	for range 200 {
		conn, err := w.dial()
		if err != nil {
			return // the drain has begun
		}
		fmt.Fprint(conn, "GET /pid HTTP/1.1\r\nHost: app\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return
		}
	}
}

// dial opens a connection that stays open until the test ends.
func (w *world) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn, conn.SetDeadline(time.Now().Add(patience))
}
