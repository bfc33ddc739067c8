// Command bench measures reaperd beside other inits, interleaved in one run, because only ratios of one run mean
// anything: see README.md for what is measured and how. It needs root (PID namespaces) and a C compiler.
package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// options are how much of everything is measured.
type options struct {
	binary  string
	also    []string
	only    string
	runs    int           // of each init, per start-up table
	tries   int           // TERMs at each delay
	idle    time.Duration // idle footprint window
	herd    int           // processes in the scan
	orphans int           // per round
	signals int           // per round
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == napping {
		nap()
	}
	var o options
	flag.StringVar(&o.binary, "bin", "bin/reaperd", "the reaperd to measure")
	flag.Func("also", "another build of reaperd, beside it in every table; repeatable", func(path string) error {
		o.also = append(o.also, path)
		return nil
	})
	flag.StringVar(&o.only, "only", "", "one part alone: "+strings.Join(partNames(), ", "))
	flag.IntVar(&o.runs, "runs", 200, "start-ups of each init")
	flag.IntVar(&o.tries, "tries", 200, "TERMs at each delay after the exec")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long idle inits are watched")
	flag.IntVar(&o.herd, "herd", 10000, "processes below reaperd in the scan")
	flag.IntVar(&o.orphans, "orphans", 500, "orphans in each of 5 rounds")
	flag.IntVar(&o.signals, "signals", 200, "signals in each of 5 rounds")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is one table, or a few that belong together.
type part struct {
	name    string
	measure func(*bench) error
}

func parts() []part {
	return []part{
		{"start", (*bench).start},
		{"idle", (*bench).idle},
		{"lost", (*bench).lost},
		{"stop", (*bench).stop},
		{"orphans", (*bench).orphans},
		{"signals", (*bench).signals},
		{"scan", (*bench).scan},
	}
}

func partNames() (names []string) {
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

func run(o options) error {
	// The children's parent-death signal is bound to this thread; and no collection may fall into a measurement.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	dir, err := os.MkdirTemp("", "reaperd-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := prepare(o, dir)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.headline(); err != nil {
		return err
	}
	found := false
	for _, p := range parts() {
		if o.only != "" && o.only != p.name {
			continue
		}
		found = true
		if err := p.measure(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		runtime.GC()
	}
	if !found {
		return fmt.Errorf("no part is called %q: want one of %s", o.only, strings.Join(partNames(), ", "))
	}
	fmt.Printf("\n%v in all, load now %s\n", time.Since(began).Round(time.Second), load())
	return nil
}

// headline says what the figures were taken on: without it they mean nothing.
func (b *bench) headline() error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(b.binary)
	if err != nil {
		return err
	}
	file, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d CPUs, load %s; Linux %s; %s; %s; reaperd %.2f MB\n", cpuModel(), runtime.NumCPU(), load(),
		unix.ByteSliceToString(uts.Release[:]), info.GoVersion, time.Now().Format(time.DateOnly), float64(file.Size())/1e6)
	fmt.Printf("peers: %s\n", strings.Join(b.versions, ", "))
	return nil
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return runtime.GOARCH
}
