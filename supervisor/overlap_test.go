package supervisor

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

func overlapping(change func(*Plan)) Plan {
	return with(func(p *Plan) {
		restarting(p)
		p.PID1 = true
		p.Restart.Overlap, p.Restart.ReadyTimeout = true, 30*s
		p.Restart.Ready.Notify = true
		change(p)
	})
}

// overlapStep is a step of the main app's machine or of the old one's.
type overlapStep struct {
	step
	old bool
}

func (st step) ofOld() overlapStep { return overlapStep{st, true} }

func TestOverlap(t *testing.T) {
	plain := func(*Plan) {}
	up := []overlapStep{
		{step: step{0, Started{7}, "", ""}},
		{step: step{60 * s, trip, "ask for room", "limit tripped"}},
		{step: step{60 * s, Room{}, "start next", "starting the next app"}},
		{step: step{61 * s, NextStarted{8}, "watch ready", "pid=8 ready=READY=1 within=30s"}},
		{step: step{62 * s, trip, "", ""}},
	}
	ready := append(up[:len(up):len(up)], overlapStep{step: step{65 * s, NextReady{}, "promote, send TERM+CONT", "after=5s"}})
	for _, tt := range []struct {
		name  string
		plan  Plan
		begin []overlapStep
		steps []overlapStep
	}{
		{"the old app drains when the next one is ready, and its end is not ours", overlapping(plain), ready, []overlapStep{
			{step: step{70 * s, trip, "", ""}}, // no third
			step{71 * s, leaving(exited(9)), "walk TERM roots, sweep", ""}.ofOld(),
			step{72 * s, Reaped{Empty: true}, "exit 75", "the other app is gone"}.ofOld(),
			{step: step{73 * s, Alone{}, "", ""}},
			{step: step{130 * s, trip, "ask for room", ""}},
			{step: step{131 * s, sig(131*s, policy.SIGTERM), "send TERM+CONT", ""}},
			{step: step{132 * s, exited(4), "exit 4", "stopped"}},
		}},
		{"the old app's drain is a whole one, but kill(-1) is not for it", overlapping(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP }), up, []overlapStep{
			{step: step{65 * s, NextReady{}, "promote, quiet TSTP", ""}},
			step{125 * s, Tick{}, "send TERM+CONT", ""}.ofOld(),
			step{151 * s, Tick{}, "walk TERM", ""}.ofOld(),
			step{153 * s, Tick{}, "send KILL, walk KILL, sweep", ""}.ofOld(),
		}},
		{"a delay makes it ready", overlapping(func(p *Plan) { p.Restart.Ready = policy.Ready{After: 10 * s} }), nil, []overlapStep{
			{step: step{0, Started{7}, "", ""}},
			{step: step{60 * s, trip, "ask for room", ""}},
			{step: step{60 * s, Room{}, "start next", ""}},
			{step: step{61 * s, NextStarted{8}, "watch ready", "ready_in=10s"}},
			{step: step{71 * s, Tick{}, "promote, send TERM+CONT", ""}},
		}},
		{"without room the old app goes first", overlapping(plain), nil, []overlapStep{
			{step: step{0, Started{7}, "", ""}},
			{step: step{60 * s, trip, "ask for room", ""}},
			{step: step{60 * s, Room{None: "memory: 400MiB + 200MiB of 512MiB"}, "send TERM+CONT", "the old app goes first why=memory"}},
			{step: step{61 * s, exited(0), "", "restarting"}},
		}},
		{"a look that takes too long is no room", overlapping(plain), nil, []overlapStep{
			{step: step{0, Started{7}, "", ""}},
			{step: step{60 * s, trip, "ask for room", ""}},
			{step: step{65 * s, Tick{}, "send TERM+CONT", "took too long"}},
		}},
		{"one that never becomes ready is dismissed, the old one stays and it is tried again, later and later", overlapping(plain), up, []overlapStep{
			{step: step{91 * s, Tick{}, "dismiss", "the old one stays why=not ready within 30s again_in=1s"}},
			{step: step{91*s + 500*ms, Alone{}, "", ""}},
			{step: step{91*s + 500*ms, trip, "", ""}},
			{step: step{92 * s, trip, "ask for room", ""}},
			{step: step{92 * s, Room{}, "start next", ""}},
			{step: step{93 * s, NextGone{"it ended with 1"}, "", "the old one stays why=it ended with 1 again_in=2s"}},
			{step: step{94 * s, trip, "", ""}},
			{step: step{95 * s, trip, "ask for room", ""}},
		}},
		{"a stop is for both", overlapping(plain), up, []overlapStep{
			{step: step{63 * s, sig(63*s, policy.SIGTERM), "dismiss, send TERM+CONT", ""}},
			{step: step{63 * s, NextReady{}, "", ""}},
			{step: step{64 * s, exited(0), "exit 0", "stopped"}},
		}},
		{"a stop while the next app starts dismisses it as soon as it is there", overlapping(plain), up[:3], []overlapStep{
			{step: step{60*s + 1*ms, sig(60*s, policy.SIGTERM), "send TERM+CONT", ""}},
			{step: step{61 * s, NextStarted{8}, "dismiss", ""}},
		}},
		{"no third app while a start that was given up on is in flight, or its app still there", overlapping(func(p *Plan) {
			p.Restart.OnExit = policy.ExitAlways
		}), up[:3], []overlapStep{
			{step: step{60 * s, exited(1), "", "restarting"}},
			{step: step{61 * s, Tick{}, "start", ""}},
			{step: step{61 * s, Started{9}, "", ""}},
			{step: step{120 * s, trip, "", ""}},
			{step: step{121 * s, NextStarted{8}, "dismiss", ""}},
			{step: step{122 * s, trip, "", ""}},
			{step: step{123 * s, Alone{}, "", ""}},
			{step: step{124 * s, trip, "ask for room", ""}},
		}},
		{"an exec of the next app that hangs is told of once, and the old one stays", overlapping(plain), up[:3], []overlapStep{
			{step: step{65 * s, Tick{}, "", "the exec of the next app has not returned yet after=5s"}},
			{step: step{70 * s, Tick{}, "", ""}},
			{step: step{80 * s, NextStarted{8}, "watch ready", ""}},
		}},
		{"a start that was given up on and fails is forgotten", overlapping(func(p *Plan) {
			p.Restart.OnExit = policy.ExitAlways
		}), up[:3], []overlapStep{
			{step: step{60 * s, exited(1), "", "restarting"}},
			{step: step{61 * s, Tick{}, "start", ""}},
			{step: step{61 * s, Started{9}, "", ""}},
			{step: step{62 * s, NextGone{"no such file"}, "", ""}},
			{step: step{120 * s, trip, "ask for room", ""}},
		}},
		{"the old app's own end makes the next one main, ready or not", overlapping(plain), up, []overlapStep{
			{step: step{63 * s, leaving(exited(3)), "promote, walk TERM roots, sweep", "goes before the next one is ready"}},
			step{64 * s, Reaped{Empty: true}, "exit 3", ""}.ofOld(),
			{step: step{64 * s, Alone{}, "", ""}},
			{step: step{65 * s, exited(5), "exit 5", ""}},
		}},
		{"kill ends the old one first", overlapping(plain), up, []overlapStep{
			{step: step{63 * s, tripKill, "promote, send KILL, walk KILL, sweep", "kill limit tripped"}},
		}},
		{"when the next app ends too, the old one has no time for quiet", overlapping(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP }), up, []overlapStep{
			{step: step{65 * s, NextReady{}, "promote, quiet TSTP", ""}},
			step{66 * s, Hurry{}, "send TERM+CONT", ""}.ofOld(),
			step{67 * s, Hurry{}, "", ""}.ofOld(),
		}},
		{"max_uptime overlaps, too, and does not spin while it waits", overlapping(func(p *Plan) { p.MaxUptime = 60 * s }), nil, []overlapStep{
			{step: step{0, Started{7}, "", ""}},
			{step: step{60 * s, Tick{}, "ask for room", "metric=uptime"}},
			{step: step{60 * s, Room{}, "start next", ""}},
			{step: step{61 * s, Tick{}, "", ""}},
			{step: step{61 * s, NextGone{"start failed"}, "", "again_in=1s"}},
			{step: step{61 * s, Tick{}, "", ""}},
			{step: step{62 * s, Tick{}, "ask for room", ""}},
			{step: step{62 * s, Room{}, "start next", ""}},
			{step: step{62 * s, NextStarted{8}, "watch ready", ""}},
			{step: step{63 * s, NextReady{}, "promote, send TERM+CONT", ""}},
			{step: step{122 * s, Tick{}, "", ""}}, // not while the old one is there
			{step: step{123 * s, Alone{}, "", ""}},
			{step: step{123 * s, Tick{}, "ask for room", ""}},
		}},
		{"too many restarts are given up on in the ordinary order", overlapping(func(p *Plan) { p.Restart.Burst = 1 }), ready, []overlapStep{
			{step: step{66 * s, Alone{}, "", ""}},
			{step: step{120 * s, trip, "ask for room", ""}},
			{step: step{120 * s, Room{}, "send TERM+CONT", "too many restarts"}},
			{step: step{121 * s, exited(0), "exit 75", "giving up"}},
		}},
		{"hooks: the next app has a start of its own, the old one its stop", overlapping(func(p *Plan) {
			for h := range policy.NumHooks {
				p.Hooks[h] = policy.HookCommand{Command: []string{"true"}, Timeout: 10 * s}
			}
		}), nil, []overlapStep{
			{step: step{0, HookEnded{policy.PreStart}, "start", ""}},
			{step: step{0, Started{7}, "run post_start", ""}},
			{step: step{60 * s, trip, "run on_trip, ask for room", ""}},
			{step: step{60 * s, Room{}, "run pre_start", ""}},
			{step: step{61 * s, HookEnded{policy.PreStart}, "start next", ""}},
			{step: step{61 * s, NextStarted{8}, "watch ready, run post_start", ""}},
			{step: step{65 * s, NextReady{}, "promote, run pre_stop", ""}},
			step{66 * s, HookEnded{policy.PreStop}, "send TERM+CONT", ""}.ofOld(),
			step{67 * s, exited(0), "run post_stop", "the other app is gone"}.ofOld(),
			step{68 * s, HookEnded{policy.PostStop}, "exit 75", ""}.ofOld(),
			{step: step{68 * s, Alone{}, "", ""}},
		}},
		{"the watchdog of the next app begins when it is the main one", overlapping(func(p *Plan) {
			p.Restart.Ready, p.Restart.ReadyTimeout, p.Watchdog = policy.Ready{After: 40 * s}, 40*s, 30*s
		}), nil, []overlapStep{
			{step: step{0, Started{7}, "", ""}},
			{step: step{30 * s, Tick{}, "", ""}},
			{step: step{31 * s, Tick{}, "ask for room", "metric=watchdog"}},
			{step: step{31 * s, Room{}, "start next", ""}},
			{step: step{32 * s, NextStarted{8}, "watch ready", ""}},
			{step: step{72 * s, Tick{}, "promote, send TERM+CONT", ""}},
			{step: step{73 * s, Alone{}, "", ""}},
			{step: step{74 * s, Tick{}, "", ""}},
			{step: step{102 * s, Tick{}, "", ""}},
			{step: step{103 * s, Tick{}, "ask for room", "silent=31s"}},
		}},
		{"dry_run starts nothing", overlapping(func(p *Plan) { p.DryRun = true }), nil, []overlapStep{
			{step: step{0, Started{7}, "", ""}},
			{step: step{60 * s, trip, "", "dry run"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			main, old := NewMachine(tt.plan), (*Machine)(nil)
			main.Begin(epoch)
			for i, st := range append(tt.begin[:len(tt.begin):len(tt.begin)], tt.steps...) {
				m := main
				if st.old {
					m = old
				}
				effects := m.Step(epoch.Add(st.at), st.do)
				for _, e := range effects {
					if p, ok := e.(Promote); ok {
						main, old = p.Next, m
					}
				}
				if got := render(effects); got != st.want {
					t.Fatalf("step %d, %v %T: got %q, want %q", i, st.at, st.do, got, st.want)
				}
				if said := lines(effects); !strings.Contains(said, st.says) {
					t.Fatalf("step %d, %v %T: said %q, want %q in it", i, st.at, st.do, said, st.says)
				}
			}
		})
	}
}

