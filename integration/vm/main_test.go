package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// image is what a machine boots, made by TestMain.
var image struct{ kernel, initramfs string }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "reaperd-vm")
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := findKernel(); err != nil {
		fmt.Fprintf(os.Stderr, "vm: NOTHING WAS TESTED IN A VIRTUAL MACHINE (make setup installs what it needs): %v\n", err)
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		return 1
	}
	return m.Run()
}

func findKernel() error {
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return err
	}
	var stderr strings.Builder
	script := exec.Command("./kernel.sh")
	script.Stderr = &stderr
	kernel, err := script.Output()
	if err != nil {
		return fmt.Errorf("kernel.sh: %w\n%s", err, &stderr)
	}
	image.kernel = strings.TrimSpace(string(kernel))
	return nil
}

// build makes everything else anew: a stale binary would prove nothing.
func build(dir string) error {
	programs := [][2]string{{"init", "init"}, {"bin/busybox", "/bin/busybox"}}
	for name, source := range map[string]string{"reaperd": "../../cmd/reaperd", "leaky": "../apps/leaky", "probe": "./probe"} {
		program := filepath.Join(dir, name)
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", source, err, out)
		}
		programs = append(programs, [2]string{"bin/" + name, program})
	}
	image.initramfs = filepath.Join(dir, "initramfs")
	return initramfs(image.initramfs, []string{"bin", "dev", "proc", "sys", "tmp"}, programs)
}
