package docker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Images of this run, made from what is in the tree now.
const (
	rubyImage    = "reaperd-test/apps:latest"    // the Ruby image, the binary, the Ruby apps and the leaky program
	scratchImage = "reaperd-test/scratch:latest" // the image that `make image` makes, and static programs
)

// long asks for more of everything that is counted.
var long = os.Getenv("REAPERD_LONG") == "1"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if out, err := try(time.Minute, "docker", "info"); err != nil {
		fmt.Fprintf(os.Stderr, "no container engine answers, NO TEST IN CONTAINERS WAS RUN (make setup starts one): %v\n%s\n", err, out)
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	if err := buildImages(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// buildImages makes both images anew: they take a second, and a stale binary would prove nothing.
func buildImages() error {
	base, err := try(10*time.Minute, "./ruby-image.sh")
	if err != nil {
		return fmt.Errorf("build the Ruby image: %w\n%s", err, base)
	}
	dir, err := os.MkdirTemp("", "reaperd-images")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	lines := strings.Split(strings.TrimSpace(base), "\n")
	dockerfiles := map[string]string{
		"ruby.Dockerfile": "FROM " + lines[len(lines)-1] + `
COPY bin/reaperd bin/leaky /usr/bin/
COPY rack-leaky /app
COPY ruby-threads /ruby-threads
COPY rack-work /rack-work
COPY wsgi-work /wsgi-work
WORKDIR /app
ENV BIND=unix:///shared/app.sock?umask=0
`,
		"scratch.Dockerfile": "FROM reaperd-test/binary:latest\nCOPY bin/leaky bin/busybox /\n",
	}
	for name, text := range dockerfiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, step := range [][]string{
		{"env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", dir + "/bin/reaperd", "../../cmd/reaperd"},
		{"env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", dir + "/bin/leaky", "../apps/leaky"},
		{"cp", "-rL", "/bin/busybox", dir + "/bin/"},
		{"cp", "-r", "../apps/rack-leaky", "../apps/ruby-threads", "../apps/rack-work", "../apps/wsgi-work", dir},
		{"docker", "build", "-q", "-t", rubyImage, "-f", dir + "/ruby.Dockerfile", dir},
		{"docker", "build", "-q", "-t", "reaperd-test/binary:latest", "-f", "../../Dockerfile", dir},
		{"docker", "build", "-q", "-t", scratchImage, "-f", dir + "/scratch.Dockerfile", dir},
	} {
		if out, err := try(10*time.Minute, step...); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(step, " "), err, out)
		}
	}
	return nil
}

// try runs a command for at most a while and returns its output, both streams together.
func try(limit time.Duration, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done after %v", limit)
	}
	return string(out), err
}
