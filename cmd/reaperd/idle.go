package main

import (
	"os"
	"time"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/supervisor"
	"github.com/reaperd/reaperd/supervisor/idle"
)

// idleLooks are how many looks in a row must find the app idle, however short hold is.
const idleLooks = 2

// idleChecks makes the checks of [drain.idle] anew for each drain; nil if there are none.
func idleChecks(c configs.Idle, helpers func() []int) func() supervisor.IdleChecker {
	if !c.Set() {
		return nil
	}
	checks := idle.Checks{
		Title: c.Title, TitleOf: c.TitleOf, NoChildren: c.NoChildren, Connections: c.NoConnections, Silence: c.Silence,
		CPU:     idle.Flat{Ticks: uint64(c.CPUFlat / time.Second), For: c.CPUFlat}, // a tick is 10 ms: 1% of a core
		Command: c.Command,
		Hold:    idle.Hold{Looks: idleLooks, For: c.Hold},
	}
	return func() supervisor.IdleChecker { return idleChecker{idle.New(checks, "/proc", os.Getpid()), helpers} }
}

// idleChecker fits a Checker to the supervisor.
type idleChecker struct {
	*idle.Checker
	helpers func() []int
}

func (c idleChecker) target(main int) idle.Target {
	return idle.Target{Main: main, Helpers: c.helpers()}
}

func (c idleChecker) Learn(main int) { c.Checker.Learn(c.target(main)) }

func (c idleChecker) Look(now time.Time, main int) supervisor.IdleAnswer {
	return supervisor.IdleAnswer(c.Checker.Look(now, c.target(main)))
}

func (c idleChecker) Heard(now time.Time, exitCode int) supervisor.IdleAnswer {
	return supervisor.IdleAnswer(c.Checker.Heard(now, idle.Exited(exitCode)))
}
