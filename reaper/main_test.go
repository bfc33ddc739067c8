package reaper

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy.
const patience = 30 * time.Second

// TestMain makes this binary the stage too, and the process on a terminal; see terminal_test.go. Tests here run one
// after the other: a sweep of one would take the exits of another.
func TestMain(m *testing.M) {
	Stage()
	if os.Getenv("REAPER_TEST") == "terminal" {
		os.Exit(onTerminal())
	}
	os.Exit(m.Run())
}

// sweeper sweeps as reaperd does and keeps what it finds.
type sweeper struct {
	*Reaper
	mu      sync.Mutex
	orphans []Exit
	stops   []Stop
}

// sweeping returns a Reaper that is swept until the test is over.
func sweeping(t *testing.T) *sweeper {
	t.Helper()
	s := &sweeper{Reaper: New()}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.run(over)
	}()
	t.Cleanup(func() {
		close(over)
		<-ended
	})
	return s
}

func (s *sweeper) run(over <-chan struct{}) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		found := s.Sweep()
		s.mu.Lock()
		s.orphans = append(s.orphans, found.Orphans...)
		s.stops = append(s.stops, found.Stops...)
		s.mu.Unlock()
		select {
		case <-died:
		case <-over:
			return
		}
	}
}

func (s *sweeper) found() (orphans []Exit, stops []Stop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Exit(nil), s.orphans...), append([]Stop(nil), s.stops...)
}

// begin starts a command that ends with the test at the latest.
func (s *sweeper) begin(t *testing.T, c Command) *Child {
	t.Helper()
	child, err := s.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Signal(syscall.SIGKILL) // the sweeper, which is stopped later, reaps it
		child.Release()
	})
	return child
}

func command(argv ...string) Command { return Command{Argv: argv, Env: os.Environ()} }

func wait(t *testing.T, c *Child) Exit {
	t.Helper()
	select {
	case exit := <-c.Exited:
		return exit
	case <-time.After(patience):
		t.Fatalf("pid %d: no exit after %v", c.PID, patience)
		return Exit{}
	}
}

// eventually polls for what sends no event.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// file writes a file and returns its path.
func file(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// descriptors are the open ones of this process.
func descriptors(t *testing.T) string {
	t.Helper()
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, name := range names {
		if to, err := os.Readlink("/proc/self/fd/" + name); err == nil {
			open = append(open, name+"→"+to)
		}
	}
	return strings.Join(open, " ")
}
