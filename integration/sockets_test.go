package integration

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// addresses gives each test a loopback address of its own.
var addresses atomic.Uint32

func freeAddress() string {
	n := addresses.Add(1)
	return fmt.Sprintf("127.%d.%d.%d:3000", 1+os.Getpid()>>8%250, os.Getpid()%256, 1+n%250)
}

// holding is a configuration under which every end of the app is followed by another start.
func holding(listen ...string) string {
	config := "[restart]\non_exit = \"always\"\non_limit = \"restart\"\ndelay = \"300ms\"\nmax_delay = \"300ms\"\nburst = 100\n"
	for _, l := range listen {
		config += fmt.Sprintf("[[socket]]\nlisten = %q\n", l)
	}
	return config
}

// call connects, which no restart may refuse, and sends a line.
func call(t *testing.T, network, address, line string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(conn, line); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer gives the pid, in its namespace, of who has answered.
func answer(t *testing.T, conn net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(conn).ReadString('\n')
	_, pid, ok := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !ok {
		t.Fatalf("got %q and %v, want an answer", line, err)
	}
	return pid
}

// endApp ends the app behind reaperd's back and waits until it is gone.
func (r *running) endApp() {
	r.t.Helper()
	app := r.app().PID
	tell(r.t, app, syscall.SIGTERM)
	eventually(r.t, "the app to end", func() bool { return exe(app) != leakyBin })
}

func TestTheAppIsToldOfItsSockets(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "app.sock")
	config := fmt.Sprintf("[[socket]]\nlisten = \"tcp://%s\"\n[[socket]]\nlisten = \"unix://%s\"\nname = \"local\"\n", freeAddress(), socket)
	inherited := []*os.File{devNull(t), devNull(t), devNull(t)}
	r := launch(t, spec{App: sh(`exec "$LEAKY" report`), Config: config, Env: []string{"LISTEN_PID=7", "LISTEN_FDS=9"},
		Extra: inherited, Stage: stage{Close: []int{3, 4}}})
	got := r.report()
	for _, want := range []string{fmt.Sprintf("LISTEN_PID=%d", got.PID), "LISTEN_FDS=2", "LISTEN_FDNAMES=unknown:local"} {
		if !slices.Contains(got.Env, want) {
			t.Errorf("got %q, want %s", got.Env, want)
		}
	}
	if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(got.FDs, want) {
		t.Errorf("got descriptors %v, want the two sockets and the inherited 5", got.FDs)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("got %v, want the file of the socket gone with reaperd", err)
	}
}

func TestEveryIncarnationAnswersOnTheSameSockets(t *testing.T) {
	t.Parallel()
	v4, dir := freeAddress(), t.TempDir()
	v6 := fmt.Sprintf("[::1]:%d", 20000+os.Getpid()%10000) // below the ports that the kernel gives to clients
	socket := filepath.Join(dir, "app.sock")
	for network, where := range map[string]string{"tcp4": v4, "tcp6": v6, "unix": socket} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			listen := map[string]string{"tcp4": "tcp://", "tcp6": "tcp://", "unix": "unix://"}[network] + where
			r := start(t, spec{App: leaky("held"), Config: holding(listen)})
			r.says("ready 1")
			held := socketsOf(r.app().PID)
			last := answer(t, call(t, network, where, "first"))
			for range count(3, 20) {
				r.endApp()
				waiting := call(t, network, where, "in the gap")
				next := answer(t, waiting)
				if next == last {
					t.Errorf("answered by %s, want the next incarnation", next)
				}
				last = next
			}
			eventually(t, "the last client to be gone", func() bool { return len(socketsOf(r.app().PID)) == 1 })
			if now := socketsOf(r.app().PID); !slices.Equal(now, held) {
				t.Errorf("the app has %v, want %v as its first incarnation", now, held)
			}
			r.signal(syscall.SIGTERM)
			r.wants(0)
		})
	}
}

