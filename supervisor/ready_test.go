package supervisor

import (
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

func tells(n Notice) Told { return Told{n} }

func TestWhatTheAppSaysOfItself(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"ready is said once, with the time it took and the status", defaults(), []step{
			{1 * s, Started{7}, "", ""},
			{3 * s, tells(Notice{Status: "booting\n"}), "", `the app says status=booting\n`},
			{4 * s, Ready{}, "", `ready after=3s status=booting\n`},
			{5 * s, Ready{}, "", nothing},
		}},
		{"ready after a reload ends the reload", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, Ready{}, "", "ready after=1s"},
			{60 * s, tells(Notice{Reloading: true}), "", "the app is reloading"},
			{61 * s, tells(Notice{Reloading: true}), "", nothing},
			{63 * s, Ready{}, "", "reloaded took=3s"},
			{64 * s, Ready{}, "", nothing},
		}},
		{"a status and another main process are said once per change", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, tells(Notice{MainPID: 7}), "", nothing},
			{1 * s, tells(Notice{Status: "a", MainPID: 9}), "", "keeps to the one that it started named=9"},
			{2 * s, tells(Notice{Status: "a", MainPID: 9}), "", nothing},
			{3 * s, tells(Notice{Status: "b"}), "", "status=b"},
		}},
		{"the next incarnation is not ready yet", with(restarting), []step{
			{0, Started{7}, "", ""},
			{1 * s, Ready{}, "", "ready after=1s"},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "", "restarting"},
			{61 * s, Ready{}, "", nothing},
			{62 * s, Tick{}, "start", ""},
			{62 * s, tells(Notice{Status: "a"}), "", nothing},
			{62 * s, Started{8}, "", ""},
			{67 * s, Ready{}, "", "ready after=5s"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}

var (
	ping    = tells(Notice{Alive: true})
	stops   = tells(Notice{Stopping: true})
	trigger = tells(Notice{Trigger: true})
)

func watched(p *Plan) { p.Watchdog, p.MinUptime = 30*s, 10*s }

func TestASilentAppIsHung(t *testing.T) {
	dumping := func(p *Plan) { watched(p); restarting(p); p.Drain.DumpSignal, p.Drain.DumpWait = policy.SIGTTIN, 2*s }
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"it is drained like one that a limit ends, the dump signal first", with(dumping), []step{
			{5 * s, Started{7}, "", ""},
			{15 * s, Ready{}, "", "ready"},
			{44 * s, Tick{}, "", nothing},
			{45 * s, Tick{}, "", nothing}, // it is doubted
			{46 * s, Tick{}, "quiet TTIN", "limit tripped metric=watchdog silent=31s limit=30s; draining: dump"},
			{46 * s, ping, "", nothing},
			{48 * s, Tick{}, "send TERM+CONT", "draining: stop"},
			{49 * s, exited(0), "", "restarting"},
			{50 * s, Tick{}, "start", ""},
			{50 * s, Started{8}, "", ""},
			{80 * s, Tick{}, "", nothing},
			{81 * s, Tick{}, "quiet TTIN", "silent=31s limit=30s heard=never"},
		}},
		{"a sign of life in the last moment is one", with(watched), []step{
			{0, Started{7}, "", ""},
			{29 * s, ping, "", nothing},
			{59 * s, Tick{}, "", nothing},
			{59*s + 900*ms, ping, "", nothing},
			{60 * s, Tick{}, "", nothing},
			{89*s + 900*ms, Tick{}, "", nothing},
			{90*s + 900*ms, Tick{}, "send TERM+CONT", "silent=31s"},
		}},
		{"the first deadline counts from ready", with(watched), []step{
			{0, Started{7}, "", ""},
			{29 * s, Ready{}, "", "ready"},
			{30 * s, Tick{}, "", nothing},
			{59 * s, Tick{}, "", nothing},
			{60 * s, Tick{}, "send TERM+CONT", "silent=31s"},
		}},
		{"it goes on during a reload", with(watched), []step{
			{0, Started{7}, "", ""},
			{20 * s, ping, "", ""},
			{40 * s, tells(Notice{Reloading: true}), "", "reloading"},
			{50 * s, Tick{}, "", nothing},
			{51 * s, Tick{}, "send TERM+CONT", "silent=31s"},
		}},
		{"min_uptime holds for it", with(func(p *Plan) { watched(p); p.MinUptime = 60 * s }), []step{
			{0, Started{7}, "", ""},
			{31 * s, Tick{}, "", nothing},
			{60 * s, Tick{}, "", nothing},
			{61 * s, Tick{}, "send TERM+CONT", "silent=1m1s"},
		}},
		{"the app can ask for it at once, watchdog or not", defaults(), []step{
			{0, trigger, "", nothing},
			{0, Started{7}, "", ""},
			{1 * s, tells(Notice{Trigger: true, Status: "no database"}), "send TERM+CONT", "limit tripped metric=watchdog said=WATCHDOG=trigger status=no database"},
			{2 * s, trigger, "", nothing},
		}},
		{"the app can set it, and end it", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, tells(Notice{Resets: true, Watchdog: 2 * s}), "", "sets its watchdog to=2s"},
			{62 * s, Tick{}, "", nothing},
			{62 * s, tells(Notice{Resets: true, Watchdog: 4 * s}), "", "to=4s"},
			{66 * s, Tick{}, "", nothing},
			{66*s + 999*ms, Tick{}, "", nothing},
			{67 * s, tells(Notice{Resets: true}), "", "to=0s"},
			{99 * s, Tick{}, "", nothing},
		}},
		{"a dry run says it, every ten minutes", with(func(p *Plan) { watched(p); p.DryRun = true }), []step{
			{0, Started{7}, "", ""},
			{30 * s, Tick{}, "", nothing},
			{31 * s, Tick{}, "", "dry run: would drain metric=watchdog silent=31s"},
			{32 * s, trigger, "", nothing},
			{631 * s, Tick{}, "", nothing},
			{632 * s, Tick{}, "", "silent=10m32s"},
		}},
		{"max_uptime and it do not hide each other", with(func(p *Plan) { watched(p); p.MaxUptime = 50 * s }), []step{
			{0, Started{7}, "", ""},
			{29 * s, ping, "", nothing},
			{50 * s, Tick{}, "send TERM+CONT", "metric=uptime"},
		}},
		{"an app that says that it is stopping need not speak any more", with(func(p *Plan) { watched(p); p.DryRun = true }), []step{
			{0, Started{7}, "", ""},
			{1 * s, stops, "", "stopping"},
			{60 * s, Tick{}, "", nothing},
			{61 * s, exited(0), "exit 0", ""},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}

func TestAnAppThatStopsByItselfIsNotAskedTo(t *testing.T) {
	quiet := func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP }
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"it has the time of a drain, and a limit does nothing to it", with(quiet), []step{
			{0, Started{7}, "", ""},
			{10 * s, stops, "", "the app says that it is stopping kill_in=28s"},
			{11 * s, stops, "", nothing},
			{12 * s, trip, "", nothing},
			{13 * s, exited(3), "exit 3", "the app ended code=3 took=3s"},
		}},
		{"it ends by KILL when its time is over", defaults(), []step{
			{0, Started{7}, "", ""},
			{10 * s, stops, "", ""},
			{36 * s, Tick{}, "walk TERM", ""},
			{38 * s, Tick{}, "send KILL, walk KILL, sweep", "out of time"},
		}},
		{"it is started again as after any other end", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{10 * s, stops, "", ""},
			{11 * s, exited(0), "", "restarting"},
			{12 * s, Tick{}, "start", ""},
			{12 * s, Started{8}, "", ""},
			{13 * s, stops, "", "stopping"},
		}},
		{"a stop from outside is passed on all the same", with(quiet), []step{
			{0, Started{7}, "", ""},
			{10 * s, stops, "", ""},
			{12 * s, sig(12*s, policy.SIGTERM), "send TERM+CONT", "stop during a drain"},
			{13 * s, exited(0), "exit 0", "stopped"},
		}},
		{"in a drain it is spared the stop signal, too", with(quiet), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "quiet TSTP", "draining: quiet"},
			{70 * s, stops, "", "stopping kill_in=28s"},
			{96 * s, Tick{}, "walk TERM", ""},
			{97 * s, exited(0), "exit 75", "drained for a limit"},
		}},
		{"after its stop signal it only says so", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "send TERM+CONT", ""},
			{61 * s, stops, "", "the app says that it is stopping"},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"the kill limit ends it at once", defaults(), []step{
			{0, Started{7}, "", ""},
			{10 * s, stops, "", ""},
			{12 * s, tripKill, "send KILL, walk KILL, sweep", ""},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}

