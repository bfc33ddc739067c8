package configs

import (
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

func TestGrowthIsReadAndPrinted(t *testing.T) {
	for _, row := range []struct {
		metric   policy.Metric
		in, text string
		want     policy.Rate
	}{
		{policy.Threads, "20/min", `"20/min"`, policy.Rate{Value: 20, Per: time.Minute}},
		{policy.Threads, "20 / 1m", `"20/min"`, policy.Rate{Value: 20, Per: time.Minute}},
		{policy.Zombies, "3/30s", `"3/30s"`, policy.Rate{Value: 3, Per: 30 * time.Second}},
		{policy.FDs, "1/s", `"1/s"`, policy.Rate{Value: 1, Per: time.Second}},
		{policy.Processes, "5/24h", `"5/day"`, policy.Rate{Value: 5, Per: 24 * time.Hour}},
		{policy.Memory, "12MiB/min", `"12MiB/min"`, policy.Rate{Value: 12 << 20, Per: time.Minute}},
		{policy.Memory, "1.5 gib/h", `"1536MiB/h"`, policy.Rate{Value: 3 << 29, Per: time.Hour}},
		{policy.Memory, "1234567B/90m", `"1234567B/1h30m"`, policy.Rate{Value: 1234567, Per: 90 * time.Minute}},
		{policy.Memory, "none", "", policy.Rate{}},
	} {
		path := "limits." + row.metric.String() + ".growth"
		l := mustLoad(t, Sources{Flags: []Assignment{{path, row.in, "--x"}}})
		got := l.Config.Limits.Of[row.metric].Growth
		if text := value(l, path).Text; got != row.want || row.want.Set() && text != row.text {
			t.Errorf("%s: got %+v and %s, want %+v and %s", row.in, got, text, row.want, row.text)
		}
	}
}

func TestWhatPolicySaysOfARateReadsBack(t *testing.T) {
	for _, row := range []struct {
		metric policy.Metric
		rate   policy.Rate
	}{
		{policy.Threads, policy.Rate{Value: 20, Per: time.Minute}},
		{policy.Threads, policy.Rate{Value: 3, Per: 30 * time.Second}},
		{policy.FDs, policy.Rate{Value: 1, Per: 24 * time.Hour}},
		{policy.Zombies, policy.Rate{Value: 7, Per: 90 * time.Second}},
		{policy.Memory, policy.Rate{Value: 12 << 20, Per: time.Minute}},
		{policy.Memory, policy.Rate{Value: 5e6, Per: time.Hour}},
		{policy.Memory, policy.Rate{Value: 512, Per: time.Second}},
	} {
		text := row.rate.Text(row.metric)
		if got, err := growth(row.metric).parse(text); err != nil || got != row.rate {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, row.rate)
		}
	}
}

func TestJitterIsReadAndPrinted(t *testing.T) {
	for in, want := range map[string]struct {
		share float64
		text  string
	}{
		"10%": {0.1, `"10%"`}, "12.3%": {0.123, `"12.3%"`}, "0.07%": {0.0007, `"0.07%"`}, "50%": {0.5, `"50%"`},
		"0%": {0, `"0%"`}, "-0%": {0, `"0%"`}, "none": {0, `"0%"`}, "33.333%": {0.3333, `"33.33%"`},
	} {
		l := mustLoad(t, Sources{Environ: []string{"REAPERD_LIMITS_JITTER=" + in}})
		got, text := l.Config.Limits.Jitter.Share, value(l, "limits.jitter").Text
		if got != want.share || text != want.text {
			t.Errorf("%s: got %v and %s, want %v and %s", in, got, text, want.share, want.text)
		}
	}
}

func TestMaxUptime(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"12h": 12 * time.Hour, "720h": 720 * time.Hour, "1s": time.Second, "none": 0, "0": 0, "0s": 0,
	} {
		l := mustLoad(t, Sources{Environ: []string{"REAPERD_LIMITS_MAX_UPTIME=" + in}})
		if got := l.Config.Limits.MaxUptime; got != want {
			t.Errorf("%s: got %v, want %v", in, got, want)
		}
	}
	l := mustLoad(t, inFile(t, "limits.max_uptime = 0"))
	if got := value(l, "limits.max_uptime").Text; got != `"none"` {
		t.Errorf("got %s, want none", got)
	}
}

func TestAnOOMKillIsActedUponAtOnce(t *testing.T) {
	l := mustLoad(t, inFile(t, "[limits.oom_kills]\ndrain = 1"))
	want := policy.Limit{Metric: policy.OOMKills, Drain: policy.Threshold{Set: true, Value: 1}, GrowthWindow: 10 * time.Minute}
	if got := l.Config.Limits.Of[policy.OOMKills]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := value(l, "limits.oom_kills.for").Text; got != `"0s"` {
		t.Errorf("got for = %s, want 0s", got)
	}
}
