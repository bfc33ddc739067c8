package supervisor

import (
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestStagesBeforeAndBetweenStopSignals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"the load balancer gets its time, then the app prints its backtraces, then quiet", with(func(p *Plan) {
			p.Drain.PreStopDelay, p.Drain.DumpSignal, p.Drain.DumpWait, p.Drain.QuietSignal = 5*s, policy.SIGTTIN, 2*s, policy.SIGTSTP
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "", "pre_stop_delay for=5s kill_in=1m35s"},
			{65 * s, Tick{}, "quiet TTIN", "dump signal=TTIN"},
			{65 * s, QuietSkipped{"no handler"}, "quiet TSTP", "dump skipped"},
			{125 * s, Tick{}, "send TERM+CONT", "kill_in=28s"},
			{126 * s, exited(0), "exit 75", ""},
		}},
		{"quiet ends when the app is idle", with(func(p *Plan) { p.Drain.Idle, p.Drain.QuietSignal = true, policy.SIGTSTP }), []step{
			{0, Started{7}, "", ""},
			{1 * s, Idle{}, "", ""},
			{60 * s, trip, "go quiet TSTP", "draining: quiet signal=TSTP"},
			{65 * s, Idle{}, "send TERM+CONT", "idle after=5s"},
			{65 * s, Idle{}, "", ""},
		}},
		{"a quiet that is asked for otherwise lasts its time, and outlives a signal that is not handled", with(func(p *Plan) {
			p.Drain.QuietMeans, p.Drain.QuietSignal = true, policy.SIGTSTP
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "go quiet TSTP", "draining: quiet signal=TSTP"},
			{60 * s, QuietSkipped{"no handler"}, "", "quiet signal skipped"},
			{61 * s, Idle{}, "", ""},
			{120 * s, Tick{}, "send TERM+CONT", ""},
		}},
		{"a stop from outside waits for the load balancer within its budget", with(func(p *Plan) { p.Drain.PreStopDelay = 20 * s }), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "", "for=14s shortened_from=20s asked=TERM kill_in=28s"},
			{70 * s, sig(70*s, policy.SIGTERM), "", ""},
			{74 * s, Tick{}, "send TERM+CONT", "kill_in=14s"},
			{86 * s, Tick{}, "walk TERM", ""},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"a stop from outside goes quiet in the time that the stop signal leaves over", with(func(p *Plan) {
			p.Drain.PreStopDelay, p.Drain.QuietSignal, p.Drain.Timeout, p.Drain.Idle = 4*s, policy.SIGTSTP, 10*s, true
			p.Drain.DumpSignal = policy.SIGTTIN
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "", "stopping: pre_stop_delay for=4s asked=TERM kill_in=28s"},
			{64 * s, Tick{}, "go quiet TSTP", "stopping: quiet signal=TSTP for=14s shortened_from=1m0s asked=TERM kill_in=24s"},
			{70 * s, Idle{}, "send TERM+CONT", "kill_in=18s"},
			{86 * s, Tick{}, "walk TERM", ""},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"quiet of a stop from outside ends by its deadline, or with a second INT", with(func(p *Plan) {
			p.Drain.QuietSignal, p.Drain.Timeout = policy.SIGTSTP, 10*s
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "quiet TSTP", "for=18s"},
			{70 * s, sig(70*s, policy.SIGTERM), "", ""},
			{78 * s, Tick{}, "send TERM+CONT", "kill_in=10s"},
			{79 * s, sig(79*s, policy.SIGINT), "send INT+CONT", ""},
			{80 * s, sig(80*s, policy.SIGINT), "send KILL, walk KILL, sweep", ""},
		}},
		{"a stop signal that needs the whole budget leaves no time for quiet", with(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP }), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "send TERM+CONT", "no time for quiet stop_timeout=28s timeout=28s"},
		}},
		{"a stop sequence goes on from signal to signal, KILL last", with(func(p *Plan) {
			p.Drain.StopSequence, p.Drain.Timeout = []policy.StopStep{{Signal: policy.SIGQUIT, Wait: 20 * s}, {Signal: policy.SIGTERM, Wait: 5 * s}}, 25*s
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send QUIT+CONT", "kill_in=25s"},
			{80 * s, Tick{}, "send TERM+CONT", "the next stop signal"},
			{83 * s, Tick{}, "walk TERM", ""},
			{85 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"a stop sequence that does not fit its budget is shortened in proportion", with(func(p *Plan) {
			p.Drain.StopSequence = []policy.StopStep{{Signal: policy.SIGQUIT, Wait: 40 * s}, {Signal: policy.SIGTERM, Wait: 16 * s}}
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "send QUIT+CONT", ""},
			{80 * s, Tick{}, "send TERM+CONT", ""},
			{81 * s, sig(81*s, policy.SIGINT), "", ""},
			{86 * s, Tick{}, "walk TERM", ""},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"a stop that shortens the budget shortens what is left of a stop sequence", with(func(p *Plan) {
			p.Drain.StopSequence = []policy.StopStep{{Signal: policy.SIGQUIT, Wait: 40 * s}, {Signal: policy.SIGINT, Wait: 10 * s}, {Signal: policy.SIGTERM, Wait: 10 * s}}
			p.Drain.Timeout, p.Drain.StopTimeout = 60*s, 25*s
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send QUIT+CONT", ""},
			{70 * s, sig(70*s, policy.SIGTERM), "", "stop during a drain"}, // 30 s and twice 10 s, in 25 s
			{85 * s, Tick{}, "send INT+CONT", "kill_in=10s"},
			{90 * s, Tick{}, "send TERM+CONT", "kill_in=5s"},
			{93 * s, Tick{}, "walk TERM", ""},
			{95 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"a stop sequence that is shortened says so", with(func(p *Plan) {
			p.Drain.StopSequence = []policy.StopStep{{Signal: policy.SIGQUIT, Wait: 40 * s}, {Signal: policy.SIGTERM, Wait: 16 * s}}
			p.Drain.Timeout = 56 * s
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "send QUIT+CONT", "kill_in=28s shortened_from=56s"},
		}},
		{"impatience and the kill limit end the wait for the load balancer", with(func(p *Plan) { p.Drain.PreStopDelay = 14 * s }), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGINT), "", "pre_stop_delay"},
			{60*s + 900*ms, sig(60*s+900*ms, policy.SIGINT), "", ""},
			{61 * s, sig(61*s, policy.SIGHUP), "send HUP", ""},
			{62 * s, sig(62*s, policy.SIGINT), "send KILL, walk KILL, sweep", "a second INT"},
			{62 * s, tripKill, "", ""},
			{62 * s, killedBy(9), "exit 137", ""},
		}},
		{"a stop that waited for a slow start does not wait beyond its budget", with(func(p *Plan) { p.Drain.PreStopDelay = 20 * s }), []step{
			{0, sig(0, policy.SIGTERM), "", ""},
			{20 * s, Started{7}, "send TERM+CONT", "kill_in=8s"},
			{26 * s, Tick{}, "walk TERM", ""},
			{28 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"an app that ends while it waits for the load balancer is done", with(func(p *Plan) { p.Drain.PreStopDelay = 5 * s }), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "", ""},
			{61 * s, leaving(exited(0)), "walk TERM roots, sweep", ""},
			{86 * s, Tick{}, "walk TERM", ""},
			{88 * s, Tick{}, "walk KILL, sweep", ""},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}
