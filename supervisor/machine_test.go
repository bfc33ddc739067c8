package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// step is one event of a story and what must come of it. Log lines are left out unless the row names one.
type step struct {
	at   time.Duration
	do   Event
	want string // effects, comma separated
	says string // a part of a line that must be said
}

func defaults() Plan {
	return Plan{
		Drain: policy.Drain{
			QuietTimeout: 60 * time.Second,
			StopOn:       []policy.Signal{policy.SIGTERM, policy.SIGINT},
			Timeout:      28 * time.Second,
			StopTimeout:  28 * time.Second,
		},
		Restart: policy.Restart{
			OnLimit: policy.LimitExit, OnExit: policy.ExitNever, Delay: time.Second, MaxDelay: time.Minute,
			Burst: 5, BurstInterval: 10 * time.Minute, ExitCode: 75,
		},
	}
}

func with(change func(*Plan)) Plan {
	p := defaults()
	change(&p)
	return p
}

func restarting(p *Plan) { p.Restart.OnLimit = policy.LimitRestart }

const (
	s  = time.Second
	ms = time.Millisecond
)

// epoch is when every story begins.
var epoch = time.Unix(1e9, 0)

func sig(at time.Duration, n policy.Signal) Signaled { return Signaled{Signal: n, At: epoch.Add(at)} }

func exited(code int) Exited { return Exited{Exit: reaper.Exit{PID: 7, Code: code}, Empty: true} }

func killedBy(sig syscall.Signal) Exited {
	return Exited{Exit: reaper.Exit{PID: 7, Signal: sig}, Empty: true}
}

// leaving is an exit with something left behind.
func leaving(e Exited) Exited {
	e.Empty = false
	return e
}

var trip = Tripped{Metric: policy.Zombies, Story: []any{"metric", "zombies"}}
var tripKill = Tripped{Kill: true, Metric: policy.Memory, Story: []any{"metric", "memory"}}

