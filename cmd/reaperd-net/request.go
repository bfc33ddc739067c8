package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const requestUsage = `usage: reaperd-net request [--method GET] [--timeout 5s] [-v] URL

Sends one request without a body, and exits with 0 if the answer is 2xx, 1 if it is another, 2 if there is none;
then one line on stderr says why.

  URL              http://, https://, or http+unix:///path/of.sock/path for a unix socket. Redirects are not followed,
                   proxies not used
  --method METHOD  GET, POST, PUT, PATCH, DELETE, HEAD
  --timeout TIME   for everything, up to 30s (default 5s)
  -v               also say on stdout what was answered
`

// Exit codes of request, beside 0.
const (
	isRefused = 1
	noAnswer  = 2
)

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

// order is what to send.
type order struct {
	method, url string
	timeout     time.Duration
	verbose     bool
}

func request(args []string, stdout, stderr io.Writer) int {
	o, err := parseOrder(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, requestUsage)
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "reaperd-net: request: %v (see reaperd-net request --help)\n", err)
		return noAnswer
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	response, err := send(ctx, o.method, o.url, "*/*")
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintf(stderr, "reaperd-net: request: no answer within %v\n", o.timeout)
		return noAnswer
	case err != nil:
		fmt.Fprintf(stderr, "reaperd-net: request: no answer: %s\n", oneLine(err))
		return noAnswer
	}
	response.Body.Close()
	answer := oneLine(errors.New("the server answers " + response.Status))
	if response.StatusCode/100 != 2 {
		fmt.Fprintf(stderr, "reaperd-net: request: %s\n", answer)
		return isRefused
	}
	if o.verbose {
		fmt.Fprintln(stdout, answer)
	}
	return 0
}

func parseOrder(args []string) (order, error) {
	var o order
	set := flag.NewFlagSet("request", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.method, "method", methods[0], "")
	set.DurationVar(&o.timeout, "timeout", 5*time.Second, "")
	set.BoolVar(&o.verbose, "v", false, "")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	switch {
	case set.NArg() != 1:
		return o, errors.New("wants one URL")
	case !slices.Contains(methods, o.method):
		return o, fmt.Errorf("--method %q is none of %s", o.method, strings.Join(methods, ", "))
	case o.timeout <= 0 || o.timeout > longest:
		return o, fmt.Errorf("--timeout %v is not within 0 and %v", o.timeout, longest)
	}
	o.url = set.Arg(0)
	_, err := parseURL(o.url)
	return o, err
}
