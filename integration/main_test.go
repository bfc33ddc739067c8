// Package integration runs the real binary against real processes: as PID 1 of a fresh PID namespace with its own
// /proc, as a subreaper below another PID 1, on a terminal, as another user, under limits.
//
// REAPERD_TEST_BIN names another binary to test (tini, say, to prove the harness), REAPERD_LONG=1 asks for the full
// counts. Namespaces need root: without it a test fails where CI is set and is skipped, loudly, elsewhere.
package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy. It is less than the
// 28s of a default budget, and than the 60s and more of other times that must not be waited for.
const patience = 20 * time.Second

// Where TestMain put the binaries.
var reaperdBin, leakyBin string

// A test that locks its thread ends it; the main thread never ends, so none may get it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel != nil && parallel.Value.String() == parallel.DefValue {
		parallel.Value.Set("6") // these tests mostly wait for other processes
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "reaperd-integration")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run these binaries
		return 0, err
	}
	reaperdBin, leakyBin = filepath.Join(dir, "reaperd"), filepath.Join(dir, "leaky")
	if err := build(filepath.Join(dir, "reaperd-net"), "../cmd/reaperd-net"); err != nil {
		return 0, err
	}
	if err := build(leakyBin, "./apps/leaky"); err != nil {
		return 0, err
	}
	if other := os.Getenv("REAPERD_TEST_BIN"); other != "" {
		if reaperdBin, err = filepath.EvalSymlinks(other); err != nil {
			return 0, err
		}
	} else if err := build(reaperdBin, "../cmd/reaperd"); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func build(to, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// long says whether the full counts were asked for, and picks one of two counts.
func long() bool { return os.Getenv("REAPERD_LONG") == "1" }

func count(quick, full int) int {
	if long() {
		return full
	}
	return quick
}
