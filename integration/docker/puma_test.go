package docker

import (
	"regexp"
	"strings"
	"testing"
)

// zombieLimit has the short times of a test; everything else is the default. It is what zombieRound leaks, to the last
// request. No min_uptime: zombies that come all at
// once right after it would look like the app's baseline the second time, and its drain would rest.
const zombieLimit = `
[limits]
interval   = "50ms"
min_uptime = "0s"

[limits.zombies]
warn  = 5
drain = 12
for   = "200ms"

[restart]
on_limit = "restart"
delay    = "100ms"
`

// Puma's own words: they do not depend on ours.
const (
	pumaStarts = `Puma starting in single mode`
	pumaDrains = `Gracefully stopping, waiting for requests to finish`
	pumaTERM   = 143 // Puma 5 ends a graceful stop by raising TERM again
)

func entrypoint(command ...string) []string {
	return append([]string{"reaperd", "-c", "/shared/reaperd.toml", "--"}, command...)
}

func pumaCommand() []string { return []string{"puma", "-C", "puma.rb"} }

// pumaBehindShell: TERM ends the shell at once, and Puma is what it leaves behind.
func pumaBehindShell() []string { return []string{"sh", "-c", "puma -C puma.rb; true"} }

func TestEveryOrphanIsReaped(t *testing.T) {
	t.Parallel()
	c := puma(t, spec{cmd: append([]string{"reaperd"}, pumaCommand()...)})
	n := 40
	if long {
		n = 1000
	}
	c.leak(t, "/orphan", n)
	eventually(t, "container with only reaperd and Puma in it", func() bool { return len(c.ps(t)) == 2 })
	c.stopsWith(t, pumaTERM)
	if got := c.log.count(`reaperd: `); got != 1 { // an end that is not the app's own is one line
		t.Errorf("lines of reaperd without any configuration: got %d, want 1", got)
	}
}

// A container that Docker restarted would have a new StartedAt.
func TestZombiesOfALivePumaDrainAndRestartItInPlace(t *testing.T) {
	t.Parallel()
	rounds := 1
	if long {
		rounds = 4 // fewer than restart.burst
	}
	for name, command := range map[string][]string{
		"Puma":                                  pumaCommand(),
		"Puma behind a shell that dies at once": pumaBehindShell(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := puma(t, spec{config: zombieLimit, cmd: entrypoint(command...)})
			started := c.inspect(t, "{{.State.StartedAt}}")
			for round := range rounds {
				zombieRound(t, c, round+1)
			}
			if got := c.inspect(t, "{{.State.StartedAt}}"); got != started {
				t.Errorf("container: started at %s, then at %s, want a restart in place", started, got)
			}
			c.stopsWith(t, 143)
		})
	}
}

// zombieRound takes the app over its limit with a request in flight and sees it drained and restarted.
func zombieRound(t *testing.T, c *container, n int) {
	t.Helper()
	before := c.answers(t)
	request := c.slowRequest(t)
	c.leak(t, "/zombie", 12)
	trip := c.log.wait(t, `limit tripped`, n)
	for _, want := range []string{"metric=zombies", "value=12", "limit=12", "puma", "[" + before + "]=12"} {
		if !strings.Contains(trip, want) {
			t.Errorf("trip line: got %q, want %q in it", trip, want)
		}
	}
	c.log.wait(t, pumaDrains, n)
	request.finishes(t)
	c.log.wait(t, pumaStarts, n+1)
	eventually(t, "new Puma", func() bool { pid := c.answers(t); return pid != before })
	for pid, p := range c.ps(t) {
		if strings.Contains(p.args, "puma srv") { // as the gem's children are named, zombies in brackets
			t.Errorf("left over after the restart: %s %v", pid, p)
		}
	}
	if n > 1 {
		return
	}
	all := c.log.String()
	story := all[strings.Index(all, trip):]
	if lines := regexp.MustCompile(`reaperd: `).FindAllString(story, -1); len(lines) >= 10 {
		t.Errorf("story of a drain: got %d lines, want under ten", len(lines))
	}
}

func TestDockerStop(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		flags []string
		cmd   []string
		code  int
		terms int // that Puma hears at most: two may arrive as one
	}{
		{"Puma finishes its request", nil, append([]string{"reaperd"}, pumaCommand()...), pumaTERM, 1},
		{"a shell that dies at once does not take Puma with it", nil, append([]string{"reaperd"}, pumaBehindShell()...), 143, 1},
		{"with -g Puma hears it as one of the group, then as a leftover", nil, append([]string{"reaperd", "-g"}, pumaBehindShell()...), 143, 2},
		{"below docker run --init the same", []string{"--init"}, append([]string{"reaperd"}, pumaBehindShell()...), 143, 1},
		{"reaperd below reaperd", nil, append([]string{"reaperd", "reaperd"}, pumaBehindShell()...), 143, 1},
		{"locked down", lockedDown, append([]string{"reaperd"}, pumaCommand()...), pumaTERM, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := puma(t, spec{flags: row.flags, cmd: row.cmd})
			request := c.slowRequest(t)
			stopped := c.beginStop("-t", "40")
			c.log.wait(t, pumaDrains, 1)
			request.finishes(t)
			stopped.wait(t)
			if got := c.exitCode(t); got != row.code {
				t.Errorf("exit code: got %d, want %d", got, row.code)
			}
			if got := c.log.count(pumaDrains); got < 1 || got > row.terms {
				t.Errorf("drains: got %d, want 1 to %d", got, row.terms)
			}
		})
	}
}

// What the test above guards against, seen with the init that Docker brings along.
func TestDockersOwnInitCutsTheRequestBehindAShell(t *testing.T) {
	t.Parallel()
	c := puma(t, spec{flags: []string{"--init"}, cmd: pumaBehindShell()})
	request := c.slowRequest(t)
	c.beginStop().wait(t)
	request.cut(t)
}

var lockedDown = []string{"--read-only", "--cap-drop", "ALL", "--user", "1000", "--security-opt", "no-new-privileges"}

func TestLockedDownContainerIsDrainedAndRestarted(t *testing.T) {
	t.Parallel()
	c := puma(t, spec{config: zombieLimit, flags: lockedDown, cmd: entrypoint(pumaCommand()...)})
	zombieRound(t, c, 1)
}

// foreman runs each line by a shell and is done when that shell is, so the line wants exec: see the Procfile.
func TestBehindAProcfileRunner(t *testing.T) {
	t.Parallel()
	c := puma(t, spec{
		config: zombieLimit,
		flags:  []string{"-e", "INIT_FLAGS=-c /shared/reaperd.toml"},
		cmd:    []string{"foreman", "start", "-t", "20"},
	})
	before := c.answers(t)
	if ps := c.ps(t); ps[ps[before].ppid].ppid == "0" {
		t.Fatalf("processes: got %v, want reaperd below the runner", ps)
	}
	c.leak(t, "/orphan", 20)
	eventually(t, "container without orphans", func() bool { return len(c.ps(t)) == 3 })
	zombieRound(t, c, 1)

	request := c.slowRequest(t)
	if out, err := try(patience, "docker", "kill", "-s", "TERM", c.name); err != nil {
		t.Fatalf("docker kill: %v\n%s", err, out)
	}
	c.log.wait(t, pumaDrains, 2)
	request.finishes(t)
	c.log.wait(t, `exited with code 143`, 1)
	c.exitCode(t)
	if got := c.log.count(pumaDrains); got != 2 {
		t.Errorf("drains: got %d, want one for the limit and one for the stop", got)
	}
}
