package idle

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func checker(c Checks) *Checker { return New(c, "/proc", os.Getpid()) }

// client is one kept-alive connection to a server.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, network, addr string) *client {
	t.Helper()
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) ask(path string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads an answer that ends with body.
func (c *client) hear(body string) {
	c.t.Helper()
	var got strings.Builder
	for !strings.HasSuffix(got.String(), "\r\n\r\n"+body) {
		b, err := c.in.ReadByte()
		if err != nil {
			c.t.Fatalf("got %q and %v, want %q", got.String(), err, body)
		}
		got.WriteByte(b)
	}
}

func TestRealTCPConnections(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			a := start(t, "server", "tcp", addr)
			_, port, _ := strings.Cut(a.said[0], "]:")
			if port == "" {
				_, port, _ = strings.Cut(a.said[0], ":")
			}
			host := "127.0.0.1:"
			if addr == "[::1]:0" {
				host = "[::1]:"
			}
			silence := 300 * time.Millisecond
			c := checker(Checks{Connections: true, Silence: silence})
			a.untilIdle(c)

			first := dial(t, "tcp", host+port)
			first.ask("/slow")
			a.untilBusy(c, "1 connection at work, on :"+port+": a request is not answered")
			a.never(c, 2*silence)
			a.order("answer")
			first.hear("slow")
			a.untilBusy(checker(Checks{Connections: true, Silence: time.Hour}), "used a moment ago")
			a.untilIdle(c) // though it stays open

			a.order("close") // the listener; c has seen it
			first.ask("/slow")
			a.untilBusy(c, "a request is not answered")
			late := checker(Checks{Connections: true})
			if got := late.Look(time.Now(), Target{Main: a.pid}); got.Known || got.Why != "the app has not been seen to listen on any socket" {
				t.Errorf("got %+v, want unknown", got)
			}
			first.conn.(*net.TCPConn).CloseWrite() // and still waits for its answer
			a.untilBusy(c, "a request is not answered")
			a.order("answer")
			first.hear("slow")
			first.conn.Close()
			a.untilIdle(c)
		})
	}
}

func TestAClosedLoopOfFastRequestsIsBusy(t *testing.T) {
	a := start(t, "server", "tcp", "127.0.0.1:0")
	c := checker(Checks{Connections: true, Silence: time.Hour})
	one := dial(t, "tcp", a.said[0])
	for range 20 {
		one.ask("/fast")
		one.hear("fast")
		if got := c.Look(time.Now(), Target{Main: a.pid}); got.Idle || !got.Known {
			t.Fatalf("got %+v, want busy", got)
		}
	}
	a.untilIdle(checker(Checks{Connections: true, Silence: 100 * time.Millisecond}))
}

func TestRealTCPConnectionsOfOthersDoNotCount(t *testing.T) {
	a := start(t, "server", "tcp", "127.0.0.1:0")
	other := start(t, "server", "tcp", "127.0.0.1:0")
	dial(t, "tcp", other.said[0]).ask("/slow")
	a.untilBusy(checker(Checks{Connections: true}), "a request is not answered") // it is below us too
	c := checker(Checks{Connections: true})
	if got := c.Look(time.Now(), Target{Main: a.pid, Alone: true}); !got.Idle {
		t.Errorf("got %+v, want idle", got)
	}
	if got := c.Look(time.Now(), Target{Main: a.pid, Helpers: []int{other.pid}}); !got.Idle {
		t.Errorf("got %+v, want idle", got)
	}
}

func TestRealConnectionsThatNobodyAcceptsDoNotCount(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial(t, "tcp", l.Addr().String()).ask("/")
	// We ourselves are the app here, and never accept.
	c := New(Checks{Connections: true}, "/proc", os.Getppid())
	if got := c.Look(time.Now(), Target{Main: os.Getpid(), Alone: true}); !got.Idle {
		t.Errorf("got %+v, want idle", got)
	}
}

func TestRealUnixConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app with a blank.sock")
	a := start(t, "server", "unix", path)
	c := checker(Checks{Connections: true, Silence: time.Millisecond})
	c.Learn(Target{Main: a.pid})
	a.untilIdle(c)
	one := dial(t, "unix", path)
	one.ask("/fast")
	one.hear("fast")
	a.untilBusy(c, "1 connection at work, on "+path+": open")
	a.order("close")
	a.never(c, 50*time.Millisecond)
	one.conn.Close()
	a.untilIdle(c)
}

func TestRealSocketsThatMayNotBeReadAreUnknown(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to be somebody without rights")
		}
		t.Skip("needs root, to be somebody without rights")
	}
	a := start(t, "server", "tcp", "127.0.0.1:0")
	cmd := exec.Command("/proc/self/exe", fmt.Sprint(a.pid), fmt.Sprint(os.Getpid()))
	cmd.Env = []string{roleEnv + "=look"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if want := "false false " + errHidden.Error() + "\n"; err != nil || string(out) != want {
		t.Errorf("got %q %v, want %q", out, err, want)
	}
}

func TestARealProcessRenamesItself(t *testing.T) {
	a := start(t, "title")
	c := checker(Checks{Title: stopped, TitleOf: sidekiqs, Hold: Hold{Looks: 2}})
	a.until(c, "unknown", func(r Result) bool { return !r.Known })
	a.order(sidekiqBusy)
	a.untilBusy(c, sidekiqBusy)
	a.order(sidekiqIdle)
	a.untilBusy(c, "idle at 1 of 2 looks")
	a.untilIdle(c)
	a.order(sidekiqBusy)
	a.untilBusy(c, sidekiqBusy)
}

func TestRealChildren(t *testing.T) {
	a := start(t, "parent")
	c := checker(Checks{NoChildren: true})
	a.untilIdle(c)
	a.order("fork")
	a.untilBusy(c, "1 child process")
	a.order("kill")
	a.untilIdle(c) // a zombie stays
}

func TestARealProcessBurns(t *testing.T) {
	a := start(t, "burner")
	// A burner gets 50 ticks in 500 ms, or a small share of them on a busy machine; a runtime that rests hardly one.
	c := checker(Checks{CPU: Flat{Ticks: 3, For: 500 * time.Millisecond}})
	a.untilIdle(c)
	a.order("burn")
	a.untilBusy(c, "CPU: ")
	a.order("rest")
	a.untilIdle(c)
}