func TestAnAppCanAskForMoreTime(t *testing.T) {
	extend := func(by time.Duration) Told { return tells(Notice{Extend: by}) }
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"of its stop, up to twice what it had", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, extend(time.Hour), "", nothing},
			{60 * s, trip, "send TERM+CONT", "kill_in=28s"},
			{70 * s, extend(10 * s), "", nothing},
			{80 * s, extend(10 * s), "", "the app asks for more time and has it stage=stop more=2s"},
			{86 * s, Tick{}, "", nothing},
			{87 * s, extend(time.Hour), "", "more=26s"},
			{100 * s, extend(time.Hour), "", nothing},
			{114 * s, Tick{}, "walk TERM", ""},
			{116 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"of quiet, and then of its stop", with(func(p *Plan) { p.Drain.QuietSignal, p.Drain.Idle = policy.SIGTSTP, true }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "go quiet TSTP", "for=1m0s"},
			{110 * s, extend(30 * s), "", "stage=quiet more=20s"},
			{121 * s, Tick{}, "", nothing},
			{130 * s, extend(time.Hour), "", "more=40s"},
			{150 * s, Idle{}, "send TERM+CONT", "idle after=1m30s"},
			{160 * s, extend(30 * s), "", "stage=stop more=12s"},
		}},
		{"of a stop sequence", with(func(p *Plan) {
			p.Drain.StopSequence, p.Drain.Timeout = []policy.StopStep{{Signal: policy.SIGQUIT, Wait: 20 * s}, {Signal: policy.SIGTERM, Wait: 5 * s}}, 25*s
		}), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send QUIT+CONT", ""},
			{75 * s, extend(10 * s), "", "stage=stop more=5s"},
			{80 * s, Tick{}, "", nothing},
			{85 * s, Tick{}, "send TERM+CONT", "kill_in=5s"},
		}},
		{"but not of what a platform gives it", with(func(p *Plan) { p.Drain.PreStopDelay = 5 * s }), []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "", "pre_stop_delay"},
			{61 * s, extend(time.Hour), "", "a stop from outside has no more kill_in=27s"},
			{65 * s, Tick{}, "send TERM+CONT", ""},
			{70 * s, extend(time.Hour), "", "kill_in=18s"},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"nor once it has come during a drain", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{70 * s, extend(30 * s), "", "more=12s"},
			{80 * s, sig(80*s, policy.SIGTERM), "", ""},
			{81 * s, extend(time.Hour), "", "a stop from outside has no more kill_in=19s"},
			{100 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}