func TestStories(t *testing.T) {
	tests := []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"an app that ends by itself gives its code", defaults(), []step{
			{0, Started{7}, "", ""},
			{9 * s, exited(3), "exit 3", "the app ended"},
		}},
		{"a stop is passed on at once, and its end is the app's own", defaults(), []step{
			{0, Started{7}, "", ""},
			{5 * s, sig(5*s, policy.SIGTERM), "send TERM+CONT", "kill_in=28s"},
			{6 * s, killedBy(15), "exit 143", "stopped"},
		}},
		{"the clock of a stop starts at the signal's arrival, not at the app's start", defaults(), []step{
			{3 * s, sig(0, policy.SIGTERM), "", ""},
			{4 * s, Started{7}, "send TERM+CONT", "kill_in=24s"},
			{26 * s, Tick{}, "walk TERM", ""},
			{28 * s, Tick{}, "send KILL, walk KILL, sweep", "escalated"},
			{28 * s, killedBy(9), "exit 137", "escalated=true"},
		}},
		{"a repeated TERM changes nothing, another stop signal is passed on", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send TERM+CONT", ""},
			{2 * s, sig(2*s, policy.SIGTERM), "", ""},
			{3 * s, sig(3*s, policy.SIGINT), "send INT+CONT", ""},
			{29 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"a second INT a second later goes to KILL", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGINT), "send INT+CONT", ""},
			{1*s + 900*ms, sig(1*s+900*ms, policy.SIGINT), "", ""},
			{2 * s, sig(2*s, policy.SIGINT), "send KILL, walk KILL, sweep", "a second INT"},
		}},
		{"leftovers get TERM when the main process ends, KILL at the end of the one budget", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send TERM+CONT", ""},
			{5 * s, leaving(exited(0)), "walk TERM roots, sweep", ""},
			{6 * s, Reaped{Orphans: 2}, "walk TERM roots", ""},
			{27 * s, Tick{}, "walk TERM", ""},
			{27*s + 1*ms, Reaped{Orphans: 1}, "walk TERM", ""},
			{29 * s, Tick{}, "walk KILL, sweep", ""},
			{29*s + 20*ms, Tick{}, "walk KILL, sweep", ""},
			{29*s + 40*ms, Tick{}, "walk KILL, sweep", ""},
			{29*s + 60*ms, Tick{}, "walk KILL freeze, sweep", ""},
			{29*s + 70*ms, Reaped{Empty: true}, "exit 0", "escalated=true"},
		}},
		{"it ends the moment nothing is left", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, leaving(exited(4)), "walk TERM roots, sweep", ""},
			{1*s + 5*ms, Reaped{Orphans: 1, Empty: true}, "exit 4", ""},
		}},
		{"what cannot be killed is given up on", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, tripKill, "send KILL, walk KILL, sweep", "kill limit tripped"},
			{6 * s, Tick{}, "name survivors, exit 75", "escalated=true"},
		}},
		{"only PID 1 that is about to end kills everyone", with(func(p *Plan) { p.PID1 = true }), []step{
			{0, Started{7}, "", ""},
			{1 * s, tripKill, "send KILL, walk KILL everyone, sweep", ""},
		}},
		{"a kill before a restart spares the shells of docker exec", with(func(p *Plan) { p.PID1 = true; restarting(p) }), []step{
			{0, Started{7}, "", ""},
			{1 * s, tripKill, "send KILL, walk KILL, sweep", ""},
			{1 * s, killedBy(9), "", "restarting"},
			{2 * s, Tick{}, "start", ""},
		}},
		{"a limit drains and ends with exit_code, whatever the app's own was", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", "limit tripped"},
			{61 * s, exited(0), "exit 75", "tripped_after=1m0s"},
		}},
		{"exit_remap comes last", with(func(p *Plan) { p.ExitRemap = map[int]int{75: 1} }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "exit 1", ""},
		}},
		{"quiet comes first, lasts its time, and the stop signal follows", with(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP; restarting(p) }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "quiet TSTP", "kill_in=1m28s"},
			{120 * s, Tick{}, "send TERM+CONT", "kill_in=28s"},
			{121 * s, exited(0), "", "drained for a limit"},
			{122 * s, Tick{}, "start", ""},
		}},
		{"a quiet signal that the app does not handle is skipped", with(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "quiet TSTP", ""},
			{60 * s, QuietSkipped{"no handler"}, "send TERM+CONT", "quiet skipped"},
		}},
		{"a stop cuts quiet short and sets the nearer deadline", with(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP; restarting(p) }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "quiet TSTP", ""},
			{70 * s, sig(70*s, policy.SIGTERM), "send TERM+CONT", "stop during a drain"},
			{98 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
			{98 * s, killedBy(9), "exit 75", ""},
		}},
		{"a stop during a drain cannot lengthen it", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{80 * s, sig(80*s, policy.SIGTERM), "", ""},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
		}},
		{"the kill level ends a drain at once", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, tripKill, "send KILL, walk KILL, sweep", "kill limit tripped"},
			{61 * s, tripKill, "", ""},
		}},
		{"two limits make one drain", defaults(), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{60 * s, trip, "", ""},
		}},
		{"a stop while waiting to restart ends with the last code", with(restarting), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "", "restarting"},
			{61*s + 500*ms, sig(61*s, policy.SIGTERM), "exit 75", "stopped while waiting"},
		}},
		{"an explicit stop_signal wins, and rewrite does not touch stop_on", with(func(p *Plan) {
			p.Drain.StopSignal = policy.SIGQUIT
			p.Rewrite = map[policy.Signal]policy.Signal{policy.SIGTERM: policy.SIGUSR1}
		}), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send QUIT+CONT", ""},
		}},
		{"rewrite changes what the app gets, 0 drops it", with(func(p *Plan) {
			p.Rewrite = map[policy.Signal]policy.Signal{policy.SIGTERM: policy.SIGQUIT, policy.SIGHUP: 0}
		}), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGHUP), "", ""},
			{2 * s, sig(2*s, policy.SIGTERM), "send QUIT+CONT", ""},
		}},
		{"a signal not in stop_on is only forwarded", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGQUIT), "send QUIT", ""},
			{40 * s, Tick{}, "", ""},
		}},
		{"QUIT that ends the app within the budget was a stop, not a crash", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGQUIT), "send QUIT", ""},
			{3 * s, exited(0), "exit 0", "stopped"},
		}},
		{"a crash after a HUP is still a crash", with(func(p *Plan) { p.Restart.OnExit = policy.ExitOnFailure }), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGHUP), "send HUP", ""},
			{3 * s, killedBy(11), "", "restarting"},
		}},
		{"a signal that kills by its default action was somebody's wish", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGUSR1), "send USR1", ""},
			{1 * s, killedBy(10), "exit 138", "stopped"},
		}},
		{"an unasked TERM is held 100 ms and was the stop if one comes", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{5 * s, killedBy(15), "", ""},
			{5*s + 50*ms, sig(5*s+50*ms, policy.SIGTERM), "exit 143", ""},
		}},
		{"an unasked 143 is a crash if no stop comes", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways }), []step{
			{0, Started{7}, "", ""},
			{5 * s, exited(143), "", ""},
			{5*s + 100*ms, Tick{}, "", "restarting"},
		}},
		{"on-failure does not restart a success", with(func(p *Plan) { p.Restart.OnExit = policy.ExitOnFailure }), []step{
			{0, Started{7}, "", ""},
			{5 * s, exited(0), "exit 0", ""},
		}},
		{"a person at the app's terminal is obeyed", with(func(p *Plan) { p.Restart.OnExit = policy.ExitAlways; p.Terminal = true }), []step{
			{0, Started{7}, "", ""},
			{5 * s, leaving(exited(130)), "take terminal, walk TERM roots, sweep", ""},
			{5 * s, Reaped{Empty: true}, "exit 130", "keyboard"},
		}},
		{"Ctrl-Z suspends the job where somebody can wake it", with(func(p *Plan) { p.Terminal = true }), []step{
			{0, Started{7}, "", ""},
			{5 * s, Stopped{policy.SIGTSTP}, "suspend", ""},
			{6 * s, sig(6*s, policy.SIGCONT), "foreground, send CONT", ""},
		}},
		{"Ctrl-Z is answered with CONT by PID 1", with(func(p *Plan) { p.Terminal, p.PID1 = true, true }), []step{
			{0, Started{7}, "", ""},
			{5 * s, Stopped{policy.SIGTSTP}, "send CONT group", "answered with CONT"},
			{5 * s, Stopped{policy.SIGSTOP}, "", ""},
		}},
		{"a stopped app without a terminal stays stopped, until it is drained", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, Stopped{policy.SIGSTOP}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, Stopped{policy.SIGTSTP}, "send CONT group", ""},
		}},
		{"a first start that fails ends with the shell's code", defaults(), []step{
			{0, StartFailed{Err: &reaper.StartError{Command: "x", Errno: syscall.ENOENT}}, "exit 127", "not found"},
		}},
		{"a restart that cannot fork is tried again, and given up on in the end", with(func(p *Plan) { restarting(p); p.Restart.Burst = 2 }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "", "in=1s"},
			{62 * s, Tick{}, "start", ""},
			{62 * s, StartFailed{Err: &reaper.StartError{Command: "x", Errno: syscall.EAGAIN}}, "", "EAGAIN"},
			{64 * s, Tick{}, "start", ""},
			{64 * s, StartFailed{Err: &reaper.StartError{Command: "x", Errno: syscall.EAGAIN}}, "exit 75", "giving up"},
		}},
		{"an exec that hangs is reported, and a stop ends it all the same", defaults(), []step{
			{5 * s, Tick{}, "", "has not returned"},
			{6 * s, sig(6*s, policy.SIGTERM), "", ""},
			{34 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
			{35 * s, Started{7}, "", ""},
			{35 * s, killedBy(9), "exit 137", ""},
		}},
		{"max_uptime drains like a limit", with(func(p *Plan) { p.MaxUptime = time.Hour; restarting(p) }), []step{
			{5 * s, Started{7}, "", ""},
			{time.Hour, Tick{}, "", ""},
			{time.Hour + 5*s, Tick{}, "send TERM+CONT", "metric=uptime value=1h0m0s"},
			{time.Hour + 6*s, exited(0), "", "in=1s"},
			{time.Hour + 7*s, Tick{}, "start", ""},
			{time.Hour + 8*s, Started{8}, "", ""},
			{time.Hour + 9*s, Tick{}, "", ""},
		}},
		{"a dry run says what it would do, every ten minutes, and does nothing", with(func(p *Plan) { p.DryRun, p.MaxUptime = true, time.Hour }), []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "", "would drain metric=zombies then=exit stop=TERM"},
			{61 * s, tripKill, "", "would send SIGKILL"},
			{62 * s, trip, "", ""},
			{660 * s, trip, "", "would drain"},
			{time.Hour, Tick{}, "", "would drain metric=uptime"},
			{time.Hour + s, sig(time.Hour+s, policy.SIGTERM), "send TERM+CONT", ""},
			{time.Hour + 2*s, exited(0), "exit 0", "stopped"},
		}},
		{"-g sends to the group", with(func(p *Plan) { p.Group = true }), []step{
			{0, Started{7}, "", ""},
			{1 * s, sig(1*s, policy.SIGTERM), "send TERM+CONT group", ""},
			{2 * s, leaving(exited(0)), "walk TERM roots spare, sweep", ""},
			{27 * s, Tick{}, "walk TERM", ""},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.plan, tt.steps)
		})
	}
}

