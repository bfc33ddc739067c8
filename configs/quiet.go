package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// Quiet is how an app is asked to take no more work by other means than a signal.
type Quiet struct {
	Command []string // is run
	File    string   // is there while it is to be quiet
	URL     Request  // is sent
	Ask     []string // the command that sends it; nil where there is none to send
}

// Set says whether there is any.
func (q Quiet) Set() bool { return len(q.Command) > 0 || q.File != "" || q.URL != Request{} }

// Request is one of HTTP.
type Request struct{ Method, URL string }

// methods of a request. GET is what a URL alone means: it is what Puma's control app takes, what Kubernetes' own httpGet
// hook sends, and what a person tries first.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

// quietKeys are those of [drain] that say quiet otherwise.
func quietKeys() []key[Config] {
	return []key[Config]{
		bind("drain.quiet_command", command(), func(c *Config) *[]string { return &c.Quiet.Command }),
		bind("drain.quiet_file", file(), func(c *Config) *string { return &c.Quiet.File }),
		bind("drain.quiet_url", request(), func(c *Config) *Request { return &c.Quiet.URL }),
	}
}

// file is a path that does not depend on a working directory, which reaperd leaves.
func file() kind[string] {
	return kind[string]{
		noun: "a path", example: `"/run/app/quiet"`,
		parse: func(raw any) (string, error) {
			path, ok := raw.(string)
			switch {
			case !ok:
				return "", errKind
			case path == none:
				return "", nil
			case !filepath.IsAbs(path) || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0):
				return "", fmt.Errorf("%s is not the path of a file from / on (want e.g. \"/run/app/quiet\")", show(raw))
			}
			return filepath.Clean(path), nil
		},
		print: literal,
		unset: func(path string) bool { return path == "" },
	}
}

// request is a URL, after a method if that is not GET.
func request() kind[Request] {
	return kind[Request]{
		noun: "a URL", example: `"http://127.0.0.1:9293/quiet", "POST http://..."`,
		parse: func(raw any) (Request, error) {
			text, ok := raw.(string)
			if !ok {
				return Request{}, errKind
			}
			if text == none {
				return Request{}, nil
			}
			r := Request{methods[0], strings.TrimSpace(text)}
			if method, url, ok := strings.Cut(r.URL, " "); ok {
				r = Request{method, strings.TrimSpace(url)}
			}
			switch {
			case !slices.Contains(methods, r.Method):
				return Request{}, fmt.Errorf("%s is no method for it (want one of %s)", show(r.Method), strings.Join(methods, ", "))
			case !isURL(r.URL):
				return Request{}, errors.New("is no address that can be asked (want http://HOST..., https://HOST... or " +
					"http+unix:///path/of.sock/path)")
			}
			return r, nil
		},
		print: func(r Request) string {
			if r.Method == methods[0] {
				return literal(r.URL)
			}
			return literal(r.Method + " " + r.URL)
		},
		unset: func(r Request) bool { return r == Request{} },
	}
}

// quiet ties the other means to the drain: with one, there is a quiet stage. None of them could tell the old app from the
// new one while an overlap has both.
func (l *loader) quiet() {
	q := &l.config.Quiet
	l.config.Drain.QuietMeans = q.Set()
	if q.URL.URL != "" { // in less time than a command of the quiet stage may take
		q.Ask = []string{"reaperd-net", "request", "--method", q.URL.Method, "--timeout", "9s", q.URL.URL}
	}
	for _, k := range quietKeys() {
		if l.config.Restart.Overlap && k.shown(&l.config) {
			l.wrong(l.at(k.path), k.path, "would be for the new app too, which restart.overlap (%s) starts before the old one is quiet: "+
				"keep one of them (quiet_signal is for the old one alone)", l.at("restart.overlap").name)
		}
	}
}

// unproven warns of signals whose handler bit is set in any Ruby and Go program: reaperd sends what seems to be handled,
// and the program may end by it. Sidekiq does since 6; Node opens its debugger on USR1.
func (l *loader) unproven() {
	d := l.config.Drain
	for key, sig := range map[string]policy.Signal{"drain.quiet_signal": d.QuietSignal, "drain.dump_signal": d.DumpSignal} {
		if sig == policy.SIGUSR1 || sig == policy.SIGUSR2 {
			l.warnings = append(l.warnings, fmt.Sprintf("%s = %q (%s) kills a Ruby or Go program that does not handle it (Sidekiq since 6), "+
				"and opens Node's debugger: the runtime catches it, so reaperd cannot tell. Be sure that yours does", key, sig, l.at(key).name))
		}
	}
}
