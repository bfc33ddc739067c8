package vm

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	bootTime = 3 * time.Minute // 2 to 5 s on an idle core
	patience = 3 * time.Minute // for one script
)

// machine is a virtual machine that runs scripts.
type machine struct {
	shell net.Conn
	lines *bufio.Reader
	runs  int
	lost  bool // it did not answer
}

// boot starts a machine with cgroup "v1" or "v2", which ends with the test. /dev/kvm is not used: it may be there and hang.
func boot(t *testing.T, cgroups string) *machine {
	t.Helper()
	port := filepath.Join(t.TempDir(), "shell")
	listener, err := net.Listen("unix", port)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var console bytes.Buffer
	qemu := exec.Command("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "512", "-display", "none",
		"-nodefaults", "-no-user-config", "-no-reboot", "-serial", "stdio", "-serial", "unix:"+port,
		"-kernel", image.kernel, "-initrd", image.initramfs,
		"-append", "console=ttyS0 quiet panic=-1 psi=1 tsc=reliable cgroups="+cgroups)
	qemu.Stdout, qemu.Stderr = &console, &console
	if err := qemu.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		qemu.Process.Kill()
		qemu.Wait()
		if t.Failed() {
			t.Logf("console:\n%s", &console)
		}
	})
	listener.(*net.UnixListener).SetDeadline(time.Now().Add(bootTime))
	m := &machine{}
	if m.shell, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.shell.Close() })
	m.lines = bufio.NewReader(m.shell)
	m.until(t, "ready", bootTime)
	return m
}

// until reads up to a line that begins with a text, and gives what was before it and the line.
func (m *machine) until(t *testing.T, text string, limit time.Duration) (before, last string) {
	t.Helper()
	m.shell.SetReadDeadline(time.Now().Add(limit))
	var out strings.Builder
	for {
		line, err := m.lines.ReadString('\n')
		if err != nil {
			m.lost = true
			t.Fatalf("no %q from the machine: %v, after\n%s%s", text, err, &out, line)
		}
		if strings.HasPrefix(line, text) {
			return out.String(), strings.TrimSpace(line)
		}
		out.WriteString(line)
	}
}

// run runs a script, which ends at its first failure and must end well, and gives its output.
func (m *machine) run(t *testing.T, script string) string {
	t.Helper()
	if m.lost {
		t.Fatal("the machine did not answer before")
	}
	m.runs++
	done := fmt.Sprintf("--- end of script %d:", m.runs)
	if _, err := fmt.Fprintf(m.shell, "(\n%s\n%s\n) </dev/null 2>&1; code=$?; echo; echo \"%s $code\"\n", functions, script, done); err != nil {
		t.Fatal(err)
	}
	out, last := m.until(t, done, patience)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\nsaid\n%s", script, out)
		}
	})
	if last != done+" 0" {
		t.Fatalf("script: got %q, want 0", last)
	}
	return out
}

// quick has the short times of a test, as the beginning of a file for printf; a look costs ten times what it does without
// emulation, so the budget of the looks would be soon spent.
const quick = `[limits]\ninterval = "100ms"\nmin_uptime = "300ms"\n`

// headStart takes 64 MiB at once, in shared memory. The programs are small.
const headStart = `dd if=/dev/zero of=/tmp/shared bs=1M count=64 2>/dev/null`

// functions of every script: "group NAME" makes a cgroup below /sys/fs/cgroup and goes there, "inside NAME COMMAND..."
// runs a command in it, "till PATTERN FILE" waits until a file has the pattern, "ends N NAME COMMAND..." is
// the same and wants exit code N.
const functions = `
set -e
group() { mkdir /sys/fs/cgroup/$1; cd /sys/fs/cgroup/$1; }
inside() { sh -c 'echo $$ >/sys/fs/cgroup/$0/cgroup.procs && exec "$@"' "$@"; }
till() {
	n=0
	until grep -q "$1" $2; do
		n=$((n+1))
		[ $n -le 600 ] || { echo "no $1 in:"; cat $2; return 9; }
		usleep 100000
	done
}
ends() {
	want=$1 got=0; shift
	inside "$@" || got=$?
	[ $got = $want ] || { echo "exit code: got $got, want $want"; return 9; }
}
`
