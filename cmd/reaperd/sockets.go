package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/reaper"
	"github.com/reaperd/reaperd/supervisor/sockets"
	"github.com/reaperd/reaperd/supervisor/sockstat"
)

// holdSockets binds what [[socket]] asks for; nil if it asks for nothing. Any doubt is a mistake now, before the app
// starts.
func holdSockets(loaded *configs.Loaded, inherited []int) (*sockets.Held, error) {
	wanted := loaded.Config.Sockets
	if len(wanted) == 0 {
		return nil, nil
	}
	for _, fd := range inherited {
		if i := fd - reaper.FirstSocket; i < len(wanted) {
			return nil, fmt.Errorf("%s: the app looks for it at descriptor %d, where something inherited is open: close that "+
				"(reaperd ... %d<&-); what systemd hands over itself needs no [[socket]]", loaded.SocketAt(i), fd, fd)
		}
	}
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		return nil, fmt.Errorf("%s: handing it over needs /proc: %w", loaded.SocketAt(0), err)
	}
	var list []sockets.Socket
	for _, s := range wanted {
		list = append(list, sockets.Socket{Address: addressOf(s.Listen), Mode: s.Mode, Backlog: s.Backlog, Text: s.Listen.String()})
	}
	held, err := sockets.Hold(list)
	var failure *sockets.BindError
	if errors.As(err, &failure) {
		err = fmt.Errorf("%s: %w", loaded.SocketAt(failure.Index), err)
	}
	return held, err
}

func addressOf(e configs.Endpoint) sockstat.Address {
	if e.Path != "" {
		return sockstat.Address{Family: syscall.AF_UNIX, Path: e.Path}
	}
	ip := e.Address.Addr()
	a := sockstat.Address{Family: syscall.AF_INET6, Port: e.Address.Port()}
	if ip.Is4() {
		a.Family = syscall.AF_INET
	}
	copy(a.IP[:], ip.AsSlice())
	return a
}

// handOver names what is held, as the app gets it.
func handOver(held *sockets.Held, wanted []configs.Socket) []reaper.Socket {
	if held == nil {
		return nil
	}
	var list []reaper.Socket
	for i, fd := range held.FDs() {
		list = append(list, reaper.Socket{FD: fd, Name: wanted[i].Name})
	}
	return list
}

// socketNotes says what of a command would keep the sockets from the server: LISTEN_PID names the process that reaperd
// starts, so a wrapper that starts the server as its child gets them.
func socketNotes(c configs.Config, command []string) []string {
	if len(c.Sockets) == 0 {
		return nil
	}
	app := configs.Recognise(command)
	if app.Stays == "" {
		return nil
	}
	return []string{fmt.Sprintf("[[socket]]: %s may stay in front of the server, which then does not take its sockets over, for "+
		"LISTEN_PID names the wrapper: %s", app.Stays, remedy(app))}
}
