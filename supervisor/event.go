package supervisor

import (
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// Event is a fact that the machine is told. A bug report can be replayed as a list of them.
type Event interface{ event() }

type (
	// Started says that the app's exec has succeeded.
	Started struct{ PID int }
	// StartFailed says that it has not. Ceiling names the one that is nearest where a fork found no free slot.
	StartFailed struct {
		Err     *reaper.StartError
		Ceiling string
	}
	// Exited says how the main process ended. Empty: the same sweep found no other child.
	// OOMKilled: the kernel has OOM-killed somebody of this incarnation.
	Exited struct {
		Exit      reaper.Exit
		Empty     bool
		OOMKilled bool
	}
	// Reaped says that a sweep collected adopted orphans, or found that no child is left.
	Reaped struct {
		Orphans int
		Empty   bool
	}
	// Signaled is a signal to reaperd. At is its arrival: the clock of a stop starts there.
	Signaled struct {
		Signal policy.Signal
		At     time.Time
	}
	// Stopped says that the main process was stopped, by job control or by SIGSTOP.
	Stopped struct{ Signal policy.Signal }
	// QuietSkipped says that the quiet signal was not sent, and why.
	QuietSkipped struct{ Why string }
	// Idle says that the app has finished what it was doing.
	Idle struct{}
	// Tripped says that a limit asks for a drain, or, with Kill, for SIGKILL at once.
	Tripped struct {
		Kill   bool
		Metric policy.Metric
		Story  []any // key-values for the log: value, limit, for how long, who
		Who    Blamed
	}
	// Noted is a warning, or the trip of a single process: all that there is to do is to run a hook.
	Noted struct {
		Hook  policy.Hook
		Level string
		Story []any
		Who   Blamed
	}
	// HookEnded says that a hook is over, however it went.
	HookEnded struct{ Hook policy.Hook }
	// Ready says that the app can do its work: it has said so (READY=1). It says it again after a reload.
	Ready struct{}
	// Told is what else the app says about itself.
	Told struct{ Notice }
	// Room says why there is no room for two apps at once; empty: there is.
	Room struct{ None string }
	// NextStarted says that the next app of an overlap runs.
	NextStarted struct{ PID int }
	// NextReady says that it is ready.
	NextReady struct{}
	// NextGone says why it never will be.
	NextGone struct{ Why string }
	// Alone says that nothing is left of the other app of an overlap.
	Alone struct{}
	// Hurry says that the app that was to take over has ended, too: there is no time for quiet.
	Hurry struct{}
	// Tick says that the deadline has come.
	Tick struct{}
)

func (Started) event()      {}
func (StartFailed) event()  {}
func (Exited) event()       {}
func (Reaped) event()       {}
func (Signaled) event()     {}
func (Stopped) event()      {}
func (QuietSkipped) event() {}
func (Idle) event()         {}
func (Tripped) event()      {}
func (Noted) event()        {}
func (HookEnded) event()    {}
func (Ready) event()        {}
func (Told) event()         {}
func (Room) event()         {}
func (NextStarted) event()  {}
func (NextReady) event()    {}
func (NextGone) event()     {}
func (Alone) event()        {}
func (Hurry) event()        {}
func (Tick) event()         {}

// Effect is an act that the machine asks for. perform.go carries it out.
type Effect interface{ effect() }

type (
	// Start starts the app.
	Start struct{}
	// Send signals the main process, or its group. With Cont it is a stop signal, and for whom drain.match finds.
	Send struct {
		Signal policy.Signal
		Group  bool
		Cont   bool // CONT after it: a stopped process cannot run its handler
	}
	// SendQuiet sends the quiet signal if the app handles it.
	SendQuiet struct{ Signal policy.Signal }
	// GoQuiet asks the app to take no more work, with the quiet signal (0: none) and by all other means, and then looks
	// whether it is idle, if that is to be known.
	GoQuiet struct{ Signal policy.Signal }
	// Walk signals processes of the tree.
	Walk struct {
		Signal   policy.Signal
		Roots    bool     // only our direct children: what they started is theirs to stop, and comes to us if they do not
		Spare    bool     // not the main process's group: -g has just sent it the same signal
		Freeze   bool     // STOP before KILL, against trees that fork faster than they are walked
		group    int      // which one that was
		asked    identity // with Roots, has had its stop signal although it is not the main process
		Again    bool     // also those who have had it: one that was forked just then may have lost it
		Everyone bool     // kill(-1): reaperd is about to end and is PID 1
	}
	// Sweep asks for a pass of wait4 now.
	Sweep struct{}
	// Suspend takes the terminal back, stops our own job, and hands both on when it is continued.
	Suspend struct{}
	// TakeTerminal takes the terminal back for good.
	TakeTerminal struct{}
	// Foreground gives the app the terminal if it has come back to us.
	Foreground struct{}
	// NameSurvivors says who is still there.
	NameSurvivors struct{}
	// AskRoom asks whether there is room for two apps at once.
	AskRoom struct{}
	// StartNext starts the next app beside this one.
	StartNext struct{}
	// WatchReady asks until the next app is ready, where that is to be asked for.
	WatchReady struct{}
	// Promote makes the next app the main one. What follows it is about the old one.
	Promote struct{ Next *Machine }
	// Dismiss brings the next app down.
	Dismiss struct{}
	// RunHook runs the command of a hook, which is told about the event by key-values.
	RunHook struct {
		Hook    policy.Hook
		Timeout time.Duration
		About   []any
	}
	// EndHook kills it.
	EndHook struct{ Hook policy.Hook }
	// Say writes one log line.
	Say struct {
		Level   Level
		Message string
		Story   []any
	}
	// Exit ends reaperd.
	Exit struct{ Code int }
)

func (Start) effect()         {}
func (Send) effect()          {}
func (SendQuiet) effect()     {}
func (GoQuiet) effect()       {}
func (Walk) effect()          {}
func (Sweep) effect()         {}
func (Suspend) effect()       {}
func (TakeTerminal) effect()  {}
func (Foreground) effect()    {}
func (NameSurvivors) effect() {}
func (AskRoom) effect()       {}
func (StartNext) effect()     {}
func (WatchReady) effect()    {}
func (Promote) effect()       {}
func (Dismiss) effect()       {}
func (RunHook) effect()       {}
func (EndHook) effect()       {}
func (Say) effect()           {}
func (Exit) effect()          {}

// Level is how loud a line is. Without any configuration reaperd shows warnings and errors only.
type Level uint8

// The levels of Say.
const (
	Debug Level = iota
	Info
	Warn
	Error
)
