package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// get asks a server for one path on a connection of its own and gives the body of a complete 200 answer. An error that
// is errRefused means that no connection was made: nothing was lost, the client can tell and try again.
type get func(ctx context.Context, w *world, path string) (string, error)

var errRefused = errors.New("connection refused")

// httpGet is get over HTTP/1.1.
func httpGet(ctx context.Context, w *world, path string) (string, error) {
	return httpGetHeader(ctx, w, path, func(string) error { return nil })
}

// httpGetHeader is httpGet that calls header with the request's id when the header of the answer is there.
func httpGetHeader(ctx context.Context, w *world, path string, header func(id string) error) (string, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errRefused, err)
		}
		return conn, nil
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.address+path, nil)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if err := header(request.URL.Query().Get("id")); err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	return string(body), err
}

// client counts what becomes of the requests that it sends to a server.
type client struct {
	w   *world
	get get

	next atomic.Int64
	wg   sync.WaitGroup
	mu   sync.Mutex
	tally
	broken map[string]error // by the request's id
}

// tally is what became of the requests of a client. Refused and unserved ones were never begun: without a held socket
// a restart has them, and the client may send them again. A lost one was begun and not answered.
type tally struct {
	done, refused, unserved, lost int
	slowest                       time.Duration
}

func (s server) client(w *world) *client {
	c := &client{w: w, get: s.get, broken: map[string]error{}}
	if c.get == nil {
		c.get = httpGet
	}
	w.t.Cleanup(c.wg.Wait)
	return c
}

// ready waits until the server answers and gives the answer: who it is.
func (c *client) ready(r *running) string {
	c.w.t.Helper()
	var body string
	eventually(c.w.t, "the server to answer", func() bool {
		if r.ended() {
			c.w.t.Fatal("ended before it answered")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		var err error
		body, err = c.get(ctx, c.w, "/pid")
		return err == nil && r.log.count(c.w.up) >= r.log.count("reaperd: started")
	})
	return body
}

// id is one that no other request has.
func (c *client) id() string { return fmt.Sprint(c.next.Add(1)) }

// work sends one request that takes d, and returns when there is an answer or none will come.
func (c *client) work(id string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	_, err := c.get(ctx, c.w, fmt.Sprintf("/work?ms=%d&id=%s", d.Milliseconds(), id))
	took := time.Since(began)

	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.done++
		c.slowest = max(c.slowest, took)
	case errors.Is(err, errRefused):
		c.refused++
	default:
		c.broken[id] = err
	}
	return err
}

// inFlight sends n requests at once that take d each, and returns when the app has begun them all. The returned
// function waits for the answers.
func (c *client) inFlight(r *running, n int, d time.Duration) (finish func()) {
	c.w.t.Helper()
	var ids []string
	var flight sync.WaitGroup
	for range n {
		id := c.id()
		ids = append(ids, id)
		flight.Go(func() { c.work(id, d) })
	}
	c.w.t.Cleanup(flight.Wait)
	eventually(c.w.t, fmt.Sprintf("%d requests to begin", n), func() bool {
		if r.ended() {
			c.w.t.Fatal("ended before the requests began")
		}
		return !slices.ContainsFunc(ids, func(id string) bool { return !c.w.begun(id) })
	})
	return flight.Wait
}

// loop sends requests that take d in n closed loops, until stopped. A refused one is tried again a moment later.
func (c *client) loop(n int, d time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	for range n {
		c.wg.Go(func() {
			pause := time.NewTicker(20 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				if c.work(c.id(), d) != nil {
					<-pause.C
				}
			}
		})
	}
	c.w.t.Cleanup(cancel)
	return func() {
		cancel()
		c.wg.Wait()
	}
}

// count settles what became of the requests that were not answered: the journal knows whether they were begun.
func (c *client) count() tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := c.tally
	for id, err := range c.broken {
		if !c.w.begun(id) {
			total.unserved++
			continue
		}
		total.lost++
		c.w.t.Logf("request %s was begun and not answered: %v", id, err)
	}
	return total
}

// begun says whether the app has written that it began a request.
func (w *world) begun(id string) bool {
	journal, err := os.ReadFile(w.journal)
	return err == nil && strings.Contains("\n"+string(journal), "\nbegin "+id+"\n")
}

// answersAll fails the test unless n requests were answered, and none was lost.
func (c *client) answersAll(t *testing.T, n int) {
	t.Helper()
	got := c.count()
	if got.done != n || got.lost+got.unserved+got.refused != 0 {
		t.Errorf("requests in flight: got %+v, want %d done and none else", got, n)
	}
}