// nothing is what a step says that says no word.
const nothing = "nothing"

// play tells a story to a machine.
func play(t *testing.T, plan Plan, steps []step) {
	t.Helper()
	m := NewMachine(plan)
	if got := render(m.Begin(epoch)); got != "start" {
		t.Fatalf("begin: got %q, want start", got)
	}
	tell(t, m, steps)
}

// tell goes on with a story.
func tell(t *testing.T, m *Machine, steps []step) {
	t.Helper()
	for i, st := range steps {
		effects := m.Step(epoch.Add(st.at), st.do)
		if got := render(effects); got != st.want {
			t.Fatalf("step %d, %v %T: got %q, want %q", i, st.at, st.do, got, st.want)
		}
		said := lines(effects)
		if silent := st.says == nothing; silent && said != "" || !silent && !strings.Contains(said, st.says) {
			t.Fatalf("step %d, %v %T: said %q, want %q in it", i, st.at, st.do, said, st.says)
		}
	}
}

// TestEveryEventHasAnAnswerInEveryPhase drives the machine into each phase and gives it everything that can happen.
func TestEveryEventHasAnAnswerInEveryPhase(t *testing.T) {
	now := time.Unix(1e9, 0)
	into := map[Phase][]Event{
		Starting:   nil,
		Running:    {Started{7}},
		Quiet:      {Started{7}, trip},
		Stopping:   {Started{7}, Signaled{policy.SIGTERM, now}},
		Leftovers:  {Started{7}, leaving(exited(0))},
		Killing:    {Started{7}, tripKill},
		Held:       {Started{7}, exited(143)},
		Waiting:    {Started{7}, exited(1)},
		Preparing:  {},
		Concluding: {HookEnded{policy.PreStart}, Started{7}, exited(1)},
		Gone:       {StartFailed{Err: &reaper.StartError{Errno: syscall.ENOENT}}},
	}
	events := []Event{Started{8}, StartFailed{Err: &reaper.StartError{Errno: syscall.EAGAIN}}, exited(1), leaving(killedBy(15)),
		Reaped{Orphans: 1}, Reaped{Empty: true}, Signaled{policy.SIGTERM, now}, Signaled{policy.SIGINT, now},
		Signaled{policy.SIGUSR1, now}, Stopped{policy.SIGTSTP}, HookEnded{policy.PreStart}, HookEnded{policy.PostStop}, Noted{Hook: policy.OnWarn}, QuietSkipped{"x"}, Idle{}, trip, tripKill, Ready{},
		Told{Notice{Reloading: true, Stopping: true, Alive: true, Trigger: true, Extend: s, MainPID: 9, Status: "x"}}, Tick{}}
	plan := with(func(p *Plan) {
		p.Restart.OnExit, p.Restart.OnLimit, p.Drain.QuietSignal = policy.ExitAlways, policy.LimitRestart, policy.SIGTSTP
	})
	for phase := range numPhases {
		for _, e := range events {
			plan := plan
			if phase == Preparing || phase == Concluding {
				plan.Hooks = everyHook()
			}
			m := NewMachine(plan)
			m.Begin(now)
			for _, prior := range into[phase] {
				m.Step(now, prior)
			}
			if m.Phase() != phase {
				t.Fatalf("cannot get into phase %d: in %d", phase, m.Phase())
			}
			effects := m.Step(now, e)
			exits := slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(Exit); return ok })
			if exits != (m.Phase() == Gone && phase != Gone) {
				t.Errorf("phase %d, %T: %v leaves phase %d", phase, e, render(effects), m.Phase())
			}
			if p := m.Phase(); p != Gone && p != Running && m.Deadline().IsZero() && p != Starting {
				t.Errorf("phase %d, %T: phase %d has no deadline: it might never end", phase, e, p)
			}
		}
	}
}