// socketsOf lists the sockets that a process has open.
func socketsOf(pid int) []string {
	var found []string
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if to, _ := os.Readlink(dir + "/" + e.Name()); strings.HasPrefix(to, "socket:") {
			found = append(found, to)
		}
	}
	return found
}

// Whoever comes when all is to end is told so at once, as without us; what is in flight is finished.
func TestAStopForGoodLetsTheSocketsGo(t *testing.T) {
	t.Parallel()
	address, socket := freeAddress(), filepath.Join(t.TempDir(), "app.sock")
	release := filepath.Join(t.TempDir(), "release")
	r := start(t, spec{App: leaky("held"), Config: holding("tcp://"+address, "unix://"+socket), Env: []string{"RELEASE=" + release}})
	r.says("ready 2")
	slow := call(t, "tcp", address, "slow")
	r.says("slow request")
	r.signal(syscall.SIGTERM)
	r.says("draining")
	for network, where := range map[string]string{"tcp": address, "unix": socket} {
		eventually(t, network+" to be refused", func() bool {
			conn, err := net.Dial(network, where)
			if err == nil {
				conn.Close()
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		})
	}
	if err := os.WriteFile(release, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	answer(t, slow)
	r.wants(0)
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("got %v, want the file of the socket gone with reaperd", err)
	}
}

// What is ours to start beside the app gets neither the sockets nor their names.
func TestHelpersDoNotGetTheSockets(t *testing.T) {
	t.Parallel()
	seen := filepath.Join(t.TempDir(), "seen")
	script := filepath.Join(t.TempDir(), "idle")
	text := fmt.Sprintf("#!/bin/sh\n{ readlink /proc/$$/fd/*; env; } > %[1]s.new && mv %[1]s.new %[1]s\n", seen)
	writeExecutable(t, script, text, 0o755)
	r := start(t, spec{App: sh(`"$LEAKY" zombies 20 & exec "$LEAKY" held`), Config: holding("tcp://"+freeAddress()) +
		zombieLimit + "[drain.idle]\ncommand = [\"" + script + "\"]\nhold = \"0s\"\n"})
	r.logs("idle: after=")
	got, err := os.ReadFile(seen)
	if err != nil || strings.Contains(string(got), "socket:") || strings.Contains(string(got), "LISTEN_") || !strings.Contains(string(got), "PATH=") {
		t.Errorf("a helper has %v\n%s", err, got)
	}
}

// The idle check sees connections that came in by a held socket; one that waits for the next incarnation is none.
func TestConnectionsByAHeldSocketKeepTheAppBusy(t *testing.T) {
	t.Parallel()
	address, leak, release := freeAddress(), filepath.Join(t.TempDir(), "leak"), filepath.Join(t.TempDir(), "release")
	r := start(t, spec{App: sh(`(until [ -e "$LEAK" ]; do sleep 0.05; done; exec "$LEAKY" zombies 20) & exec "$LEAKY" held`),
		Env: []string{"RELEASE=" + release, "LEAK=" + leak},
		Config: "log.level = \"debug\"\n" + holding("tcp://"+address) + zombieLimit +
			"[drain]\nquiet_timeout = \"10m\"\n[drain.idle]\nno_connections = true\nsilence = \"100ms\"\nhold = \"0s\"\n"})
	r.says("app ready 1")
	slow := call(t, "tcp", address, "slow")
	r.says("slow request")
	if err := os.WriteFile(leak, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.logs("not idle yet", "a request is not answered")
	if err := os.WriteFile(release, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	answer(t, slow)
	r.logs("idle: after=")
}

func TestWhatIsInTheWayOfASocket(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", freeAddress())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	dir := t.TempDir()
	listening, file := dir+"/listening.sock", dir+"/file"
	other, err := net.Listen("unix", listening)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, listen string
		extra        []*os.File
		want         []string
	}{
		{"a port", "tcp://" + taken.Addr().String(), nil, []string{"address already in use"}},
		{"an address of somebody else", "tcp://192.0.2.1:3000", nil, []string{"no interface here has that address"}},
		{"a listener at the path", "unix://" + listening, nil, []string{"somebody listens there already"}},
		{"a file at the path", "unix://" + file, nil, []string{"a file that is no socket is in the way"}},
		{"no directory", "unix://" + dir + "/no/app.sock", nil, []string{"there is no directory " + dir + "/no"}},
		{"an inherited descriptor", "tcp://" + freeAddress(), []*os.File{devNull(t)}, []string{"at descriptor 3, where something inherited is open"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := launch(t, spec{App: sh("echo started"), Config: holding(row.listen), Extra: row.extra})
			r.wants(125)
			r.logs(append(row.want, "reaperd.toml:8: socket[1].listen:")...)
			if r.out.String() != "" {
				t.Errorf("got %q, want no start", r.out)
			}
		})
	}
	if _, err := os.Stat(listening); err != nil {
		t.Error(err)
	}
}

// systemd has given us sockets: they come first, and ours would have their numbers.
func TestSocketsOfOursBesideThoseOfSystemdAreRefused(t *testing.T) {
	t.Parallel()
	r := launch(t, spec{App: sh("echo started"), Config: holding("tcp://" + freeAddress()), Extra: []*os.File{devNull(t)},
		Env: []string{"LISTEN_PID=1", "LISTEN_FDS=1"}})
	r.wants(125)
	r.logs("what systemd hands over itself needs no [[socket]]")
}

func TestASocketThatWasLeftBehindIsReplaced(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	r := start(t, spec{App: leaky("held"), Config: "[[socket]]\nlisten = \"unix://" + socket + "\"\nmode = \"0660\"\n"})
	r.says("ready 1")
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("got %v and %v, want mode 0660", info, err)
	}
	answer(t, call(t, "unix", socket, "x"))
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// An app that has closed what it was given leaves its clients to wait: that is said, with the pid that we have named.
func TestAnAppThatDoesNotServeItsSocketsIsToldOf(t *testing.T) {
	t.Parallel()
	address := freeAddress()
	r := start(t, spec{App: leaky("held", "close"), Config: holding("tcp://" + address)})
	r.logs("the app does not serve a held socket", "socket=tcp://"+address, `why="it has closed it"`, "listen_pid=")
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

func TestAnAppThatCannotBindWhatIsHeldGetsAHint(t *testing.T) {
	t.Parallel()
	address := freeAddress()
	r := launch(t, spec{App: leaky("web", "tcp", address, "0s"), Config: "[restart]\non_exit = \"always\"\nburst = 1\ndelay = \"10ms\"\n" +
		"[[socket]]\nlisten = \"tcp://" + address + "\"\n"})
	r.wants(125) // the fixture's own code
	r.logs("address already in use")
	if n := r.err.count("it does not take over the sockets held for it"); n != 1 {
		t.Errorf("got the hint %d times, want it once", n)
	}
}

func TestAWrapperThatKeepsTheSocketsIsWarnedOf(t *testing.T) {
	t.Parallel()
	config := holding("tcp://" + freeAddress())
	file := writeConfig(t, config)
	const want = "sh may stay in front of the server"
	checked := func(command ...string) string {
		r := launch(t, spec{NoReaper: true, App: append([]string{reaperdBin, "check", "-c", file, "--"}, command...)})
		r.wants(0)
		return r.out.String()
	}
	if got := checked("sh", "-c", "puma; true"); !strings.Contains(got, want) || !strings.Contains(got, "LISTEN_PID") {
		t.Errorf("got\n%s\nwant a note on sh", got)
	}
	if got := checked("sh", "-c", "exec puma"); strings.Contains(got, "may stay in front") {
		t.Errorf("got\n%s\nwant no note", got)
	}
	r := launch(t, spec{App: sh("exit 0; puma"), Config: strings.Replace(config, "always", "never", 1)})
	r.wants(0)
	r.logs(want)
}
