package servers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// redis starts a Redis for one world, outside the app's namespace: it lives on while the app is restarted.
func (w *world) redis() {
	w.t.Helper()
	need(w.t, "redis-server")
	socket := filepath.Join(w.dir, "redis.sock")
	w.helper("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", w.dir)
	w.env = append(w.env, "REDIS_SOCKET="+socket, "REDIS_URL=unix://"+socket)
	eventually(w.t, "Redis to answer", func() bool {
		_, err := w.list("journal")
		return err == nil
	})
}

// list reads a list out of Redis.
func (w *world) list(key string) ([]string, error) {
	conn, err := net.Dial("unix", filepath.Join(w.dir, "redis.sock"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "LRANGE %s 0 -1\r\n", key); err != nil {
		return nil, err
	}
	answer := bufio.NewReader(conn)
	n, err := length(answer, '*')
	var items []string
	for range n {
		size, err := length(answer, '$')
		if err != nil {
			return nil, err
		}
		item := make([]byte, size+2) // and CR LF
		if _, err := io.ReadFull(answer, item); err != nil {
			return nil, err
		}
		items = append(items, string(item[:size]))
	}
	return items, err
}

// length reads a line such as "*3" or "$5".
func length(answer *bufio.Reader, kind byte) (int, error) {
	line, err := answer.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("redis answers %q", line)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
