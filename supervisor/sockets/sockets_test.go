package sockets

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/supervisor/sockstat"
)

func tcp(address string) Socket {
	a := netip.MustParseAddrPort(address)
	s := Socket{Address: sockstat.Address{Family: unix.AF_INET6, Port: a.Port()}, Text: "tcp://" + address}
	if a.Addr().Is4() {
		s.Address.Family = unix.AF_INET
	}
	copy(s.Address.IP[:], a.Addr().AsSlice())
	return s
}

// port is one of this test's own, below those that the kernel gives to clients.
func port() int { return 10000 + os.Getpid()%10000 }

// own is an address of this test's own.
func own(n int) string {
	return fmt.Sprintf("127.%d.%d.%d:3001", 1+os.Getpid()>>8%250, os.Getpid()%256, n)
}

func atPath(path string, mode uint32) Socket {
	return Socket{Address: sockstat.Address{Family: unix.AF_UNIX, Path: path}, Mode: mode, Text: "unix://" + path}
}

func TestHeldSocketsTakeConnectionsUntilTheyAreLetGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	h, err := Hold([]Socket{tcp(own(1)), tcp(fmt.Sprintf("[::]:%d", port())), atPath(path, 0o640)})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.FDs()) != 3 {
		t.Errorf("got %v, want three descriptors", h.FDs())
	}
	reach := func(network, address string) error {
		conn, err := net.Dial(network, address)
		if err == nil {
			conn.Close()
		}
		return err
	}
	places := map[string]string{"tcp4": fmt.Sprintf("127.0.0.1:%d", port()), "tcp6": fmt.Sprintf("[::1]:%d", port()), "unix": path}
	for network, address := range places {
		if err := reach(network, address); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v and %v, want mode 0640", info, err)
	}
	h.LetGo()
	h.LetGo()
	for network, address := range places {
		if err := reach(network, address); err == nil {
			t.Errorf("%s %s: connected, want it refused", network, address)
		}
	}
	h.Remove()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want the file gone", err)
	}
}

func TestAFileThatIsNotOursAnyMoreStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	h, err := Hold([]Socket{atPath(path, 0o600)})
	if err != nil {
		t.Fatal(err)
	}
	os.Rename(path, path+".old") // its inode stays in use
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	h.LetGo()
	h.Remove()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestAllOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	first := tcp(own(2))
	if _, err := Hold([]Socket{first, atPath(path, 0o600), first}); err == nil {
		t.Fatal("got no error, want one: the address is taken twice")
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want no file", err)
	}
	h, err := Hold([]Socket{first})
	if err != nil {
		t.Fatalf("got %v, want the address free again", err)
	}
	h.LetGo()
}

// Whoever holds the port is named.
func TestWhoIsInTheWayIsNamed(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", own(3))
	if err != nil {
		t.Fatal(err)
	}
	path, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/app.sock"})
	if err != nil {
		t.Fatal(err)
	}
	path.SetUnlinkOnClose(false)
	one, _ := taken.(*net.TCPListener).File()
	two, _ := path.File()
	other := exec.Command("sleep", "1000")
	other.ExtraFiles = []*os.File{one, two}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	for _, c := range []interface{ Close() error }{one, two, taken, path} {
		c.Close()
	}
	for _, s := range []Socket{tcp(own(3)), atPath(dir+"/app.sock", 0o600)} {
		_, err := Hold([]Socket{s})
		// A child that another test is just starting may have the socket, too, until its exec.
		want := fmt.Sprintf("sleep[%d]", other.Process.Pid)
		if err == nil || !strings.Contains(err.Error(), "(by ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want (by %s)", err, want)
		}
	}
}
