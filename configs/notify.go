package configs

import "time"

// Notify is the [notify] table: what the app says about itself by sd_notify(3).
type Notify struct {
	Socket   bool          // reaperd listens, and the app's NOTIFY_SOCKET is reaperd's
	Watchdog time.Duration // an app that does not say WATCHDOG=1 for so long counts as hung; 0: it need not
}

// notifyKeys are those of [notify].
func notifyKeys() []key[Config] {
	socket := bind("notify.socket", boolean(), func(c *Config) *bool { return &c.Notify.Socket })
	socket.shown = func(c *Config) bool { return c.Notify.Socket }
	return []key[Config]{
		socket,
		bind("notify.watchdog", orNone(duration("30s", time.Second, day)), func(c *Config) *time.Duration { return &c.Notify.Watchdog }),
	}
}

// notify opens the socket where another key needs it.
func (l *loader) notify() {
	const socket, watchdog = "notify.socket", "notify.watchdog"
	n, r := &l.config.Notify, l.config.Restart
	refused := l.isSet(socket) && !n.Socket
	if r.Overlap && r.Ready.Notify {
		n.Socket = true
		if refused {
			l.wrong(l.at(socket), socket, "restart.ready = %q (%s) needs it: want true", readyWord, l.at("restart.ready").name)
		}
	}
	if n.Watchdog > 0 {
		n.Socket = true
		if refused {
			l.wrong(l.at(socket), socket, "watchdog = %s (%s) needs it: want true", formatDuration(n.Watchdog), l.at(watchdog).name)
		}
	}
}
