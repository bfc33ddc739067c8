package docker

import (
	"testing"
	"time"
)

// Docker gives a container 10 s, then KILLs it without a word. Either reaperd gets less than Docker gives, or Docker
// gives more than reaperd's default of 28 s.
func TestAppThatIgnoresTERM(t *testing.T) {
	t.Parallel()
	given, grace := "40", "2s"
	if long {
		given, grace = "10", "8s"
	}
	deaf := []string{"--", "/busybox", "sh", "-c", `trap "" TERM; echo deaf; while :; do /busybox sleep 1; done`}

	t.Run("a grace below Docker's time is reaperd's to end", func(t *testing.T) {
		t.Parallel()
		c := start(t, spec{image: scratchImage, cmd: append([]string{"--grace", grace}, deaf...)})
		c.log.wait(t, "^deaf", 1)
		began := time.Now()
		c.beginStop("-t", given).wait(t)
		c.log.wait(t, "escalated=true", 1)
		want, err := time.ParseDuration(grace)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < want {
			t.Errorf("docker stop: took %v, want no less than the grace of %v", took, want)
		}
		if got := c.exitCode(t); got != 137 {
			t.Errorf("exit code: got %d, want 137", got)
		}
	})
	t.Run("a grace above Docker's time is cut without a word", func(t *testing.T) {
		t.Parallel()
		c := start(t, spec{image: scratchImage, cmd: deaf})
		c.log.wait(t, "^deaf", 1)
		c.beginStop("-t", "1").wait(t)
		c.exitCode(t)
		if c.log.count("escalated") > 0 {
			t.Errorf("reaperd had the last word, want Docker's KILL")
		}
	})
	t.Run("--stop-timeout 30 leaves reaperd its 28 s", func(t *testing.T) {
		if !long {
			return // it takes the 28 s; a plain run has the two above
		}
		t.Parallel()
		c := start(t, spec{image: scratchImage, flags: []string{"--stop-timeout", "30"}, cmd: deaf})
		c.log.wait(t, "^deaf", 1)
		c.beginStop().wait(t)
		c.log.wait(t, "escalated=true", 1)
	})
}

func TestScratchImage(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		image string
		cmd   []string
		code  int
		says  string
	}{
		{"the image of make image knows itself", "reaperd-test/binary:latest", []string{"--version"}, 0, "^reaperd "},
		{"its default command is the help", "reaperd-test/binary:latest", nil, 0, "--config"},
		{"an app's code is kept", scratchImage, []string{"--", "/busybox", "sh", "-c", "exit 7"}, 7, ""},
		{"a missing command", scratchImage, []string{"--", "/missing"}, 127, "/missing"},
		{"a file that is no program", scratchImage, []string{"--", "/shared/reaperd.toml"}, 126, "reaperd.toml"},
		{"a bad configuration starts nothing", scratchImage, []string{"--limit", "threads=many", "--", "/busybox", "echo", "started"}, 125, "many"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, spec{image: row.image, cmd: row.cmd})
			if got := c.exitCode(t); got != row.code {
				t.Errorf("exit code: got %d, want %d", got, row.code)
			}
			if row.says != "" {
				c.log.wait(t, row.says, 1)
			}
			if c.log.count("^started") > 0 {
				t.Errorf("the app was started")
			}
		})
	}
}

func TestStaticAppInTheScratchImageIsDrainedAndRestarted(t *testing.T) {
	t.Parallel()
	c := start(t, spec{image: scratchImage, config: zombieLimit,
		cmd: []string{"-c", "/shared/reaperd.toml", "--", "/busybox", "sh", "-c", // which leaks in its first life only
			"[ -e /shared/once ] && exec /leaky signals TERM=0; : > /shared/once; exec /leaky zombies 20 20"}})
	c.log.wait(t, "limit tripped", 1)
	c.log.wait(t, "app bye", 1)
	c.log.wait(t, "app ready", 2)
	c.stopsWith(t, 0)
}
