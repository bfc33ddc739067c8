package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/supervisor"
	"github.com/reaperd/reaperd/supervisor/notify"
)

const (
	envSocket   = "NOTIFY_SOCKET"
	envWatchdog = "WATCHDOG_USEC"
)

// notifier fits a socket to the supervisor.
type notifier struct {
	*notify.Socket
	above string // the socket of who supervises us; "": nobody does
}

func (n notifier) Next() (supervisor.Notice, error) {
	m, err := n.Socket.Next()
	return supervisor.Notice(m), err
}

func (n notifier) Relay(notice supervisor.Notice) {
	if n.above != "" {
		n.Socket.Relay(n.above, notify.Message(notice))
	}
}

// openNotify opens the socket of [notify], if there is to be one, and names it in the environment of the app. Otherwise what
// our own environment says of another one is the app's. WATCHDOG_PID stays unset, by which the watchdog is for whoever in
// the app knows how to feed it: behind a shell or npm that is not the process that we start.
func openNotify(c configs.Notify, environ []string) (supervisor.Notifier, []string, func(), error) {
	if !c.Socket {
		return nil, environ, func() {}, nil
	}
	socket, err := notify.Open(notify.Dirs)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("notify.socket: %w", err)
	}
	ours := []string{envSocket + "=" + socket.Path}
	if c.Watchdog > 0 {
		ours = append(ours, fmt.Sprintf("%s=%d", envWatchdog, c.Watchdog.Microseconds()))
	}
	environ = slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == envSocket || name == "WATCHDOG_PID" || name == envWatchdog && c.Watchdog > 0
	})
	return notifier{socket, os.Getenv(envSocket)}, append(environ, ours...), socket.Close, nil
}
