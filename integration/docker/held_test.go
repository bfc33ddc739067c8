package docker

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/integration/callers"
)

const heldAddress = "127.0.0.1:3000"

const heldConfig = `
[limits]
interval   = "50ms"
min_uptime = "0s"

[limits.processes]
drain = 30
for   = "100ms"

[restart]
on_limit  = "restart"
delay     = "100ms"
max_delay = "100ms"
burst     = 1000

[[socket]]
listen = "tcp://` + heldAddress + `"
`

// A server that leaks is recycled again and again behind its held socket, and no request fails.
func TestBehindAHeldSocketNoRequestFails(t *testing.T) {
	t.Parallel()
	for name, command := range map[string][]string{
		"puma":     {"puma", "-b", "tcp://" + heldAddress, "-t", "5:5", "-e", "production", "/rack-work/config.ru"},
		"gunicorn": {"gunicorn", "-w", "4", "--chdir", "/wsgi-work", "work"},
	} {
		for _, keepAlive := range []bool{false, true} {
			const pumaOwn500 = callers.PumaOwn500
			command := command
			if keepAlive && name == "gunicorn" {
				command = append(slices.Clone(command), "-k", "gthread", "--threads", "4")
			}
			t.Run(fmt.Sprintf("%s, keep-alive %v", name, keepAlive), func(t *testing.T) {
				t.Parallel()
				recycles := 1
				if long {
					recycles = 20
				}
				c := start(t, spec{config: "preset = \"" + name + "\"\n" + heldConfig, flags: []string{"-e", "JOURNAL=/dev/null"},
					cmd: entrypoint(command...)})
				network := c.network(t)
				callers := &callers.Caller{Address: heldAddress, KeepAlive: keepAlive, Patience: patience}
				ctx, cancel := context.WithCancel(t.Context())
				var load sync.WaitGroup
				defer load.Wait()
				defer cancel()
				for n := range 6 {
					load.Go(func() {
						enter(t, network)
						callers.Loop(ctx, fmt.Sprintf("/work?ms=20&id=%d.", n))
					})
				}
				for n := range recycles {
					leak, stop := context.WithCancel(ctx)
					load.Go(func() {
						enter(t, network)
						callers.Loop(leak, "/leak?")
					})
					c.log.wait(t, "limit tripped", n+1)
					stop()
					c.log.wait(t, "reaperd: started", n+2)
				}
				cancel()
				load.Wait()
				tolerated := 0
				if keepAlive {
					tolerated = strings.Count(c.log.String(), pumaOwn500)
				}
				callers.Report(t, recycles, tolerated)
			})
		}
	}
}

// network is that of the container: it has none but its loopback.
func (c *container) network(t *testing.T) *os.File {
	t.Helper()
	network, err := os.Open("/proc/" + c.inspect(t, "{{.State.Pid}}") + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	return network
}

// enter takes this goroutine into a network for good. Its thread ends with it.
func enter(t *testing.T, network *os.File) {
	runtime.LockOSThread()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Error(err)
	}
}
