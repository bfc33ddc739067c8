package servers

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// process is what the tests look at in /proc, as the host sees it.
type process struct {
	pid, ppid int
	state     byte
	title     string
}

func (p process) String() string { return fmt.Sprintf("%d %c %q", p.pid, p.state, p.title) }

// descendants lists the tree below pid, parents first.
func descendants(pid int) []process {
	children := map[int][]process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		title, _ := os.ReadFile(dir + "/cmdline")
		p := process{state: fields[0][0], title: strings.TrimSpace(strings.ReplaceAll(string(title), "\x00", " "))}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		p.ppid, _ = strconv.Atoi(fields[1])
		children[p.ppid] = append(children[p.ppid], p)
	}
	var all []process
	for next := children[pid]; len(next) > 0; {
		all = append(all, next...)
		var below []process
		for _, p := range next {
			below = append(below, children[p.pid]...)
		}
		next = below
	}
	return all
}

// accepted says whether the server has accepted a connection of ours: then its end belongs to a process.
func accepted(t *testing.T, conn net.Conn) bool {
	t.Helper()
	sockets, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	server, client := endpoint(conn.RemoteAddr()), endpoint(conn.LocalAddr())
	for line := range strings.Lines(string(sockets)) {
		f := strings.Fields(line)
		if len(f) > 9 && f[1] == server && f[2] == client {
			return f[9] != "0"
		}
	}
	return false
}

// endpoint is an address as /proc/net/tcp has it: the IP in the byte order of the machine, which is little-endian.
func endpoint(addr net.Addr) string {
	tcp := addr.(*net.TCPAddr)
	return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(tcp.IP.To4()), tcp.Port)
}

// stopped lists the frozen processes of a run.
func (r *running) stopped() []process {
	var frozen []process
	for _, p := range descendants(r.cmd.Process.Pid) {
		if p.state == 'T' {
			frozen = append(frozen, p)
		}
	}
	return frozen
}
