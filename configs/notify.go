package configs

// Notify is the [notify] table: what the app says about itself by sd_notify(3).
type Notify struct {
	Socket bool // reaperd listens, and the app's NOTIFY_SOCKET is reaperd's
}

// notifyKeys are those of [notify].
func notifyKeys() []key[Config] {
	socket := bind("notify.socket", boolean(), func(c *Config) *bool { return &c.Notify.Socket })
	socket.shown = func(c *Config) bool { return c.Notify.Socket }
	return []key[Config]{socket}
}

// notify opens the socket where another key needs it.
func (l *loader) notify() {
	const key = "notify.socket"
	r := l.config.Restart
	if !r.Overlap || !r.Ready.Notify {
		return
	}
	if l.isSet(key) && !l.config.Notify.Socket {
		l.wrong(l.at(key), key, "restart.ready = %q (%s) needs it: want true", readyWord, l.at("restart.ready").name)
	}
	l.config.Notify.Socket = true
}
