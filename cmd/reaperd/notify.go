package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/supervisor"
	"github.com/reaperd/reaperd/supervisor/notify"
)

// notifier fits a socket to the supervisor.
type notifier struct{ *notify.Socket }

func (n notifier) Next() (supervisor.Notice, error) {
	m, err := n.Socket.Next()
	return supervisor.Notice(m), err
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
	environ = slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" || name == "WATCHDOG_PID"
	})
	environ = append(environ, "NOTIFY_SOCKET="+socket.Path)
	if c.Watchdog > 0 {
		environ = append(environ, fmt.Sprintf("WATCHDOG_USEC=%d", c.Watchdog.Microseconds()))
	}
	return notifier{socket}, environ, socket.Close, nil
}
