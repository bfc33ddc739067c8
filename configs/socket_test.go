package configs

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

const sockets = `
[restart]
on_limit = "restart"

[[socket]]
listen  = "tcp://0.0.0.0:3000"
backlog = 64
name    = "web"

[[socket]]
listen = "unix:///run/app.sock"
mode   = "0660"

[[socket]]
listen = "tcp://[::1]:3000"
`

func TestSocketsAreLoadedInTheirOrder(t *testing.T) {
	l := mustLoad(t, inFile(t, sockets))
	want := []Socket{
		{Listen: Endpoint{Address: netip.MustParseAddrPort("0.0.0.0:3000")}, Mode: 0o666, Backlog: 64, Name: "web"},
		{Listen: Endpoint{Path: "/run/app.sock"}, Mode: 0o660},
		{Listen: Endpoint{Address: netip.MustParseAddrPort("[::1]:3000")}, Mode: 0o666},
	}
	if !reflect.DeepEqual(l.Config.Sockets, want) || l.Warnings != nil {
		t.Errorf("got %+v and %q, want %+v", l.Config.Sockets, l.Warnings, want)
	}
}

func TestSocketsPrint(t *testing.T) {
	text := printed(t, mustLoad(t, inFile(t, sockets)))
	_, got, _ := strings.Cut(text, "\n[[")
	want := `socket]]
listen  = 'tcp://0.0.0.0:3000'  # reaperd.toml:6
backlog = 64                    # reaperd.toml:7
name    = "web"                 # reaperd.toml:8

[[socket]]
listen = 'unix:///run/app.sock'  # reaperd.toml:11
mode   = "0660"                  # reaperd.toml:12

[[socket]]
listen = 'tcp://[::1]:3000'  # reaperd.toml:15
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSocketsThatNothingNeedsAreWarnedOf(t *testing.T) {
	l := mustLoad(t, inFile(t, "[[socket]]\nlisten = \"tcp://0.0.0.0:3000\"\n"))
	if len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "nothing restarts it") {
		t.Errorf("got %q, want a word on the restart that is missing", l.Warnings)
	}
}

func TestMistakesInSockets(t *testing.T) {
	for _, row := range []struct {
		name string
		file string
		want string // each line below reaperd.toml:
	}{
		{"nothing to listen on", "[[socket]]\nname = \"web\"", `1: socket[web].listen: is missing (want e.g. "tcp://0.0.0.0:3000" or "unix:///run/app.sock")`},
		{"a table without a list", "[socket]\nlisten = \"tcp://0.0.0.0:1\"", `1: socket: a table is not a list of tables (want e.g. [[socket]])`},
		{"an unknown key", "[[socket]]\nlisten = \"tcp://0.0.0.0:1\"\nbacklock = 5",
			`3: socket[1].backlock: unknown key (the nearest known is socket[1].backlog)`},
		{"a number", "[[socket]]\nlisten = 3000", `2: socket[1].listen: 3000 is not an address to listen on (want e.g. "tcp://0.0.0.0:3000", "unix:///run/app.sock")`},
		{"no scheme", "[[socket]]\nlisten = \"0.0.0.0:3000\"", `2: socket[1].listen: "0.0.0.0:3000" does not begin with tcp:// (want "tcp://0.0.0.0:3000")`},
		{"another scheme", "[[socket]]\nlisten = \"http://0.0.0.0:3000\"",
			`2: socket[1].listen: "http://0.0.0.0:3000" is not an address to listen on (want e.g. "tcp://0.0.0.0:3000", "unix:///run/app.sock")`},
		{"a name", "[[socket]]\nlisten = \"tcp://localhost:3000\"",
			`2: socket[1].listen: "tcp://localhost:3000": "localhost" is not a numeric address, and reaperd resolves no names (want e.g. "tcp://127.0.0.1:3000")`},
		{"no address", "[[socket]]\nlisten = \"tcp://:3000\"",
			`2: socket[1].listen: "tcp://:3000" has no address (want "tcp://0.0.0.0:3000" for all of IPv4, "tcp://[::]:3000" for IPv6 too)`},
		{"no port", "[[socket]]\nlisten = \"tcp://0.0.0.0\"", `2: socket[1].listen: "tcp://0.0.0.0" has no port from 1 to 65535 (want e.g. "tcp://0.0.0.0:3000")`},
		{"port 0", "[[socket]]\nlisten = \"tcp://0.0.0.0:0\"", `2: socket[1].listen: "tcp://0.0.0.0:0" has no port from 1 to 65535 (want e.g. "tcp://0.0.0.0:3000")`},
		{"IPv6 without brackets", "[[socket]]\nlisten = \"tcp://::1:3000\"",
			`2: socket[1].listen: "tcp://::1:3000": an IPv6 address, and no other, stands in brackets (want e.g. "tcp://[::]:3000")`},
		{"a zone", "[[socket]]\nlisten = \"tcp://[fe80::1%eth0]:3000\"", `2: socket[1].listen: "tcp://[fe80::1%eth0]:3000": an address with a zone is not supported`},
		{"a relative path", "[[socket]]\nlisten = \"unix://run/app.sock\"",
			`2: socket[1].listen: "unix://run/app.sock" is not the absolute path of a file (want e.g. "unix:///run/app.sock")`},
		{"a long path", "[[socket]]\nlisten = \"unix:///" + strings.Repeat("x", 107) + "\"",
			`2: socket[1].listen: "unix:///` + strings.Repeat("x", 52) + `"... has a path of 108 bytes (the kernel takes at most 107)`},
		{"a mode that is a number", "[[socket]]\nlisten = \"unix:///a\"\nmode = 660", `3: socket[1].mode: a file mode is written as a string (want e.g. "0660")`},
		{"a mode with too much", "[[socket]]\nlisten = \"unix:///a\"\nmode = \"4755\"", `3: socket[1].mode: "4755" is not a file mode (want e.g. "0660")`},
		{"a mode of TCP", "[[socket]]\nlisten = \"tcp://0.0.0.0:1\"\nmode = \"0660\"", `3: socket[1].mode: only the file of a unix socket has a mode`},
		{"a backlog of nothing", "[[socket]]\nlisten = \"tcp://0.0.0.0:1\"\nbacklog = 0", `3: socket[1].backlog: 0 is out of range (want 1 to 65535)`},
		{"a name for nobody", "[[socket]]\nlisten = \"tcp://0.0.0.0:1\"\nname = \"a:b\"",
			`3: socket[1].name: "a:b" is not a name (want a letter, then letters, digits, - and _, at most 40)`},
		{"twice the same", "[[socket]]\nlisten = \"unix:///a\"\n[[socket]]\nlisten = \"unix:///a\"",
			`4: socket[2].listen: unix:///a cannot be held beside unix:///a (reaperd.toml:2): one of them takes the connections of both`},
		{"all of IPv6 takes IPv4 too", "[[socket]]\nlisten = \"tcp://127.0.0.1:3000\"\n[[socket]]\nlisten = \"tcp://[::]:3000\"",
			`4: socket[2].listen: tcp://[::]:3000 cannot be held beside tcp://127.0.0.1:3000 (reaperd.toml:2): one of them takes the connections of both`},
	} {
		_, mistakes := Load(inFile(t, row.file))
		var want []string
		for line := range strings.Lines(row.want) {
			want = append(want, "reaperd.toml:"+strings.TrimSuffix(line, "\n"))
		}
		if got := mistakes.Error(); got != strings.Join(want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", row.name, got, strings.Join(want, "\n"))
		}
	}
}

func TestWhatCanBeHeldBesideEachOther(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"0.0.0.0:1", "0.0.0.0:2", false},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{"127.0.0.1:1", "0.0.0.0:1", true},
		{"[::1]:1", "0.0.0.0:1", false},
		{"[::1]:1", "[::]:1", true},
		{"[::]:1", "0.0.0.0:1", true},
	} {
		a, b := Endpoint{Address: netip.MustParseAddrPort(row.a)}, Endpoint{Address: netip.MustParseAddrPort(row.b)}
		if a.overlaps(b) != row.want || b.overlaps(a) != row.want {
			t.Errorf("%s and %s: got overlap %v and %v, want %v", row.a, row.b, a.overlaps(b), b.overlaps(a), row.want)
		}
	}
}
