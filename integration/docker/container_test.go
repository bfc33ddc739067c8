package docker

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for something that a healthy run does within a second or two.
const patience = 90 * time.Second

// container is a started container. Its directory shared is mounted at /shared: configuration goes in that way, and
// the app's socket comes out, so no container needs a network.
type container struct {
	name   string
	shared string
	log    *output
}

// spec says what to run.
type spec struct {
	image  string   // rubyImage if empty
	config string   // TOML, at /shared/reaperd.toml
	flags  []string // of docker run
	cmd    []string
}

// start runs a container and removes it when the test is over; what it said is printed if the test failed.
func start(t *testing.T, s spec) *container {
	t.Helper()
	shared, err := os.MkdirTemp("", "reaperd") // not t.TempDir: a unix socket's path holds 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shared) })
	c := &container{name: "reaperd-test-" + rand.Text(), shared: shared}
	if err := os.Chmod(shared, 0o777); err != nil { // apps run as other users, too
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shared, "reaperd.toml"), []byte(s.config), 0o644); err != nil {
		t.Fatal(err)
	}
	if s.image == "" {
		s.image = rubyImage
	}
	args := []string{"docker", "run", "-d", "--name", c.name, "--network", "none", "-v", shared + ":/shared"}
	args = append(append(args, s.flags...), s.image)
	t.Cleanup(func() { try(patience, "docker", "rm", "-f", c.name) })
	if out, err := try(patience, append(args, s.cmd...)...); err != nil {
		t.Fatalf("docker run: %v\n%s", err, out)
	}
	c.log = follow(t, "docker", "logs", "-f", c.name)
	return c
}

// puma starts the leaky Rack app and waits until it answers.
func puma(t *testing.T, s spec) *container {
	t.Helper()
	c := start(t, s)
	c.answers(t)
	return c
}

// answers waits until the app answers and gives the pid that does.
func (c *container) answers(t *testing.T) (pid string) {
	t.Helper()
	eventually(t, "an answer of the app", func() bool {
		r := c.get("/pid")
		pid = strings.TrimSpace(r.body)
		return r.status == http.StatusOK
	})
	return pid
}

type response struct {
	status int
	body   string
	err    error
}

// get asks the app through its unix socket.
func (c *container) get(path string) response {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.shared, "app.sock"))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get("http://app" + path)
	if err != nil {
		return response{err: err}
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return response{r.StatusCode, string(body), err}
}

// leak asks n times for a path that leaks.
func (c *container) leak(t *testing.T, path string, n int) {
	t.Helper()
	for range n {
		if r := c.get(path); r.status != http.StatusOK {
			t.Fatalf("GET %s: got %+v, want 200", path, r)
		}
	}
}

const slowBegan = "slow request began"

// slow is a request that stays in flight until it is let go.
type slow struct {
	c    *container
	done chan response
}

// slowRequest begins one and returns when the app is at it.
func (c *container) slowRequest(t *testing.T) *slow {
	t.Helper()
	seen := c.log.count(slowBegan)
	s := &slow{c, make(chan response, 1)}
	go func() { s.done <- c.get("/slow?seconds=60&until=/shared/go") }()
	c.log.wait(t, slowBegan, seen+1)
	return s
}

// finishes lets the request go and wants its 200.
func (s *slow) finishes(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.c.shared, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-s.done:
		if r.status != http.StatusOK || r.body != "slow request done\n" {
			t.Errorf("request in flight: got %+v, want its 200", r)
		}
	case <-time.After(patience):
		t.Errorf("request in flight: no answer after %v", patience)
	}
	if err := os.Remove(filepath.Join(s.c.shared, "go")); err != nil {
		t.Fatal(err)
	}
}

// cut waits for the end of a request that is not let go.
func (s *slow) cut(t *testing.T) {
	t.Helper()
	select {
	case r := <-s.done:
		if r.err == nil {
			t.Errorf("request in flight: got %+v, want it cut", r)
		}
	case <-time.After(patience):
		t.Errorf("request in flight: still there after %v", patience)
	}
}

// stopping is a docker stop under way.
type stopping chan error

// beginStop starts docker stop.
func (c *container) beginStop(flags ...string) stopping {
	s := make(stopping, 1)
	go func() {
		out, err := try(patience, append(append([]string{"docker", "stop"}, flags...), c.name)...)
		if err != nil {
			err = fmt.Errorf("docker stop: %w\n%s", err, out)
		}
		s <- err
	}()
	return s
}

// wait waits until docker stop has returned.
func (s stopping) wait(t *testing.T) {
	t.Helper()
	if err := <-s; err != nil {
		t.Fatal(err)
	}
}

// stopsWith wants docker stop to be answered with a code. That of an app that had to be killed is another.
func (c *container) stopsWith(t *testing.T, code int) {
	t.Helper()
	c.beginStop("-t", "40").wait(t)
	if got := c.exitCode(t); got != code {
		t.Errorf("exit code: got %d, want %d", got, code)
	}
}

// exitCode waits until the container has ended by itself.
func (c *container) exitCode(t *testing.T) int {
	t.Helper()
	out, err := try(patience, "docker", "wait", c.name)
	if err != nil {
		t.Fatalf("docker wait: %v\n%s", err, out)
	}
	code, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		t.Fatalf("docker wait: %v", err)
	}
	c.log.wholly(t)
	return code
}

// inspect reads one field of docker inspect.
func (c *container) inspect(t *testing.T, format string) string {
	t.Helper()
	out, err := try(patience, "docker", "inspect", "-f", format, c.name)
	if err != nil {
		t.Fatalf("docker inspect: %v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// exec runs a command in the container and returns its output.
func (c *container) exec(t *testing.T, command ...string) string {
	t.Helper()
	out, err := try(patience, append([]string{"docker", "exec", c.name}, command...)...)
	if err != nil {
		t.Fatalf("docker exec %v: %v\n%s", command, err, out)
	}
	return out
}

// process is a line of ps.
type process struct{ ppid, stat, args string }

// ps lists the processes of the container by pid, without ps itself.
func (c *container) ps(t *testing.T) map[string]process {
	t.Helper()
	list := make(map[string]process)
	for line := range strings.Lines(c.exec(t, "ps", "-eo", "pid=,ppid=,stat=,args=")) {
		f := strings.Fields(line)
		if args := strings.Join(f[3:], " "); !strings.HasPrefix(args, "ps -eo") {
			list[f[0]] = process{f[1], f[2], args}
		}
	}
	return list
}
