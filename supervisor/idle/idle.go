// Package idle answers one question of a drain: has the app finished what it was doing? It reads /proc and asks the
// kernel about sockets; it starts nothing and speaks to nobody. A check that needs a program (which is also how anything
// behind a network is asked, see cmd/reaperd-net) is handed back to the caller, for only package reaper forks.
//
// Idle is when every configured check says so at the same look, look after look for as long as Hold asks. What cannot be
// read is unknown, never idle: it ends the row, and the drain goes on to its deadline.
//
// judge.go and connection.go decide, and read nothing; read.go and sockets.go read, and decide nothing.
package idle

import (
	"regexp"
	"time"
)

// Checks are what must hold for the app to be idle. The zero value asks nothing and is never idle.
type Checks struct {
	// Title must match the title (the command line, words joined by spaces) of at least one process. A title is as fresh
	// as its process keeps it: Sidekiq writes its own every 5 s (up to 6.5) or 10 s (from 7.3), so let Hold span two.
	Title *regexp.Regexp
	// TitleOf picks the processes that matter: then each that it matches must match Title, and there must be one.
	TitleOf *regexp.Regexp
	// NoChildren: the main process has no living child (resque forks one for a job). A zombie works no more.
	NoChildren bool
	// Connections: no connection to a socket that the app listens on is at work; see Connection.
	Connections bool
	Silence     time.Duration // after which an open connection is idle; default 5 s
	// CPU is flat: the tree used less than Ticks (of 10 ms) over the last For. Off unless For is positive. A job that
	// waits for a database uses none, so this alone proves little.
	CPU Flat
	// Command, if not empty, exits with 0 when the app is idle. It is asked last, when all other checks say idle.
	Command []string

	Hold Hold
}

// Flat is a bound on the processor time used over a time.
type Flat struct {
	Ticks uint64
	For   time.Duration
}

// Hold is how long all must hold: at so many looks in a row (at least 1), the first and the last so far apart.
type Hold struct {
	Looks int
	For   time.Duration
}

// DefaultSilence is how long a connection says nothing before it counts as kept alive for later.
const DefaultSilence = 5 * time.Second

// local says whether any check is answered without a command.
func (c Checks) local() bool {
	return c.Title != nil || c.NoChildren || c.Connections || c.CPU.For > 0
}

// Target is the app that is asked about.
type Target struct {
	Main    int   // its main process
	Helpers []int // children of reaperd that are not the app: hooks, commands of checks; each leads a session
	Alone   bool  // only what descends from Main: another incarnation lives beside it, and orphans could be of either
}

// Result is what a look found. Why says in a few words what speaks against idle, or what could not be read.
type Result struct {
	Idle  bool
	Known bool
	Why   string
	// Ask is a command to run before the result stands; its answer goes to Heard. No other field is set then.
	Ask []string
}

// Answer is what one check, or all of them at one look, say.
type Answer struct {
	Idle, Known bool
	Why         string
}

func busy(why string) Answer    { return Answer{Known: true, Why: why} }
func unknown(why string) Answer { return Answer{Why: why} }

var idleNow = Answer{Idle: true, Known: true}

// Checker looks again and again during one drain. One goroutine at a time may use it, and not the loop's: reading a title
// takes the memory lock of its process, which one in trouble may hold for long.
type Checker struct {
	checks Checks
	reader reader
	judge  judge
}

// New makes a Checker for one drain of one app. Proc is where proc is mounted, self our own pid in it.
func New(checks Checks, proc string, self int) *Checker {
	if checks.Silence <= 0 {
		checks.Silence = DefaultSilence
	}
	return &Checker{checks: checks, reader: reader{proc: proc, self: self}, judge: judge{checks: checks}}
}

// Learn notes which sockets the app listens on. Call it before the app is asked to be quiet: Puma and nginx close theirs
// then, and nothing tells afterwards which connections came through them.
func (c *Checker) Learn(target Target) {
	if c.checks.Connections {
		c.reader.read(target, Checks{Connections: true})
	}
}

// Look reads what the checks need, at most once each. If the result has Ask set, run that and give Heard the answer.
func (c *Checker) Look(now time.Time, target Target) Result {
	answer := idleNow
	if c.checks.local() {
		answer = c.judge.weigh(now, c.reader.read(target, c.checks))
	} else if len(c.checks.Command) == 0 {
		answer = unknown("no check is configured")
	}
	if answer.Idle && len(c.checks.Command) > 0 {
		return Result{Ask: c.checks.Command}
	}
	return c.judge.hold(now, answer)
}

// Heard takes the answer of the command that the last look asked for.
func (c *Checker) Heard(now time.Time, answer Answer) Result { return c.judge.hold(now, answer) }

// Exited is what the exit code of a check's command says: 0 idle, 1 busy. Anything else is no answer, as is a command
// that could not be started, was killed or took too long: give it code -1.
func Exited(code int) Answer {
	switch code {
	case 0:
		return idleNow
	case 1:
		return busy("the idle command says busy")
	}
	return unknown("the idle command gives no answer")
}
