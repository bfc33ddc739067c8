package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ask runs the command as main does.
func ask(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(append([]string{"idle"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// stats is a server with an answer for each path.
func stats() http.Handler {
	mux := http.NewServeMux()
	say := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	}
	say("/idle", `{"busy":0}`)
	say("/busy", `{"busy":2}`)
	say("/html", "<html>")
	say("/empty", "")
	say("/half", `{"busy":`)
	say("/rest", `{"busy":0} and more`)
	say("/key", `{"a\nb":0}`)
	say("/huge", `{"x":"`+strings.Repeat("x", mostBody)+`","busy":0}`)
	mux.HandleFunc("/stats", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("token") != "secret" {
			w.WriteHeader(http.StatusForbidden)
		}
		io.WriteString(w, `{"busy":0}`)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/idle", http.StatusFound) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"busy":`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/open", func(w http.ResponseWriter, r *http.Request) { // says all and does not end
		io.WriteString(w, `{"busy":0}`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			io.WriteString(z, `{"busy":0}`)
			return
		}
		io.WriteString(w, `{"busy":0}`)
	})
	return mux
}

func TestHTTP(t *testing.T) {
	// A proxy that the app's environment names must not see our requests.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	tcp := httptest.NewServer(stats())
	defer tcp.Close()
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	unix := &http.Server{Handler: stats()}
	go unix.Serve(l)
	defer unix.Close()
	for _, tt := range []struct {
		path string
		code int
		why  string // all of stderr after "cannot tell: "
	}{
		{"/idle", isIdle, ""},
		{"/busy", isBusy, ""},
		{"/stats?token=secret", isIdle, ""},
		{"/stats?token=wrong", cannotTell, "the server answers 403 Forbidden"},
		{"/none", cannotTell, "the server answers 404 Not Found"},
		{"/redirect", cannotTell, "the server answers 302 Found"},
		{"/html", cannotTell, "the answer is not JSON: invalid character '<' looking for beginning of value"},
		{"/empty", cannotTell, "the answer ends before its JSON does"},
		{"/half", cannotTell, "the answer ends before its JSON does"},
		{"/rest", isIdle, ""},
		{"/open", isIdle, ""},
		{"/gzip", isIdle, ""},
		{"/key", cannotTell, `the answer has no "busy", only a b`},
		{"/huge", cannotTell, "the answer is longer than 4 MiB"},
	} {
		for _, base := range []string{tcp.URL, "http+unix://" + socket} {
			code, stdout, stderr := ask("--url", base+tt.path, "--json", "busy", "--equals", "0", "--timeout", "20s")
			want := ""
			if tt.why != "" {
				want = "reaperd-net: idle: cannot tell: " + tt.why + "\n"
			}
			if code != tt.code || stderr != want || stdout != "" {
				t.Errorf("%s: got %d %q %q, want %d %q", base+tt.path, code, stdout, stderr, tt.code, want)
			}
		}
	}
	for _, path := range []string{"/hang", "/drip"} {
		code, _, stderr := ask("--url", tcp.URL+path, "--json", "busy", "--equals", "0", "--timeout", "50ms")
		if code != cannotTell || !strings.HasSuffix(stderr, ": no answer within 50ms\n") {
			t.Errorf("%s: got %d %q, want no answer within 50ms", path, code, stderr)
		}
	}
}

func TestSecretsStayOutOfMessages(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nobody answers there now
	for _, address := range []string{"http://" + addr + "/stats?token=secret", "http://user:secret@" + addr, "http+unix:///nowhere/x.sock?token=secret",
		"http://127.0.0.1:port/?token=secret", "ftp://secret"} {
		code, stdout, stderr := ask("--url", address, "--json", "a", "--equals", "0")
		if code != cannotTell || strings.Contains(stdout+stderr, "secret") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: got %d %q %q, want one line without the secret", address, code, stdout, stderr)
		}
	}
}

func TestRaw(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "stats.sock")
	for _, where := range []struct{ network, addr, scheme string }{{"tcp", "127.0.0.1:0", "tcp://"}, {"unix", socket, "unix://"}} {
		l, err := net.Listen(where.network, where.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		answers := []string{uwsgi, strings.Replace(uwsgi, `"in_request":1`, `"in_request":0`, 1), "{"}
		go func() {
			for _, answer := range answers {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprint(conn, answer)
				conn.Close()
			}
			if conn, err := l.Accept(); err == nil {
				io.Copy(io.Discard, conn) // says nothing
			}
		}()
		for _, want := range []struct {
			code        int
			out, stderr string
		}{
			{isBusy, "busy: workers.1.cores.1.in_request is 1, not 0\n", ""},
			{isIdle, "idle\n", ""},
			{cannotTell, "", "the answer ends before its JSON does\n"},
			{cannotTell, "", "no answer within 300ms\n"},
		} {
			timeout := "20s"
			if strings.HasPrefix(want.stderr, "no answer") {
				timeout = "300ms"
			}
			code, out, stderr := ask("--raw", where.scheme+l.Addr().String(), "--json", "workers.*.cores.*.in_request", "--equals", "0", "--timeout", timeout, "-v")
			if code != want.code || out != want.out || !strings.HasSuffix(stderr, want.stderr) {
				t.Errorf("%s: got %d %q %q, want %+v", where.network, code, out, stderr, want)
			}
		}
	}
}

func TestMistakesOfTheCommandLine(t *testing.T) {
	pair := []string{"--json", "a", "--equals", "0"}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "wants either --url or --raw"},
		{append([]string{"--url", "http://x", "--raw", "tcp://x:1"}, pair...), "wants either --url or --raw"},
		{[]string{"--url", "http://x"}, "wants --json and --equals in pairs"},
		{append([]string{"--url", "http://x", "--json", "b"}, pair...), "wants --json and --equals in pairs"},
		{append([]string{"--url", "localhost:80/stats"}, pair...), "--url: want http://HOST"},
		{append([]string{"--url", "http+unix://path.sock"}, pair...), "--url: want http://HOST"},
		{append([]string{"--raw", "127.0.0.1:1717"}, pair...), "--raw"},
		{append([]string{"--raw", "tcp://localhost"}, pair...), "--raw wants tcp://HOST:PORT"},
		{append([]string{"--url", "http://x", "--timeout", "0"}, pair...), "--timeout 0s is not within"},
		{append([]string{"--url", "http://x", "--timeout", "31s"}, pair...), "--timeout 31s is not within"},
		{append([]string{"--url", "http://x", "more"}, pair...), `takes no argument: "more"`},
		{[]string{"--url", "http://x", "--json", "a..b", "--equals", "0"}, `--json "a..b": an empty key`},
		{[]string{"--url", "http://x", "--json", `a\`, "--equals", "0"}, "ends in a backslash"},
		{[]string{"--nonsense"}, "flag provided but not defined: -nonsense"},
	} {
		code, stdout, stderr := ask(tt.args...)
		if code != cannotTell || stdout != "" || !strings.HasPrefix(stderr, "reaperd-net: idle: ") || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: got %d %q %q, want one line with %q", tt.args, code, stdout, stderr, tt.want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args        []string
		code        int
		out, stderr string
	}{
		{[]string{"help"}, 0, "usage: reaperd-net", ""},
		{[]string{"version"}, 0, "reaperd-net unknown", ""},
		{[]string{"idle", "--help"}, 0, "usage: reaperd-net idle", ""},
		{nil, cannotTell, "", "usage: reaperd-net"},
		{[]string{"dance"}, cannotTell, "", "reaperd-net: dance: no such command"},
	} {
		var out, stderr bytes.Buffer
		code := run(tt.args, &out, &stderr)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%v: got %d %q %q, want %+v", tt.args, code, out.String(), stderr.String(), tt)
		}
	}
}

func TestASocketBelowAFileIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + "/stats", filepath.Dir(file), "/"} {
		if socket, _, err := splitSocket(path); err == nil {
			t.Errorf("%s: got %s, want none", path, socket)
		}
	}
}
