package docker

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
)

func TestOrphansOfDockerExecAreReaped(t *testing.T) {
	t.Parallel()
	c := puma(t, spec{cmd: append([]string{"reaperd"}, pumaCommand()...)})
	n := 20
	if long {
		n = 500
	}
	c.exec(t, "sh", "-c", fmt.Sprintf("for i in $(seq %d); do (sleep 0.3 &); done", n))
	eventually(t, "container with only reaperd and Puma in it", func() bool { return len(c.ps(t)) == 2 })
}

// A person with a shell in the container must not lose it to a limit; when reaperd itself ends, the container does.
func TestDockerExecShellOutlivesARestart(t *testing.T) {
	t.Parallel()
	c := puma(t, spec{config: zombieLimit, cmd: entrypoint(pumaCommand()...)})
	shell := exec.Command("docker", "exec", "-i", c.name, "sh", "-c", `trap 'echo hit' TERM; echo here $$; while read line; do echo "read $line"; done`)
	keys, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := followCommand(t, shell)
	said.wait(t, "^here", 1)
	zombieRound(t, c, 1)
	if _, err := io.WriteString(keys, "still there\n"); err != nil {
		t.Fatal(err)
	}
	said.wait(t, "^read still there", 1)
	if strings.Contains(said.String(), "hit") {
		t.Errorf("the shell got a TERM of the drain")
	}
	c.stopsWith(t, pumaTERM)
}
