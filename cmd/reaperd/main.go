// The Go runtime need not read cgroups to size itself, nor name its mappings: ReserveThreads sets GOMAXPROCS for good.

//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0

// Command reaperd is a PID 1 that sees: it starts an app, reaps its orphans, forwards its signals, watches its whole
// process tree against limits, and drains it without losing work when one is reached.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
	"github.com/reaperd/reaperd/supervisor"
	"github.com/reaperd/reaperd/supervisor/sampler"
)

// version is set by the linker.
var version = "unknown"

// exitOurs is the exit code for a failure of reaperd's own: bad flags, bad configuration, a fork that failed.
const exitOurs = 125

// flushWait bounds how long the last log lines may hold up the end.
const flushWait = 200 * time.Millisecond

func main() {
	reaper.Stage()
	signals := supervisor.CatchEarly()
	os.Exit(run(signals, os.Args[1:]))
}

func run(signals *supervisor.Signals, args []string) int {
	line, err := parseCommandLine(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "reaperd: %v\nreaperd: see reaperd --help\n", err)
		return exitOurs
	}
	switch line.subcommand {
	case "help":
		fmt.Print(help())
		return 0
	case "version":
		fmt.Println("reaperd " + version)
		return 0
	case "check", "":
	default:
		fmt.Fprintf(os.Stderr, "reaperd: %s: not in this version (to run a program of that name: reaperd -- %s)\n", line.subcommand, line.subcommand)
		return exitOurs
	}
	loaded, mistakes := configs.Load(line.sources(os.Environ()))
	if len(mistakes) > 0 {
		for _, m := range mistakes {
			fmt.Fprintf(os.Stderr, "reaperd: %s\n", m.Error())
		}
		return exitOurs
	}
	if line.subcommand == "check" {
		return check(loaded, line.command)
	}
	if len(line.command) == 0 {
		fmt.Fprint(os.Stderr, "reaperd: no command given\n\n"+help())
		return exitOurs
	}
	return supervise(signals, loaded, line.command)
}

// supervise runs the app. From its start on nothing here may fail any more.
func supervise(signals *supervisor.Signals, loaded *configs.Loaded, command []string) int {
	c := loaded.Config
	log, writer := newLogger(hclog.LevelFromString(c.Log.Level), c.Log.Format == "json")
	defer writer.flush(flushWait)
	for _, w := range loaded.Warnings {
		log.Warn(w)
	}
	sayPreset(log, c.Preset, loaded.App)
	if c.Match != nil && c.Match.MatchString(strings.Join(command, " ")) {
		log.Info("drain.match also matches the command itself: if that is only a wrapper, begin with ^ and the name of what it starts")
	}
	for _, note := range socketNotes(c, command) {
		log.Warn(note)
	}
	inherited := inheritedDescriptors()
	held, err := holdSockets(loaded, inherited)
	if err != nil {
		fmt.Fprintf(os.Stderr, "reaperd: %v\n", err)
		return exitOurs
	}
	if held != nil {
		defer held.Remove()
	}
	for _, sig := range c.Drain.StopOn {
		signals.CatchToo(sig)
	}
	for sig := range c.Rewrite {
		signals.CatchToo(sig)
	}
	notifier, environ, closeNotify, err := openNotify(c.Notify, os.Environ())
	if err != nil {
		fmt.Fprintf(os.Stderr, "reaperd: %v\n", err)
		return exitOurs
	}
	defer closeNotify()
	pid1 := os.Getpid() == 1
	if !pid1 {
		if err := reaper.Subreaper(); err != nil {
			log.Warn("cannot become a subreaper: orphans will go to somebody else", "error", err)
		}
	}
	terminal := reaper.OpenTerminal()
	if terminal != nil && c.Restart.Overlap {
		log.Warn("restart.overlap is off: two apps cannot share a terminal")
		c.Restart.Overlap = false
	}
	options := sampler.Options{MemoryMetric: c.Limits.MemoryMetric, FDs: c.Limits.Of[policy.FDs].Active(), MinUptime: c.Limits.MinUptime}
	owned := reaper.New()
	options.Helpers = owned.Helpers
	eyes := newEyes(options, c)
	limits, maxUptime := ownLimits(c.Limits, rand.Float64())
	supervisor.StaySmall()
	supervisor.ReserveThreads()
	config := supervisor.Config{
		Reaper: owned,
		Command: reaper.Command{
			Argv:      command,
			Env:       environ,
			Pdeathsig: syscall.Signal(c.Pdeathsig),
			Terminal:  terminal,
			ListenPID: os.Getenv("LISTEN_PID") == fmt.Sprint(os.Getpid()),
			Sockets:   handOver(held, c.Sockets),
		},
		Plan: supervisor.Plan{
			Command:   supervisor.Printable(strings.Join(command, " ")),
			Drain:     c.Drain,
			Restart:   c.Restart,
			Hooks:     c.Hooks.Of,
			Rewrite:   c.Rewrite,
			ExitRemap: c.ExitRemap,
			MaxUptime: maxUptime,
			MinUptime: c.Limits.MinUptime,
			Watchdog:  c.Notify.Watchdog,
			Group:     c.Group,
			Terminal:  terminal != nil,
			PID1:      pid1,
			DryRun:    c.DryRun,
		},
		Limits:      limits,
		Match:       c.Match,
		Quiet:       quietMeans(c.Quiet),
		Idle:        idleChecks(c.Idle, owned.Helpers),
		Looker:      supervisor.Looker{Look: eyes.look, Notes: eyes.notes, Listen: listener(options, c.Limits)},
		Ready:       c.AskReady,
		OOMKills:    eyes.oomKills.Since,
		Notify:      notifier,
		Signals:     signals,
		Log:         log,
		Descriptors: inherited,
	}
	if held != nil {
		config.Sockets = held
	}
	return supervisor.Run(config)
}

// ownLimits are the limits of this replica: with a jitter, a little lower than the next one's.
func ownLimits(l configs.Limits, random float64) (supervisor.Limits, time.Duration) {
	own := supervisor.Limits{Interval: l.Interval, MinUptime: l.MinUptime}
	for m, limit := range l.Of {
		own.Of[m] = l.Jitter.Limit(limit, random)
	}
	for _, each := range l.Each {
		own.Each = append(own.Each, each.EachLimit)
	}
	return own, l.Jitter.Duration(l.MaxUptime, random)
}
