package idle

import "time"

// Connection is what the kernel tells about one accepted connection of the app: open, or closed by its client alone.
type Connection struct {
	Listener string // where it came in, for people: ":3000", "/run/app.sock"
	Traffic  bool   // the fields below are known; of a unix socket the kernel tells nothing

	Unread, Unacked          bool          // bytes the app has not read, bytes the client has not got
	Received, Sent           bool          // whether there was any data from, to the client
	SinceReceived, SinceSent time.Duration // since the last of it (if none: since the connection began), in jiffies of 1 to 10 ms
}

// busy says what work a connection may stand for; empty if none. It knows no protocol. Who speaks last tells: a request
// is data from the client that nothing has followed yet, however long that takes; a connection kept alive for later has
// had its answer and then been silent.
//
// It errs on the side of busy for HTTP/2, where a client may have the last word (WINDOW_UPDATE). It errs the other way,
// after the silence, for an answer that pauses for longer (events, long polling after headers), and for a request that
// came within the same jiffy as the end of the answer before it and takes longer. Neither is lost: the stop that follows
// quiet is still the server's own, graceful one.
func (c Connection) busy(silence time.Duration) string {
	switch {
	case !c.Traffic:
		return "open"
	case c.Unread:
		return "a request is not read"
	case c.Unacked:
		return "an answer is on its way"
	case c.Received && (!c.Sent || c.SinceReceived < c.SinceSent):
		return "a request is not answered"
	case min(c.SinceReceived, c.SinceSent) < silence:
		return "used a moment ago"
	}
	return ""
}