// TestADrainAlwaysEnds ticks through every drain with an app that reacts to nothing.
func TestADrainAlwaysEnds(t *testing.T) {
	for _, begin := range []Event{trip, tripKill, Signaled{policy.SIGTERM, time.Unix(1e9, 0)}, leaving(exited(1))} {
		now := time.Unix(1e9, 0)
		m := NewMachine(with(func(p *Plan) { p.Drain.QuietSignal = policy.SIGTSTP; restarting(p) }))
		m.Begin(now)
		m.Step(now, Started{7})
		m.Step(now, begin)
		for range 1000 {
			if m.Phase() == Gone {
				break
			}
			now = m.Deadline()
			m.Step(now, Tick{})
		}
		if took := now.Sub(time.Unix(1e9, 0)); m.Phase() != Gone || took > 60*s+28*s+unkillable {
			t.Errorf("%T: phase %d after %v", begin, m.Phase(), took)
		}
	}
}

func render(effects []Effect) string {
	var out []string
	for _, e := range effects {
		switch e := e.(type) {
		case Start:
			out = append(out, "start")
		case Send:
			text := "send " + e.Signal.String()
			if e.Cont {
				text += "+CONT"
			}
			if e.Group {
				text += " group"
			}
			out = append(out, text)
		case SendQuiet:
			out = append(out, "quiet "+e.Signal.String())
		case GoQuiet:
			out = append(out, "go quiet "+e.Signal.String())
		case Walk:
			text := "walk " + e.Signal.String()
			for i, set := range []bool{e.Roots, e.Spare, e.Freeze, e.Everyone} {
				if set {
					text += []string{" roots", " spare", " freeze", " everyone"}[i]
				}
			}
			out = append(out, text)
		case Sweep:
			out = append(out, "sweep")
		case Suspend:
			out = append(out, "suspend")
		case TakeTerminal:
			out = append(out, "take terminal")
		case Foreground:
			out = append(out, "foreground")
		case AskRoom:
			out = append(out, "ask for room")
		case StartNext:
			out = append(out, "start next")
		case WatchReady:
			out = append(out, "watch ready")
		case Promote:
			out = append(out, "promote")
		case Dismiss:
			out = append(out, "dismiss")
		case RunHook:
			out = append(out, "run "+e.Hook.String())
		case EndHook:
			out = append(out, "end "+e.Hook.String())
		case NameSurvivors:
			out = append(out, "name survivors")
		case Exit:
			out = append(out, fmt.Sprintf("exit %d", e.Code))
		}
	}
	return strings.Join(out, ", ")
}

func lines(effects []Effect) string {
	var out []string
	for _, e := range effects {
		if say, ok := e.(Say); ok {
			line := say.Message
			for i := 0; i+1 < len(say.Story); i += 2 {
				line += fmt.Sprintf(" %v=%v", say.Story[i], say.Story[i+1])
			}
			out = append(out, line)
		}
	}
	return strings.Join(out, "; ")
}
