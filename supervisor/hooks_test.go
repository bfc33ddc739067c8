package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// hooked is a plan with some hooks, of 10 s each.
func hooked(change func(*Plan), which ...policy.Hook) Plan {
	p := defaults()
	for _, h := range which {
		p.Hooks[h] = policy.HookCommand{Command: []string{"true"}, Timeout: 10 * s}
	}
	if change != nil {
		change(&p)
	}
	return p
}

func everyHook() policy.Hooks {
	return hooked(nil, policy.PreStart, policy.PostStart, policy.OnWarn, policy.OnTrip, policy.PreStop, policy.PostStop).Hooks
}

func ended(h policy.Hook) HookEnded { return HookEnded{h} }

func TestHooksHaveTheirPlaceInTheLifeOfTheApp(t *testing.T) {
	all := func(change func(*Plan)) Plan {
		p := hooked(change)
		p.Hooks = everyHook()
		return p
	}
	warned := Noted{Hook: policy.OnWarn, Level: levelWarn, Story: []any{"metric", "threads"}}
	for _, tt := range []struct {
		name  string
		plan  Plan
		begin string
		steps []step
	}{
		{"a whole life, with a restart", all(restarting), "run pre_start", []step{
			{1 * s, ended(policy.PreStart), "start", ""},
			{2 * s, Started{7}, "run post_start", ""},
			{3 * s, warned, "run on_warn", nothing},
			{60 * s, trip, "run on_trip, run pre_stop", "draining: pre_stop for=10s kill_in=38s"},
			{62 * s, ended(policy.PreStop), "send TERM+CONT", "kill_in=28s"},
			{63 * s, exited(0), "run post_stop", "drained for a limit"},
			{64 * s, ended(policy.PostStop), "", "restarting in=1s"},
			{65 * s, Tick{}, "run pre_start", ""},
			{66 * s, ended(policy.PreStart), "start", ""},
		}},
		{"a hook that is waited for is not waited for longer than its timeout", all(nil), "run pre_start", []step{
			{10 * s, Tick{}, "", ""},
			{10*s + hookSlack, Tick{}, "start", ""},
			{11 * s, Started{7}, "run post_start", ""},
			{12 * s, ended(policy.PreStart), "", nothing},
			{60 * s, trip, "run on_trip, run pre_stop", ""},
			{70 * s, Tick{}, "send TERM+CONT", ""},
			{71 * s, ended(policy.PreStop), "", nothing},
			{72 * s, exited(0), "run post_stop", ""},
			{82*s + hookSlack, Tick{}, "exit 75", ""},
		}},
		{"the ends of hooks that nobody waits for change nothing", hooked(nil, policy.PostStart, policy.OnWarn, policy.OnTrip), "start", []step{
			{2 * s, Started{7}, "run post_start", ""},
			{3 * s, ended(policy.PostStart), "", nothing},
			{4 * s, warned, "run on_warn", ""},
			{60 * s, trip, "run on_trip, send TERM+CONT", ""},
			{61 * s, ended(policy.OnTrip), "", nothing},
			{61 * s, warned, "run on_warn", ""},
			{62 * s, exited(0), "exit 75", ""},
		}},
		{"pre_stop comes before the delay, the dump and quiet", hooked(func(p *Plan) {
			p.Drain.PreStopDelay, p.Drain.DumpSignal, p.Drain.DumpWait, p.Drain.QuietSignal = 5*s, policy.SIGQUIT, 2*s, policy.SIGTSTP
		}, policy.PreStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "run pre_stop", "kill_in=1m45s"},
			{61 * s, ended(policy.PreStop), "", "draining: pre_stop_delay"},
			{66 * s, Tick{}, "quiet QUIT", ""},
			{68 * s, Tick{}, "quiet TSTP", ""},
		}},
		{"a stop from outside gives pre_stop and the delay half of its budget", hooked(func(p *Plan) {
			p.Drain.PreStopDelay, p.Drain.QuietSignal, p.Drain.Timeout = 20*s, policy.SIGTSTP, 5*s
			p.Hooks[policy.PreStop].Timeout = 30 * s
		}, policy.PreStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "run pre_stop", "stopping: pre_stop for=14s shortened_from=30s asked=TERM kill_in=28s"},
			{65 * s, ended(policy.PreStop), "", "stopping: pre_stop_delay for=9s shortened_from=20s"},
			{74 * s, Tick{}, "quiet TSTP", "for=9s"},
			{83 * s, Tick{}, "send TERM+CONT", "kill_in=5s"},
		}},
		{"a pre_stop that takes its half leaves no delay", hooked(func(p *Plan) {
			p.Drain.PreStopDelay = 20 * s
			p.Hooks[policy.PreStop].Timeout = 30 * s
		}, policy.PreStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "run pre_stop", ""},
			{74*s + 1*ms, Tick{}, "send TERM+CONT", ""},
		}},
		{"a stop during pre_stop does not wait for it", hooked(nil, policy.PreStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "run pre_stop", ""},
			{61 * s, sig(61*s, policy.SIGTERM), "send TERM+CONT", ""},
		}},
		{"the kill limit runs on_trip and waits for nothing", hooked(nil, policy.OnTrip, policy.PreStop, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, tripKill, "run on_trip, send KILL, walk KILL, sweep", ""},
			{60 * s, tripKill, "", nothing},
			{60 * s, killedBy(9), "run post_stop", ""},
			{61 * s, ended(policy.PostStop), "exit 75", ""},
		}},
		{"nobody kills everyone beside post_stop", hooked(func(p *Plan) { p.PID1 = true }, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, tripKill, "send KILL, walk KILL, sweep", ""},
		}},
		{"an app that ends by itself has its post_stop, and keeps its code", hooked(nil, policy.PreStop, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, leaving(exited(3)), "walk TERM roots, sweep", ""},
			{61 * s, Reaped{Empty: true}, "run post_stop", ""},
			{61 * s, Reaped{Empty: true}, "", ""},
			{62 * s, ended(policy.PostStop), "exit 3", ""},
		}},
		{"a start that fails has its post_stop, too", hooked(nil, policy.PreStart, policy.PostStop), "run pre_start", []step{
			{1 * s, ended(policy.PreStart), "start", ""},
			{2 * s, StartFailed{Err: &reaper.StartError{Errno: 2}}, "run post_stop", "start failed"},
			{3 * s, ended(policy.PostStop), "exit 127", ""},
		}},
		{"post_stop of a stop has what is left of the budget", hooked(nil, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "send TERM+CONT", ""},
			{84 * s, killedBy(15), "run post_stop", ""},
			{88*s + hookSlack, Tick{}, "exit 143", ""},
		}},
		{"nothing is left of the budget", hooked(nil, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, sig(60*s, policy.SIGTERM), "send TERM+CONT", ""},
			{88 * s, Tick{}, "send KILL, walk KILL, sweep", ""},
			{88 * s, killedBy(9), "exit 137", "post_stop skipped why=no time left"},
		}},
		{"what cannot be killed has no post_stop", hooked(nil, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, tripKill, "send KILL, walk KILL, sweep", ""},
			{65 * s, Tick{}, "name survivors, exit 75", "post_stop skipped"},
		}},
		{"a stop while pre_start runs starts nothing", hooked(nil, policy.PreStart, policy.PostStop), "run pre_start", []step{
			{1 * s, sig(1*s, policy.SIGHUP), "", ""},
			{2 * s, sig(2*s, policy.SIGTERM), "end pre_start, run post_stop", "stopped before the app was started signal=TERM code=143"},
			{2 * s, ended(policy.PreStart), "", ""},
			{3 * s, ended(policy.PostStop), "exit 143", ""},
		}},
		{"what comes while pre_start runs is kept for the app", hooked(nil, policy.PreStart), "run pre_start", []step{
			{1 * s, sig(1*s, policy.SIGHUP), "", ""},
			{2 * s, ended(policy.PreStart), "start", ""},
			{3 * s, Started{7}, "send HUP", ""},
		}},
		{"a stop while post_stop runs ends with it", hooked(restarting, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "run post_stop", "drained for a limit"},
			{62 * s, sig(62*s, policy.SIGTERM), "", "stopped while waiting to restart"},
			{63 * s, sig(63*s, policy.SIGTERM), "", nothing},
			{64 * s, ended(policy.PostStop), "exit 75", ""},
		}},
		{"a stop while post_stop runs makes it fit the budget", hooked(func(p *Plan) {
			restarting(p)
			p.Drain.StopTimeout = 3 * s
		}, policy.PostStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "run post_stop", ""},
			{62 * s, sig(62*s, policy.SIGTERM), "", ""},
			{65 * s, Tick{}, "exit 75", ""},
		}},
		{"a dry run runs on_trip as often as it says what it would do", hooked(func(p *Plan) { p.DryRun = true }, policy.OnTrip, policy.PreStop), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, trip, "run on_trip", "dry run: would drain metric=zombies then=exit pre_stop=10s stop=TERM"},
			{61 * s, trip, "", nothing},
			{660 * s, trip, "run on_trip", ""},
		}},
		{"uptime is a limit", hooked(func(p *Plan) { p.MaxUptime = 60 * s }, policy.OnTrip), "start", []step{
			{0, Started{7}, "", ""},
			{60 * s, Tick{}, "run on_trip, send TERM+CONT", "metric=uptime"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMachine(tt.plan)
			if got := render(m.Begin(epoch)); got != tt.begin {
				t.Fatalf("begin: got %q, want %q", got, tt.begin)
			}
			tell(t, m, tt.steps)
		})
	}
}

