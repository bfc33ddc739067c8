package integration

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// guest is a process that came into reaperd's namespaces as `docker exec` does: its parent is outside.
type guest struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   *output
	ended chan struct{}
}

func (r *running) exec(t *testing.T, argv ...string) *guest {
	t.Helper()
	g := &guest{t: t, out: newOutput(), ended: make(chan struct{})}
	g.cmd = exec.Command("nsenter", append([]string{"-t", fmt.Sprint(r.cmd.Process.Pid), "-p", "-m", "--"}, argv...)...)
	g.cmd.Env = []string{"PATH=/usr/bin:/bin", "LEAKY=" + leakyBin}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var ours []*os.File
	g.cmd.Stdout = g.out.pipe(t, &ours)
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ours[0].Close()
	go func() {
		g.cmd.Wait()
		close(g.ended)
	}()
	t.Cleanup(g.kill)
	return g
}

func (g *guest) wait() {
	g.t.Helper()
	select {
	case <-g.ended:
	case <-time.After(patience):
		g.t.Fatalf("%v still runs", g.cmd.Args)
	}
}

func (g *guest) gone() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

func (g *guest) kill() {
	if !g.gone() {
		syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
		<-g.ended
	}
}
