package docker

import (
	"fmt"
	"strings"
	"testing"
)

// rubyDies is how Ruby says that the kernel gives no more threads.
const rubyDies = "can't create Thread: Resource temporarily unavailable"

// threadLeaker leaks 20 threads a second.
var threadLeaker = []string{"ruby", "/ruby-threads/leak.rb", "20"}

// quick has the short times of a test.
const quick = `
[limits]
interval   = "100ms"
min_uptime = "300ms"
`

// nproc makes a container whose only user may have 100 tasks. RLIMIT_NPROC counts by uid on the whole host, so every
// test has a uid of its own.
func nproc(uid string) []string {
	return []string{"--user", uid, "--ulimit", "nproc=100:100"}
}

// Proof that what follows has something to prevent.
func TestThreadLeakerDiesAtRLIMIT_NPROC(t *testing.T) {
	t.Parallel()
	c := start(t, spec{flags: append(nproc("7001"), "--init"), cmd: threadLeaker})
	if got := c.exitCode(t); got != 1 {
		t.Errorf("exit code: got %d, want Ruby's 1", got)
	}
	c.log.wait(t, rubyDies, 1)
}

func TestThreadLeakerIsDrainedBelowTheCeiling(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		flags []string
		drain string
		want  []string // in the line that names the trip
	}{
		{"a number", nproc("7002"), `40`, []string{"limit=40"}},
		{"a share of RLIMIT_NPROC", nproc("7003"), `"60%"`, []string{`of="RLIMIT_NPROC of uid 7003"`, "limit=60"}},
		{"a share of --pids-limit", []string{"--pids-limit", "90"}, `"60%"`, []string{"of=pids.max", "limit=54"}},
		{"the nearer of two ceilings", append(nproc("7004"), "--pids-limit", "70"), `"60%"`, []string{"of=pids.max", "limit=42"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			config := quick + "[limits.threads]\nfor = \"300ms\"\ndrain = " + row.drain
			c := start(t, spec{config: config, flags: row.flags, cmd: entrypoint(threadLeaker...)})
			trip := c.log.wait(t, "limit tripped", 1)
			for _, want := range append(row.want, "metric=threads", "leak.rb") {
				if !strings.Contains(trip, want) {
					t.Errorf("trip line: got %q, want %q in it", trip, want)
				}
			}
			c.log.wait(t, "stopped by SIGTERM", 1)
			if got := c.exitCode(t); got != 75 {
				t.Errorf("exit code: got %d, want 75", got)
			}
			if c.log.count(rubyDies) > 0 {
				t.Errorf("the app ran into its ceiling")
			}
		})
	}
}

func TestThreadLeakerIsRestartedAgainAndAgain(t *testing.T) {
	t.Parallel()
	rounds := 2
	if long {
		rounds = 5 // restart.burst
	}
	config := quick + "[limits.threads]\nfor = \"300ms\"\ndrain = 40\n[restart]\non_limit = \"restart\"\ndelay = \"50ms\"\n"
	// The life that is stopped leaks nothing: another limit could be faster than docker stop.
	lives := fmt.Sprintf("echo >>/shared/lives; [ $(wc -l </shared/lives) -gt %d ] && echo enough && exec sleep 1000; exec %s", rounds, strings.Join(threadLeaker, " "))
	c := start(t, spec{config: config, flags: nproc("7005"), cmd: entrypoint("sh", "-c", lives)})
	c.log.wait(t, "stopped by SIGTERM", rounds)
	c.log.wait(t, "(?m)^enough", 1)
	c.stopsWith(t, 143)
	if c.log.count(rubyDies) > 0 {
		t.Errorf("the app ran into its ceiling")
	}
}

// Docker calls a container OOMKilled when any of its processes was.
func TestMemoryLeakerIsDrainedBelowTheCeiling(t *testing.T) {
	t.Parallel()
	limit := []string{"--memory", "128m", "--memory-swap", "128m"}
	leaker := []string{"/leaky", "memory", "1000", "16"} // MiB, MiB a second

	t.Run("without a limit it is killed", func(t *testing.T) {
		t.Parallel()
		c := start(t, spec{image: scratchImage, flags: limit, cmd: append([]string{"--"}, leaker...)})
		if got := c.exitCode(t); got != 137 {
			t.Errorf("exit code: got %d, want 137", got)
		}
		if got := c.inspect(t, "{{.State.OOMKilled}}"); got != "true" {
			t.Errorf("OOMKilled: got %s, want true", got)
		}
	})
	t.Run("at 85% it is drained", func(t *testing.T) {
		t.Parallel()
		config := quick + "[limits.memory]\nfor = \"300ms\"\ndrain = \"85%\""
		c := start(t, spec{image: scratchImage, config: config, flags: limit,
			cmd: append([]string{"-c", "/shared/reaperd.toml", "--"}, leaker...)})
		trip := c.log.wait(t, "limit tripped", 1)
		for _, want := range []string{"metric=memory", "limit=108.8MiB", "/leaky"} {
			if !strings.Contains(trip, want) {
				t.Errorf("trip line: got %q, want %q in it", trip, want)
			}
		}
		if got := c.exitCode(t); got != 75 {
			t.Errorf("exit code: got %d, want 75", got)
		}
		if got := c.inspect(t, "{{.State.OOMKilled}}"); got != "false" {
			t.Errorf("OOMKilled: got %s, want false", got)
		}
	})
	t.Run("Docker's init above us is no neighbour", func(t *testing.T) {
		t.Parallel()
		config := quick + "[limits.memory]\nwarn = \"10MiB\""
		c := start(t, spec{image: scratchImage, config: config, flags: append([]string{"--init"}, limit...),
			cmd: append([]string{"-c", "/shared/reaperd.toml", "--"}, "/leaky", "memory", "20", "1000")})
		if warning := c.log.wait(t, "limit warning", 1); !strings.Contains(warning, `source="cgroup anon+shmem`) {
			t.Errorf("got %q, want the number of the cgroup", warning)
		}
		c.stopsWith(t, 0)
	})
}