func TestWhatHooksAreTold(t *testing.T) {
	type event struct {
		at   time.Duration
		do   Event
		want string
	}
	trip := Tripped{Metric: policy.Zombies, Story: []any{"metric", policy.Zombies, "value", "61"}, Who: Blamed{"pu\nma", 23}}
	for _, tt := range []struct {
		name   string
		plan   Plan
		events []event
	}{
		{"a limit, and a restart", with(restarting), []event{
			{0, HookEnded{policy.PreStart}, ""},
			{1 * s, Started{7}, "post_start restarts=0 pid=7"},
			{2 * s, Noted{policy.OnWarn, levelWarn, []any{"metric", "fds"}, Blamed{"a", 9}}, "on_warn restarts=0 pid=7 level=warn metric=fds who=a who_pid=9"},
			{60 * s, trip, `on_trip restarts=0 pid=7 level=drain metric=zombies value=61 who=pu\nma who_pid=23` + "\n" +
				`pre_stop restarts=0 pid=7 cause=limit level=drain metric=zombies value=61 who=pu\nma who_pid=23`},
			{61 * s, HookEnded{policy.PreStop}, ""},
			{62 * s, killedBy(15), `post_stop restarts=0 pid=7 cause=limit exit_signal=TERM exit_code=143 level=drain metric=zombies value=61 who=pu\nma who_pid=23 then=restart`},
			{63 * s, HookEnded{policy.PostStop}, ""},
			{64 * s, Tick{}, "pre_start restarts=1 cause=limit"},
			{65 * s, HookEnded{policy.PreStart}, ""},
			{66 * s, Started{8}, "post_start restarts=1 pid=8"},
			{70 * s, sig(70*s, policy.SIGTERM), "pre_stop restarts=1 pid=8 cause=stop"},
			{71 * s, exited(3), "post_stop restarts=1 pid=8 cause=stop exit_code=3 then=exit"},
		}},
		{"an end of its own", defaults(), []event{
			{0, HookEnded{policy.PreStart}, ""},
			{1 * s, Started{7}, "post_start restarts=0 pid=7"},
			{2 * s, exited(4), "post_stop restarts=0 pid=7 cause=exit exit_code=4 then=exit"},
		}},
		{"a start that fails", defaults(), []event{
			{0, HookEnded{policy.PreStart}, ""},
			{1 * s, StartFailed{Err: &reaper.StartError{Errno: 2}}, "post_stop restarts=0 cause=start_failed exit_code=127 then=exit"},
		}},
		{"a stop before the start", defaults(), []event{
			{1 * s, sig(1*s, policy.SIGTERM), "post_stop restarts=0 cause=stop then=exit"},
		}},
		{"a dry run", with(func(p *Plan) { p.DryRun = true }), []event{
			{0, HookEnded{policy.PreStart}, ""},
			{1 * s, Started{7}, "post_start restarts=0 pid=7"},
			{2 * s, tripKill, "on_trip restarts=0 pid=7 level=kill metric=memory dry_run=1"},
			{3 * s, exited(0), "post_stop restarts=0 pid=7 cause=exit exit_code=0 then=exit"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.plan.Hooks = everyHook()
			m := NewMachine(tt.plan)
			if got := abouts(m.Begin(epoch)); got != "pre_start restarts=0 cause=start" {
				t.Errorf("got %s", got)
			}
			for _, e := range tt.events {
				if got := abouts(m.Step(epoch.Add(e.at), e.do)); got != e.want {
					t.Errorf("%v %T: got\n%s\nwant\n%s", e.at, e.do, got, e.want)
				}
			}
		})
	}
}

// abouts is what hooks are told, one a line.
func abouts(effects []Effect) string {
	var out []string
	for _, e := range effects {
		if run, ok := e.(RunHook); ok {
			line := run.Hook.String()
			for i := 0; i+1 < len(run.About); i += 2 {
				line += fmt.Sprintf(" %v=%v", run.About[i], run.About[i+1])
			}
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// TestWhatJudgesNoteForHooks: an edge each, as the log line is.
func TestWhatJudgesNoteForHooks(t *testing.T) {
	top := []policy.Process{{PID: 23, Name: "ruby", Value: 9}}
	j := newJudge(Limits{Interval: s, Of: [policy.NumMetrics]policy.Limit{policy.Threads: {
		Metric: policy.Threads, Warn: policy.Threshold{Set: true, Value: 5}, Kill: policy.Threshold{Set: true, Value: 50},
	}}})
	for i, tt := range []struct {
		threads uint64
		noted   string
		trip    Blamed
	}{
		{9, "on_warn warn metric=threads value=9 limit=5 {ruby 23}", Blamed{}},
		{9, "", Blamed{}},
		{60, "", Blamed{}},
		{60, "", Blamed{"ruby", 23}},
	} {
		sample := policy.Sample{At: epoch.Add(time.Duration(i) * s)}
		sample.Measures[policy.Threads] = policy.Measure{Reading: policy.Known(tt.threads), Top: top}
		r := j.step(sample, time.Hour, false)
		if got := notes(r.note); got != tt.noted {
			t.Errorf("look %d: got %q, want %q", i, got, tt.noted)
		}
		if (r.trip != nil) != (tt.trip != Blamed{}) || r.trip != nil && r.trip.Who != tt.trip {
			t.Errorf("look %d: got %+v, want a trip of %+v", i, r.trip, tt.trip)
		}
	}
	l := policy.EachLimit{Name: "worker"}
	for step, want := range map[policy.EachStep]string{
		policy.EachWarn:    "on_warn warn each=worker",
		policy.EachSignal:  "on_trip drain each=worker",
		policy.EachKill:    "on_trip kill each=worker",
		policy.EachTimeout: "",
	} {
		got := notes(eachNote(l, policy.EachEvent{Step: step, PID: 9, Name: "x"}))
		if !strings.HasPrefix(got, want) || want == "" && got != "" || want != "" && !strings.HasSuffix(got, "{x 9}") {
			t.Errorf("%v: got %q, want %q and who", step, got, want)
		}
	}
}

func notes(noted []Noted) string {
	var out []string
	for _, n := range noted {
		line := n.Hook.String() + " " + n.Level
		for i := 0; i+1 < len(n.Story); i += 2 {
			if n.Story[i] != "top" {
				line += fmt.Sprintf(" %v=%v", n.Story[i], n.Story[i+1])
			}
		}
		out = append(out, fmt.Sprint(line, " ", n.Who))
	}
	return strings.Join(out, "\n")
}

func TestTheEnvironmentOfAHookIsTheAppsAndTheEvent(t *testing.T) {
	app := []string{"PATH=/bin", "REAPERD_EVENT_METRIC=old", "NOTIFY_SOCKET=/x", "LISTEN_FDS=1", "REAPERD_PRESET=puma"}
	got := strings.Join(hookEnviron(app, RunHook{Hook: policy.OnTrip, About: []any{"metric", policy.Threads, "for", 10 * s, "who_pid", 7}}), " ")
	want := "PATH=/bin REAPERD_PRESET=puma REAPERD_EVENT_NAME=on_trip REAPERD_EVENT_METRIC=threads REAPERD_EVENT_FOR=10s REAPERD_EVENT_WHO_PID=7"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOutputOfAHookInLines(t *testing.T) {
	long := strings.Repeat("a", mostOfLine)
	for _, tt := range []struct{ name, text, want string }{
		{"lines", "one\n two \r\n\n\nthree", "one|two|three"},
		{"what could steer a terminal", "\x1b[31mred\x00\xff\n", `\x1b[31mred\x00\xff`},
		{"a line that is just not too long", long + "\nb\n", long + "|b"},
		{"a line that is too long", long + "b" + long + "\nb\n", long + "...|b"},
		{"a long line cut in a character", long[1:] + "ä\n", long[1:] + "..."},
		{"a long line that is no text", strings.Repeat("\xff", 2000), strings.Repeat(`\xff`, mostOfLine) + "..."},
		{"a line in other letters", "grün 日本\n", "grün 日本"},
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			var o hookOutput
			var got []string
			now := epoch
			for text := []byte(tt.text); len(text) > 0; {
				n := min(size, len(text))
				lines, crowded := o.take(now, text[:n])
				if crowded {
					t.Errorf("%s: got crowded", tt.name)
				}
				got, text = append(got, lines...), text[n:]
			}
			if got = append(got, o.end(now)...); strings.Join(got, "|") != tt.want {
				t.Errorf("%s, %d at once: got %q, want %q", tt.name, size, got, tt.want)
			}
		}
	}
}

func TestOutputOfAHookHasARate(t *testing.T) {
	var o hookOutput
	now := epoch
	for second := range 3 {
		lines, crowded := o.take(now.Add(time.Duration(second)*s), []byte(strings.Repeat("x\n", 70)))
		if len(lines) != linesPerSecond || !crowded || o.dropped != 20*(second+1) {
			t.Errorf("second %d: got %d lines, crowded %v, %d dropped", second, len(lines), crowded, o.dropped)
		}
	}
}

// TestAStartWaitsForThePreStartThatRuns: of the next app of an overlap, while the old one ended.
func TestAStartWaitsForThePreStartThatRuns(t *testing.T) {
	l := &loop{Config: Config{Log: logTo(&strings.Builder{})}, app: &app{machine: NewMachine(hooked(nil, policy.PreStart))}}
	l.hooks[policy.PreStart] = make(chan struct{})
	l.perform(l.machine.Begin(time.Now()))
	if got := l.machine.Phase(); got != Preparing {
		t.Errorf("got phase %d, want preparing until it ends", got)
	}
}
