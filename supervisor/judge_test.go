package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// look is one look of a story about limits, a second after the one before.
type look struct {
	value    uint64 // threads
	memory   uint64
	blind    bool
	draining bool
	want     string // what is said, what trips and whether to look again; comma separated
}

func absolute(n uint64) policy.Threshold { return policy.Threshold{Set: true, Value: n} }

func percent(n float64) policy.Threshold { return policy.Threshold{Set: true, Percent: n} }

// looks repeats a look.
func looks(n int, l look) []look { return slices.Repeat([]look{l}, n) }

func TestJudge(t *testing.T) {
	drainAt50 := policy.Limit{Metric: policy.Threads, Drain: absolute(50)}
	for _, tt := range []struct {
		name     string
		threads  policy.Limit
		memory   policy.Limit
		ceilings []policy.Ceiling
		looks    []look
	}{
		{"two looks make a trip", drainAt50, policy.Limit{}, nil, []look{
			{value: 49},
			{value: 50, want: "look"},
			{value: 50, want: "drain threads"},
		}},
		{"a percentage without a ceiling is said once", policy.Limit{Metric: policy.Threads, Drain: percent(80)}, policy.Limit{}, nil, []look{
			{value: 1000, want: "a percentage is inactive: no ceiling here"},
			{value: 1000},
		}},
		{"of reaperd's own default warnings nobody need know", policy.Limit{Metric: policy.Threads, Warn: percent(80), WarnFor: time.Minute}, policy.Limit{}, nil, []look{
			{value: 1000},
		}},
		{"a warning is said once until it clears", policy.Limit{Metric: policy.Threads, Warn: absolute(10)}, policy.Limit{}, nil, []look{
			{value: 10, want: "limit warning"},
			{value: 12},
			{value: 9, want: "limit warning cleared"},
			{value: 10},
		}},
		{"blindness is said once, and its end", drainAt50, policy.Limit{}, nil, slices.Concat(
			looks(4, look{blind: true}),
			[]look{{blind: true, want: "a limit is blind: its number cannot be read"}},
			looks(5, look{blind: true}),
			[]look{{value: 1, want: "a limit sees again"}},
		)},
		{"what cannot be read trips nothing", drainAt50, policy.Limit{}, nil, []look{
			{value: 60, want: "look"},
			{blind: true},
			{value: 40},
		}},
		{"drain above kill is drained at kill, said once", policy.Limit{Metric: policy.Threads, Drain: percent(80), Kill: absolute(50)}, policy.Limit{},
			[]policy.Ceiling{{Name: "pids.max", Used: policy.Known(1), Max: 100}}, []look{
				{value: 1, want: "drain lies above kill here: draining at the kill level"},
				{value: 50, want: "look"},
				{value: 50, want: "drain threads"},
			}},
		{"kill beats a drain that comes first", drainAt50, policy.Limit{Metric: policy.Memory, Kill: absolute(1 << 30)}, nil, []look{
			{value: 60, memory: 1 << 30, want: "look"},
			{value: 60, memory: 1 << 30, want: "kill memory"},
		}},
		{"kill beats a drain that comes later", policy.Limit{Metric: policy.Threads, Kill: absolute(60)}, policy.Limit{Metric: policy.Memory, Drain: absolute(1)}, nil, []look{
			{value: 60, memory: 1, want: "look"},
			{value: 60, memory: 1, want: "kill threads"},
		}},
		{"of two drains the first is told", drainAt50, policy.Limit{Metric: policy.Memory, Drain: absolute(1)}, nil, []look{
			{value: 60, memory: 1, want: "look"},
			{value: 60, memory: 1, want: "drain threads"},
		}},
		{"a drain that runs is not asked for again, a kill is", policy.Limit{Metric: policy.Threads, Drain: absolute(50), Kill: absolute(60)}, policy.Limit{}, nil, []look{
			{value: 50, want: "look"},
			{value: 50, want: "drain threads"},
			{value: 50, draining: true},
			{value: 60, draining: true, want: "look"},
			{value: 60, draining: true, want: "kill threads"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limits := Limits{Interval: time.Second}
			limits.Of[policy.Threads], limits.Of[policy.Memory] = tt.threads, tt.memory
			j := newJudge(limits)
			j.restarted()
			for i, l := range tt.looks {
				if got := ruled(j.step(sample(i, l, tt.ceilings), time.Duration(i)*time.Second, l.draining)); got != l.want {
					t.Fatalf("look %d: got %q, want %q", i, got, l.want)
				}
			}
		})
	}
}

func sample(second int, l look, ceilings []policy.Ceiling) policy.Sample {
	s := policy.Sample{At: epoch.Add(time.Duration(second) * time.Second)}
	s.Measures[policy.Threads] = policy.Measure{Reading: policy.Reading{Value: l.value, Known: !l.blind}, Ceilings: ceilings}
	s.Measures[policy.Memory] = policy.Measure{Reading: policy.Known(l.memory)}
	return s
}

func ruled(r ruling) string {
	var out []string
	for _, say := range r.says {
		out = append(out, say.Message)
	}
	if r.trip != nil {
		kind := "drain "
		if r.trip.Kill {
			kind = "kill "
		}
		out = append(out, kind+r.trip.Metric.String())
	}
	if r.look {
		out = append(out, "look")
	}
	return strings.Join(out, ", ")
}

// TestALimitBelowTheBaselineRestsHoweverLongItsDrainTakes: the looks of a drain that outlasts the early time must not
// pass for an app that lived on.
func TestALimitBelowTheBaselineRestsHoweverLongItsDrainTakes(t *testing.T) {
	limits := Limits{Interval: time.Second, MinUptime: 30 * time.Second}
	limits.Of[policy.Threads] = policy.Limit{Metric: policy.Threads, Drain: absolute(50), Kill: absolute(1000), For: 10 * time.Second}
	j := newJudge(limits)
	second := 0
	live := func(seconds int) (said []string) {
		j.restarted()
		draining := false
		for uptime := range seconds {
			second++
			got := ruled(j.step(sample(second, look{value: 100}, nil), time.Duration(uptime)*time.Second, draining))
			if got != "" && got != "look" {
				said = append(said, fmt.Sprintf("%s at %ds", got, uptime))
			}
			draining = draining || got == "drain threads"
		}
		return said
	}
	if got, want := live(31+28), []string{"drain threads at 31s"}; !slices.Equal(got, want) {
		t.Errorf("first life: got %q, want %q", got, want)
	}
	const rests = "limit lies below the app's baseline: its drain rests until it clears"
	if got, want := live(600), []string{rests + " at 31s"}; !slices.Equal(got, want) {
		t.Errorf("second life: got %q, want %q", got, want)
	}
	if got := live(600); len(got) != 0 {
		t.Errorf("third life: got %q, want nothing more said", got)
	}
}

func TestTheBlameListIsInOrderAndEscaped(t *testing.T) {
	b := policy.Breach{Metric: policy.Memory, Value: 3 << 20, Level: policy.Level{Threshold: absolute(2 << 20), At: 2 << 20}}
	m := policy.Measure{Top: []policy.Process{{PID: 9, Name: "ruby x", Value: 2 << 20}, {PID: 3, Name: "a\nlimit tripped \x1b[2J", Value: 1 << 20}, {PID: 5, Name: "ü\"\\", Value: 1}}}
	kv := story(b, m)
	if last := kv[len(kv)-2]; last != "top" {
		t.Fatalf("got %v last, want top", last)
	}
	want := `ruby x[9]=2MiB a\nlimit tripped \x1b[2J[3]=1MiB ü"\[5]=1B`
	if got := kv[len(kv)-1]; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := story(b, policy.Measure{}); slices.Contains(got, any("top")) {
		t.Errorf("nobody to blame: got %v, want no top", got)
	}
}
