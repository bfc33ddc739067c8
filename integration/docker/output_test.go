package docker

import (
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a command has said so far.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed when there is more
	ended   chan struct{} // closed when there will be no more
}

// follow runs a command for its output until it ends or the test does, and prints it if the test failed.
func follow(t *testing.T, command ...string) *output {
	t.Helper()
	return followCommand(t, exec.Command(command[0], command[1:]...))
}

func followCommand(t *testing.T, cmd *exec.Cmd) *output {
	t.Helper()
	o := &output{changed: make(chan struct{}), ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = o, o
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(o.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-o.ended
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(cmd.Args, " "), o)
		}
	})
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// count says how often a pattern occurs.
func (o *output) count(pattern string) int {
	return len(regexp.MustCompile(pattern).FindAllString(o.String(), -1))
}

// wait waits until a pattern has occurred n times and gives the line of the last.
func (o *output) wait(t *testing.T, pattern string, n int) string {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^.*(?:` + pattern + `).*$`)
	late := time.After(patience)
	for {
		o.mu.Lock()
		text, changed := o.text.String(), o.changed
		o.mu.Unlock()
		if found := lines.FindAllString(text, -1); len(found) >= n {
			return found[n-1]
		}
		select {
		case <-changed:
		case <-o.ended:
			// What came with the end counts: look once more before giving up.
			if found := lines.FindAllString(o.String(), -1); len(found) >= n {
				return found[n-1]
			}
			t.Fatalf("the output ended without %q (%d times)", pattern, n)
		case <-late:
			t.Fatalf("no %q (%d times) after %v", pattern, n, patience)
		}
	}
}

// wholly waits for the end of the output.
func (o *output) wholly(t *testing.T) {
	t.Helper()
	select {
	case <-o.ended:
	case <-time.After(patience):
		t.Fatalf("the output has no end after %v", patience)
	}
}

// eventually looks until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}
