package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Socket is a [[socket]] table: one that reaperd holds for the app.
type Socket struct {
	Listen  Endpoint
	Mode    uint32 // of a unix socket's file
	Backlog int    // 0: the longest that the kernel allows
	Name    string // in LISTEN_FDNAMES
}

// Endpoint is where a socket is bound: a numeric address and port, or a path.
type Endpoint struct {
	Address netip.AddrPort
	Path    string // absolute; "" for TCP
}

// String is the endpoint as it stands in a file: "tcp://0.0.0.0:3000", "unix:///run/app.sock".
func (e Endpoint) String() string {
	if e.Path != "" {
		return "unix://" + e.Path
	}
	return "tcp://" + e.Address.String()
}

// SocketAt names the place and the key of a socket, by its place in the list.
func (l *Loaded) SocketAt(i int) string {
	for _, v := range l.Values {
		if strings.HasPrefix(v.Key, socketList+"[") && lastWord(v.Key) == "listen" {
			if i--; i < 0 {
				return printable(v.Source) + ": " + v.Key
			}
		}
	}
	return socketList
}

// longestPath is what fits sun_path with its terminating zero; see unix(7).
const longestPath = 107

const anyone = 0o666 // may connect, as with systemd's SocketMode

func socketRegistry() registry[Socket] {
	backlog := bind("backlog", whole("1024", 1, 65535), func(s *Socket) *int { return &s.Backlog })
	backlog.shown = func(s *Socket) bool { return s.Backlog > 0 }
	mode := bind("mode", fileMode(), func(s *Socket) *uint32 { return &s.Mode })
	mode.shown = func(s *Socket) bool { return s.Listen.Path != "" }
	name := bind("name", eachName(), func(s *Socket) *string { return &s.Name })
	name.shown = func(s *Socket) bool { return s.Name != "" }
	return registry[Socket]{
		bind("listen", endpoint(), func(s *Socket) *Endpoint { return &s.Listen }),
		mode, backlog, name,
	}
}

func endpoint() kind[Endpoint] {
	return kind[Endpoint]{
		noun: "an address to listen on", example: `"tcp://0.0.0.0:3000", "unix:///run/app.sock"`,
		parse: func(raw any) (Endpoint, error) {
			s, ok := raw.(string)
			if !ok {
				return Endpoint{}, errKind
			}
			if path, ok := strings.CutPrefix(s, "unix://"); ok {
				return parsePath(path)
			}
			if address, ok := strings.CutPrefix(s, "tcp://"); ok {
				return parseAddress(s, address)
			}
			if _, err := parseAddress(s, s); err == nil {
				return Endpoint{}, fmt.Errorf("%s does not begin with tcp:// (want %q)", show(s), "tcp://"+s)
			}
			return Endpoint{}, errKind
		},
		print: func(e Endpoint) string { return literal(e.String()) },
	}
}

func parsePath(path string) (Endpoint, error) {
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0):
		return Endpoint{}, fmt.Errorf("%s is not the absolute path of a file (want e.g. \"unix:///run/app.sock\")", show("unix://"+path))
	case len(path) > longestPath:
		return Endpoint{}, fmt.Errorf("%s has a path of %d bytes (the kernel takes at most %d)", show("unix://"+path), len(path), longestPath)
	}
	return Endpoint{Path: path}, nil
}

// parseAddress reads "0.0.0.0:3000" or "[::]:3000". Names are refused: PID 1 resolves none.
func parseAddress(text, address string) (Endpoint, error) {
	colon := strings.LastIndexByte(address, ':')
	host, port := address[:max(0, colon)], address[colon+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip, notIP := netip.ParseAddr(bare)
	switch {
	case colon < 0 || err != nil || n == 0:
		return Endpoint{}, fmt.Errorf("%s has no port from 1 to 65535 (want e.g. \"tcp://0.0.0.0:3000\")", show(text))
	case host == "":
		return Endpoint{}, fmt.Errorf("%s has no address (want \"tcp://0.0.0.0:%d\" for all of IPv4, \"tcp://[::]:%d\" for IPv6 too)", show(text), n, n)
	case notIP != nil:
		return Endpoint{}, fmt.Errorf("%s: %s is not a numeric address, and reaperd resolves no names (want e.g. \"tcp://127.0.0.1:%d\")", show(text), show(host), n)
	case ip.Zone() != "":
		return Endpoint{}, fmt.Errorf("%s: an address with a zone is not supported", show(text))
	case ip.Is6() != (bare != host):
		return Endpoint{}, fmt.Errorf("%s: an IPv6 address, and no other, stands in brackets (want e.g. \"tcp://[::]:%d\")", show(text), n)
	}
	return Endpoint{Address: netip.AddrPortFrom(ip.Unmap(), uint16(n))}, nil
}

// fileMode is written as chmod(1) takes it. A bare number is refused: 660 is not 0660.
func fileMode() kind[uint32] {
	const example = `"0660"`
	return kind[uint32]{
		noun: "a file mode", example: example,
		parse: func(raw any) (uint32, error) {
			s, ok := raw.(string)
			if _, number := raw.(int64); number {
				return 0, errors.New(`a file mode is written as a string (want e.g. ` + example + `)`)
			}
			mode, err := strconv.ParseUint(s, 8, 32)
			if !ok || err != nil || mode > 0o777 {
				return 0, errKind
			}
			return uint32(mode), nil
		},
		print: func(mode uint32) string { return fmt.Sprintf(`"%04o"`, mode) },
	}
}

// setSockets takes the tables of a layer.
func (l *loader) setSockets(at place, tables []listed) {
	var before []Socket
	var places []place
	fresh := func() Socket { return Socket{Mode: anyone} }
	l.config.Sockets, l.socketLabels = setTables(l, socketList, at, tables, socketRegistry(), fresh, func(t listed, s Socket) {
		if !t.sets("listen") {
			l.wrong(t.at, t.label+".listen", `is missing (want e.g. "tcp://0.0.0.0:3000" or "unix:///run/app.sock")`)
		}
		if s.Listen == (Endpoint{}) {
			return
		}
		listenAt := l.at(t.label + ".listen")
		if s.Listen.Path == "" && t.sets("mode") {
			l.wrong(l.at(t.label+".mode"), t.label+".mode", "only the file of a unix socket has a mode")
		}
		for i, other := range before {
			if s.Listen.overlaps(other.Listen) {
				l.wrong(listenAt, t.label+".listen", "%s cannot be held beside %s (%s): one of them takes the connections of both",
					s.Listen, other.Listen, places[i].name)
			}
		}
		before, places = append(before, s), append(places, listenAt)
	})
}

// overlaps says whether the kernel would refuse to bind both: an address that is all zero takes every one of its family,
// and [::] those of IPv4 as well.
func (e Endpoint) overlaps(other Endpoint) bool {
	if e.Path != "" || other.Path != "" {
		return e.Path == other.Path
	}
	a, b := e.Address.Addr(), other.Address.Addr()
	takes := func(a, b netip.Addr) bool { return a == b || a.IsUnspecified() && (a.Is6() || b.Is4()) }
	return e.Address.Port() == other.Address.Port() && (takes(a, b) || takes(b, a))
}

// sockets says where holding them can be of no use.
func (l *loader) sockets() {
	if len(l.config.Sockets) > 0 && !l.config.Restart.Possible() {
		l.warnings = append(l.warnings, `[[socket]] holds what the app listens on while it is restarted, but nothing restarts it: `+
			`set restart.on_limit = "restart", or restart.on_exit`)
	}
}
