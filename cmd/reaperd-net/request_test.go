package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // must not see our requests
	asked := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/quiet", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- r.Method + " " + r.RequestURI + string(body)
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/quiet", http.StatusFound) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	tcp := httptest.NewServer(mux)
	defer tcp.Close()
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	unix := &http.Server{Handler: mux}
	go unix.Serve(l)
	defer unix.Close()
	for _, tt := range []struct {
		args   []string // the last is a path
		code   int
		asked  string
		stderr string
	}{
		{[]string{"/quiet?token=secret"}, 0, "GET /quiet?token=secret", ""},
		{[]string{"--method", "POST", "/quiet"}, 0, "POST /quiet", ""},
		{[]string{"--method", "PUT", "/quiet"}, 0, "PUT /quiet", ""},
		{[]string{"/none?token=secret"}, isRefused, "", "the server answers 404 Not Found"},
		{[]string{"/away?token=secret"}, isRefused, "", "the server answers 302 Found"},
		{[]string{"--timeout", "50ms", "/hang?token=secret"}, noAnswer, "", "no answer within 50ms"},
	} {
		for _, base := range []string{tcp.URL, "http+unix://" + socket} {
			args := append([]string{"request"}, tt.args...)
			args[len(args)-1] = base + args[len(args)-1]
			var stdout, stderr bytes.Buffer
			code := run(args, &stdout, &stderr)
			got := ""
			select {
			case got = <-asked:
			default:
			}
			want := ""
			if tt.stderr != "" {
				want = "reaperd-net: request: " + tt.stderr + "\n"
			}
			if code != tt.code || got != tt.asked || stdout.Len() > 0 || stderr.String() != want {
				t.Errorf("%v: got %d, asked %q, %q %q; want %d, %q, %q", args, code, got, stdout.String(), stderr.String(), tt.code, tt.asked, want)
			}
		}
	}
	tcp.Close()
	var stdout, stderr bytes.Buffer
	if code := run([]string{"request", "-v", tcp.URL + "/?token=secret"}, &stdout, &stderr); code != noAnswer || strings.Contains(stderr.String(), "secret") {
		t.Errorf("nobody there: got %d %q, want %d without the secret", code, stderr.String(), noAnswer)
	}
	if code := run([]string{"request", "-v", "http+unix://" + socket + "/quiet"}, &stdout, &stderr); code != 0 || stdout.String() != "the server answers 200 OK\n" {
		t.Errorf("-v: got %d %q", code, stdout.String())
	}
}

func TestBadRequests(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "wants one URL"},
		{[]string{"http://x", "http://y"}, "wants one URL"},
		{[]string{"--method", "QUIET", "http://x"}, `--method "QUIET" is none of GET`},
		{[]string{"--timeout", "1h", "http://x"}, "--timeout 1h0m0s is not within"},
		{[]string{"ftp://secret"}, "want http://HOST"},
		{[]string{"--nonsense"}, "flag provided but not defined: -nonsense"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"request"}, tt.args...), &stdout, &stderr)
		if code != noAnswer || stdout.Len() > 0 || !strings.Contains(stderr.String(), tt.want) || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "secret") {
			t.Errorf("%v: got %d %q %q, want one line with %q", tt.args, code, stdout.String(), stderr.String(), tt.want)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"request", "--help"}, &stdout, &stderr); code != 0 || !strings.HasPrefix(stdout.String(), "usage: reaperd-net request") {
		t.Errorf("--help: got %d %q", code, stdout.String())
	}
}
