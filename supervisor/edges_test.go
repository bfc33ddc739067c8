package supervisor

import (
	"syscall"
	"testing"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// TestEdges are stories of what comes at the wrong moment.
func TestEdges(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"a stop that cuts quiet short cannot lengthen the drain", with(func(p *Plan) {
			p.Drain.QuietSignal, p.Drain.Timeout, p.Drain.StopTimeout = policy.SIGTSTP, 5*s, 60*s
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "quiet TSTP", "kill_in=1m5s"},
			{110 * s, sig(110*s, policy.SIGTERM), "send TERM+CONT", ""},
			{124*s + 500*ms, Tick{}, "walk TERM", ""},
			{125 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"a start that hangs before its fork counts as killed", defaults(), []step{
			{1 * s, sig(1*s, policy.SIGTERM), "", ""},
			{29 * s, Tick{}, "send KILL, walk KILL, sweep", "out of time before the app had started"},
			{29*s + 1*ms, Reaped{Empty: true}, "exit 137", "stopped code=137"},
		}},
		{"the signal that stopped a start is named, not the first that came", defaults(), []step{
			{1 * s, sig(1*s, policy.SIGWINCH), "", ""},
			{2 * s, sig(2*s, policy.SIGINT), "", ""},
			{30 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
			{30 * s, Reaped{Empty: true}, "exit 137", "asked=INT"},
		}},
		{"all that came before the app is passed on in order", defaults(), []step{
			{1 * s, sig(1*s, policy.SIGHUP), "", ""},
			{2 * s, sig(2*s, policy.SIGTERM), "", ""},
			{2 * s, sig(2*s, policy.SIGINT), "", ""},
			{3 * s, Started{7}, "send HUP, send TERM+CONT, send INT+CONT", "kill_in=27s"},
		}},
		{"a sweep from before the app cannot end its drain", with(func(p *Plan) { p.Drain.StopTimeout = 0 }), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send TERM+CONT", ""},
			{1 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
			{1 * s, Reaped{Empty: true}, "", ""},
			{1 * s, killedBy(9), "exit 137", ""},
		}},
		{"our own STOP before KILL is not answered with CONT", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, tripKill, "send KILL, walk KILL, sweep", ""},
			{1 * s, Stopped{policy.SIGSTOP}, "", ""},
		}},
		{"a stop within the 100 ms is named in the last word", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{5 * s, killedBy(15), "", ""},
			{5*s + 50*ms, sig(5*s+50*ms, policy.SIGTERM), "exit 143", "stopped code=143"},
		}},
		{"the last call is not taken back by the end of the main process", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send TERM+CONT", ""},
			{27 * s, Tick{}, "walk TERM", ""},
			{28 * s, leaving(exited(0)), "walk TERM, sweep", ""},
		}},
		{"the app's end wins over a limit that trips in the same moment", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, leaving(exited(3)), "walk TERM roots, sweep", ""},
			{60 * s, trip, "", ""},
			{60 * s, Reaped{Empty: true}, "exit 3", ""},
		}},
		{"the kill limit during a stop from outside leaves the code the app's own", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send TERM+CONT", ""},
			{2 * s, tripKill, "send KILL, walk KILL, sweep", "kill limit tripped"},
			{2 * s, killedBy(9), "exit 137", ""},
		}},
		{"a stop during KILL before a restart ends it for good", with(func(p *Plan) { p.PID1 = true; restarting(p) }), []step{
			{0, Started{7}, "", ""},
			{60 * s, tripKill, "send KILL, walk KILL, sweep", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "", "stop during a drain"},
			{60*s + 20*ms, Tick{}, "send KILL, walk KILL everyone, sweep", ""},
			{60*s + 21*ms, killedBy(9), "exit 75", ""},
		}},
		{"a restart that fails after a stop gives the last code", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{1 * s, exited(4), "", "restarting"},
			{2 * s, Tick{}, "start", ""},
			{2 * s, sig(2*s, policy.SIGTERM), "", ""},
			{3 * s, StartFailed{Err: &reaper.StartError{Command: "x", Errno: syscall.EAGAIN}}, "exit 4", ""},
		}},
		{"leftovers before a restart are a stop's too", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways; p.Drain.StopTimeout = 4 * s }), []step{
			{0, Started{7}, "", ""},
			{1 * s, leaving(exited(4)), "walk TERM roots, sweep", ""},
			{2 * s, sig(2*s, policy.SIGTERM), "", "stop during a drain"},
			{5*s + 600*ms, Tick{}, "walk TERM", ""},
			{6 * s, Tick{}, "walk KILL, sweep", ""},
			{6 * s, Reaped{Empty: true}, "exit 4", ""},
		}},
		{"the kill limit ends the quiet stage", with(func(p *Plan) { p.Drain.QuietSignal, p.Drain.Idle = policy.SIGTSTP, true }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "go quiet TSTP", ""},
			{61 * s, tripKill, "send KILL, walk KILL, sweep", "kill limit tripped"},
		}},
		{"post_stop after a kill limit has no more time than a stop that came meanwhile", hooked(func(p *Plan) {
			restarting(p)
			p.Drain.StopTimeout = 4 * s
		}, policy.PostStop), []step{
			{0, Started{7}, "", ""},
			{60 * s, tripKill, "send KILL, walk KILL, sweep", ""},
			{61 * s, sig(61*s, policy.SIGTERM), "", "stop during a drain"},
			{62 * s, killedBy(9), "run post_stop", ""},
			{65*s + hookSlack, Tick{}, "exit 75", ""},
		}},
		{"a stop within the 100 ms leaves post_stop what a stop has", hooked(func(p *Plan) {
			p.Restart.OnExit, p.Drain.StopTimeout = policy.ExitAlways, 4*s
		}, policy.PostStop), []step{
			{0, Started{7}, "", ""},
			{5 * s, killedBy(15), "", ""},
			{5*s + 50*ms, sig(5*s, policy.SIGTERM), "run post_stop", ""},
			{9*s + hookSlack, Tick{}, "exit 143", ""},
		}},
		{"a stop that comes after an end that was taken for one starts its clock", with(func(p *Plan) {
			p.Drain.StopTimeout = 4 * s
		}), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGQUIT), "send QUIT", ""},
			{2 * s, leaving(exited(0)), "walk TERM roots, sweep", ""},
			{3 * s, sig(3*s, policy.SIGTERM), "", "stop during a drain"},
			{6*s + 600*ms, Tick{}, "walk TERM", ""},
			{7 * s, Tick{}, "walk KILL, sweep", ""},
			{7 * s, Reaped{Empty: true}, "exit 0", "asked=QUIT"},
		}},
		{"a stop during the post_stop of such an end, too", hooked(func(p *Plan) { p.Drain.StopTimeout = 4 * s }, policy.PostStop), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGQUIT), "send QUIT", ""},
			{2 * s, exited(0), "run post_stop", ""},
			{3 * s, sig(3*s, policy.SIGTERM), "", ""},
			{7 * s, Tick{}, "exit 0", ""},
		}},
		{"an app that says that it is stopping may still fail and be restarted", with(func(p *Plan) {
			p.PID1, p.Restart.OnExit = true, policy.ExitOnFailure
		}), []step{
			{0, Started{7}, "", ""},
			{1 * s, Told{Notice{Stopping: true}}, "", "kill_in=28s"},
			{29 * s, Tick{}, "send KILL, walk KILL, sweep", ""}, // and not everyone
			{29 * s, killedBy(9), "", "restarting"},
		}},
		{"the kill limit ends the wait for leftovers", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, leaving(exited(3)), "walk TERM roots, sweep", ""},
			{61 * s, tripKill, "walk KILL, sweep", "kill limit tripped"},
			{62 * s, Reaped{Empty: true}, "exit 3", "had to be killed"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}
