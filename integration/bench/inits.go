package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed testdata/probe.c
var probeSource []byte

//go:embed testdata/limits.toml
var limitsConfig []byte

// bench is what all parts share.
type bench struct {
	options
	probe    string
	inits    []contender // those that are installed; every one that is here
	versions []string    // of the peers, and which of them are missing
}

// contender is an init, as the words that come before the app's command line.
type contender struct {
	name string
	argv []string
}

const (
	reference = "tini" // what ratios are taken of
	ours      = "reaperd"
	limited   = "reaperd, limits"
)

// prepare compiles the probe, takes private copies of the binaries (their memory must be shared with nobody, and
// somebody may rebuild ours in the middle of a run) and looks which peers there are.
func prepare(o options, dir string) (*bench, error) {
	b := &bench{options: o, probe: filepath.Join(dir, "probe")}
	if os.Getuid() != 0 {
		return nil, errors.New("PID namespaces need root")
	}
	if err := b.compile(dir); err != nil {
		return nil, err
	}
	b.binary = filepath.Join(dir, "reaperd")
	if err := copyFile(b.binary, o.binary, 0o755); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "limits.toml")
	if err := os.WriteFile(config, limitsConfig, 0o644); err != nil {
		return nil, err
	}
	b.inits = append(b.inits, contender{"C floor", []string{b.probe, "floor"}})
	b.peers()
	b.inits = append(b.inits,
		contender{ours, []string{b.binary, "--"}},
		contender{limited, []string{b.binary, "-c", config, "--"}})
	for i, path := range o.also {
		to := fmt.Sprintf("%s.%d", b.binary, i)
		if err := copyFile(to, path, 0o755); err != nil {
			return nil, err
		}
		b.inits = append(b.inits, contender{path, []string{to, "--"}})
	}
	return b, nil
}

func (b *bench) compile(dir string) error {
	source := filepath.Join(dir, "probe.c")
	if err := os.WriteFile(source, probeSource, 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("cc", "-O2", "-static", "-o", b.probe, source).CombinedOutput(); err != nil {
		return fmt.Errorf("compile the probe (needs cc and a static C library; see make setup): %w\n%s", err, out)
	}
	return nil
}

// peers adds the inits that are installed. Without -s tini would warn where it is not PID 1.
func (b *bench) peers() {
	for _, peer := range []contender{
		{reference, []string{"tini", "-s", "--"}},
		{"docker-init", []string{"docker-init", "-s", "--"}},
		{"catatonit", []string{"catatonit", "--"}},
		{"dumb-init", []string{"dumb-init", "--"}},
	} {
		path, err := exec.LookPath(peer.argv[0])
		if err != nil {
			b.versions = append(b.versions, peer.name+" is not installed")
			continue
		}
		b.inits = append(b.inits, contender{peer.name, append([]string{path}, peer.argv[1:]...)})
		out, _ := exec.Command(path, "--version").CombinedOutput()
		first, _, _ := strings.Cut(string(out), "\n")
		b.versions = append(b.versions, peer.name+": "+strings.TrimSpace(first))
	}
}

// pick gives the contenders of these names, as far as they are here, in this order, and other builds of ours.
func (b *bench) pick(names ...string) (picked []contender) {
	for _, name := range slices.Concat(names, b.also) {
		for _, c := range b.inits {
			if c.name == name {
				picked = append(picked, c)
			}
		}
	}
	return picked
}

func copyFile(to, from string, mode os.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, mode)
}
