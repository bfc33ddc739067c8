// Package callers is the clients of a server that is restarted under them: closed loops, one connection a request or kept
// alive, that count what became of every request.
package callers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Caller never gives a request a second chance but one: it sends one again whose reused connection was closed before any
// byte of the answer, which RFC 9110, 9.2.2 allows, and counts that. Everything else that is not a complete answer has
// failed. Its loops may run at once.
type Caller struct {
	Address   string // host:port
	KeepAlive bool
	Patience  time.Duration // with one request

	mu      sync.Mutex
	done    int
	retries int
	failed  []error
	slowest time.Duration
}

// PumaOwn500 is what Puma 5.6 logs when it answers a kept-alive connection with 500 in its own shutdown, before it has read
// a request: one of some 10000, in 20 recycles. Nothing outside of it can help that.
const PumaOwn500 = "Read: #<IOError: closed stream>"

// call is one connection.
type call struct {
	net.Conn
	in *bufio.Reader
}

var errUnanswered = errors.New("closed before any byte of the answer")

// Loop sends requests for path and a number, one after the other, until the context ends.
func (c *Caller) Loop(ctx context.Context, path string) {
	var open *call
	for n := 0; ctx.Err() == nil; n++ {
		began, reused := time.Now(), open != nil
		var err error
		open, err = c.request(open, fmt.Sprint(path, n))
		retried := reused && errors.Is(err, errUnanswered)
		if retried {
			open, err = c.request(nil, fmt.Sprint(path, n))
		}
		c.count(err, retried, time.Since(began))
	}
	if open != nil {
		open.Close()
	}
}

// request asks for a path, by the open connection if there is one, and gives the connection if it can be used again.
func (c *Caller) request(open *call, path string) (*call, error) {
	reused := open != nil
	if !reused {
		conn, err := net.DialTimeout("tcp", c.Address, c.Patience)
		if err != nil {
			return nil, err
		}
		open = &call{Conn: conn, in: bufio.NewReader(conn)}
	}
	open.SetDeadline(time.Now().Add(c.Patience))
	connection := "close"
	if c.KeepAlive {
		connection = "keep-alive"
	}
	_, err := fmt.Fprintf(open, "GET %s HTTP/1.1\r\nHost: app\r\nConnection: %s\r\n\r\n", path, connection)
	if err == nil {
		_, err = open.in.Peek(1)
	}
	if err != nil {
		open.Close()
		return nil, fmt.Errorf("%w, reused %v: %w", errUnanswered, reused, err)
	}
	response, err := http.ReadResponse(open.in, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	if err != nil || response.Close || !c.KeepAlive {
		open.Close()
		return nil, err
	}
	return open, nil
}

func (c *Caller) count(err error, retried bool, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if retried {
		c.retries++
	}
	if err != nil {
		c.failed = append(c.failed, err)
		return
	}
	c.done++
	c.slowest = max(c.slowest, took)
}

// Report fails the test if more requests have failed than are tolerated, and prints the counts. All loops have ended.
func (c *Caller) Report(t *testing.T, recycles, tolerated int) {
	t.Helper()
	for _, err := range c.failed {
		t.Logf("a request failed: %v", err)
	}
	if len(c.failed) > tolerated {
		t.Errorf("%d requests failed, want %d at most", len(c.failed), tolerated)
	}
	if c.done < recycles {
		t.Errorf("%d requests in %d recycles, want load throughout", c.done, recycles)
	}
	t.Logf("%d recycles, %d requests, %d failed, %d retried, slowest %v", recycles, c.done, len(c.failed), c.retries,
		c.slowest.Round(10*time.Millisecond))
}

// Slowest is how long the slowest request took that did not fail. All loops have ended.
func (c *Caller) Slowest() time.Duration { return c.slowest }
