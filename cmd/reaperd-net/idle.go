package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

const idleUsage = `usage: reaperd-net idle --url URL | --raw ADDRESS  --json PATH --equals VALUE ...  [--timeout 1s] [-v]

Asks a server for its statistics, JSON, and exits with 0 if it is idle, 1 if it is busy, 2 if it cannot tell;
then one line on stderr says why.

  --url URL        http://, https://, or http+unix:///path/of.sock/path for a unix socket. Only a 2xx answer counts;
                   redirects are not followed, proxies not used
  --raw ADDRESS    tcp://HOST:PORT or unix:///path/of.sock, where JSON comes without HTTP (uWSGI's stats server)
  --json PATH      the value to look at: keys separated by dots, a number for an element of a list, * for every element
                   of a list or every value of an object, \. for a dot in a key. All that a * stands for must be equal
  --equals VALUE   what it must be for the app to be idle. Numbers are compared as numbers, all else as text.
                   --json and --equals come in pairs; of several pairs all must hold
  --timeout TIME   for everything, up to 30s (default 1s)
  -v               also say on stdout what was found when idle or busy

Puma:   --url 'http://127.0.0.1:9293/stats?token=T' --json pool_capacity --equals 5 --json backlog --equals 0
        (5 threads; in cluster mode worker_status.*.last_status.pool_capacity, and so on)
uWSGI:  --raw unix:///run/stats.sock --json 'workers.*.cores.*.in_request' --equals 0
`

// Exit codes of idle.
const (
	isIdle     = 0
	isBusy     = 1
	cannotTell = 2
)

// longest is the most that --timeout may be: a drain has a deadline.
const longest = 30 * time.Second

// question is what to ask and what to expect.
type question struct {
	url, raw string
	want     []expectation
	timeout  time.Duration
	verbose  bool
}

// expectation is that all values at a path equal one.
type expectation struct{ path, value string }

func idle(args []string, stdout, stderr io.Writer) int {
	q, err := parseQuestion(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, idleUsage)
		return isIdle
	}
	if err != nil {
		fmt.Fprintf(stderr, "reaperd-net: idle: %v (see reaperd-net idle --help)\n", err)
		return cannotTell
	}
	idle, why, err := q.ask()
	if err != nil {
		fmt.Fprintf(stderr, "reaperd-net: idle: cannot tell: %s\n", oneLine(err))
		return cannotTell
	}
	if q.verbose {
		fmt.Fprintln(stdout, why)
	}
	if idle {
		return isIdle
	}
	return isBusy
}

// ask gets the document and compares it.
func (q question) ask() (idle bool, why string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), q.timeout)
	defer cancel()
	get, from := fetchURL, q.url
	if q.raw != "" {
		get, from = fetchRaw, q.raw
	}
	doc, err := get(ctx, from)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return false, "", fmt.Errorf("no answer within %v", q.timeout)
	}
	if err != nil {
		return false, "", err
	}
	return judge(doc, q.want)
}

// judge says idle if all that is expected holds. One value that differs is busy, whatever else is missing.
func judge(doc any, want []expectation) (idle bool, why string, err error) {
	for _, w := range want {
		differs, e := w.differs(doc)
		if differs != "" {
			return false, "busy: " + differs, nil
		}
		if err == nil {
			err = e
		}
	}
	if err != nil {
		return false, "", err
	}
	return true, "idle", nil
}

func parseQuestion(args []string) (question, error) {
	var q question
	var paths, values []string
	set := flag.NewFlagSet("idle", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&q.url, "url", "", "")
	set.StringVar(&q.raw, "raw", "", "")
	set.DurationVar(&q.timeout, "timeout", time.Second, "")
	set.BoolVar(&q.verbose, "v", false, "")
	set.Func("json", "", func(s string) error {
		paths = append(paths, s)
		return nil
	})
	set.Func("equals", "", func(s string) error {
		values = append(values, s)
		return nil
	})
	if err := set.Parse(args); err != nil {
		return q, err
	}
	switch {
	case set.NArg() > 0:
		return q, fmt.Errorf("takes no argument: %q", set.Arg(0))
	case (q.url == "") == (q.raw == ""):
		return q, errors.New("wants either --url or --raw")
	case len(paths) == 0 || len(paths) != len(values):
		return q, errors.New("wants --json and --equals in pairs")
	case q.timeout <= 0 || q.timeout > longest:
		return q, fmt.Errorf("--timeout %v is not within 0 and %v", q.timeout, longest)
	}
	for i, path := range paths {
		if _, err := splitPath(path); err != nil {
			return q, fmt.Errorf("--json %q: %w", path, err)
		}
		q.want = append(q.want, expectation{path, values[i]})
	}
	if q.raw != "" {
		_, _, err := parseRaw(q.raw)
		return q, err
	}
	if _, err := parseURL(q.url); err != nil {
		return q, fmt.Errorf("--url: %w", err)
	}
	return q, nil
}

// oneLine keeps a message on one line whatever a server has put into it.
func oneLine(err error) string {
	var line []rune
	for _, c := range err.Error() {
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		if line = append(line, c); len(line) == 300 {
			break
		}
	}
	return string(line)
}