func TestADismissedAppGetsItsStopSignalAndItsTime(t *testing.T) {
	m := NewMachine(overlapping(func(p *Plan) { p.Drain.QuietSignal, p.Drain.StopSignal = policy.SIGTSTP, policy.SIGQUIT }))
	d, effects := m.dismissal(epoch)
	if got := render(effects); got != "send QUIT+CONT" {
		t.Errorf("got %q, want the stop signal at once", got)
	}
	if got := render(d.Step(epoch.Add(1*s), sig(1*s, policy.SIGTERM))); got != "" {
		t.Errorf("got %q for a stop, want no second signal", got)
	}
	if got := render(d.Step(epoch.Add(28*s), Tick{})); got != "send KILL, walk KILL, sweep" {
		t.Errorf("got %q, want SIGKILL at the end of timeout", got)
	}
	if got := render(d.Step(epoch.Add(28*s), killedBy(9))); got != "exit 75" {
		t.Errorf("got %q, want the end", got)
	}
}

func TestANextAppThatComesTooLateDoesNotOutliveUs(t *testing.T) {
	late := exec.Command("sleep", "1000")
	late.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := late.Start(); err != nil {
		t.Fatal(err)
	}
	l := &loop{startingNext: true, nexts: make(chan startResult, 1)}
	l.nexts <- startResult{child: &reaper.Child{PID: late.Process.Pid}}
	l.endNext()
	defer time.AfterFunc(patience, func() { late.Process.Kill() }).Stop()
	began := time.Now()
	if late.Wait(); time.Since(began) >= patience {
		t.Error("got an app that lives on, want it killed")
	}
}
