package sampler

import (
	"strconv"
	"strings"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestAdvice(t *testing.T) {
	percent := func(p float64) policy.Threshold { return policy.Threshold{Set: true, Percent: p} }
	bytes := func(v uint64) policy.Threshold { return policy.Threshold{Set: true, Value: v} }
	const mib = 1 << 20
	for _, row := range []struct {
		name   string
		limit  policy.Limit
		high   string // of our own cgroup
		max    string
		above  string // memory.high of the one above ours
		swap   bool   // of the machine
		metric string
		want   []string
	}{
		{name: "under memory.high is fine", limit: policy.Limit{Drain: percent(70), Kill: bytes(400 * mib)}, high: "400", max: "512"},
		{
			name:  "percent of memory.max above it",
			limit: policy.Limit{Drain: percent(70), Kill: percent(90)}, high: "400", max: "512",
			want: []string{"limits.memory.kill = 90% (460.8MiB of memory.max of /a/b) may never be met: " +
				"it is above memory.high of /a/b (400MiB), where the kernel throttles growth"},
		},
		{
			name:  "absolute numbers above it, one line each",
			limit: policy.Limit{Warn: bytes(450 * mib), Drain: bytes(500 * mib), Kill: bytes(600 * mib)}, high: "400", max: "max",
			want: []string{
				"limits.memory.drain = 500MiB may never be met: it is above memory.high of /a/b (400MiB), where the kernel throttles growth",
				"limits.memory.kill = 600MiB may never be met: it is above memory.high of /a/b (400MiB), where the kernel throttles growth",
			},
		},
		{
			name:  "memory.high of a cgroup above ours throttles us too",
			limit: policy.Limit{Kill: bytes(500 * mib)}, high: "max", max: "512", above: "300",
			want: []string{"limits.memory.kill = 500MiB may never be met: it is above memory.high of /a (300MiB), where the kernel throttles growth"},
		},
		{name: "no memory.high", limit: policy.Limit{Drain: percent(99), Kill: bytes(999 * mib)}, high: "max", max: "512"},
		{name: "a percentage of nothing", limit: policy.Limit{Drain: percent(90)}, high: "400", max: "max"},
		{name: "a percentage of more than the machine has", limit: policy.Limit{Drain: percent(90)}, high: "400", max: "16384"},
		{name: "what can grow into swap can be met", limit: policy.Limit{Kill: bytes(500 * mib)}, high: "400", max: "512", swap: true},
		{
			name:  "but not with a metric that leaves swap out",
			limit: policy.Limit{Kill: bytes(500 * mib)}, high: "400", max: "512", swap: true, metric: "working_set",
			want: []string{"limits.memory.kill = 500MiB may never be met: it is above memory.high of /a/b (400MiB), where the kernel throttles growth"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMachine(t)
			m.file("proc/1/mountinfo", v2Mount)
			m.file("proc/1/cgroup", "0::/a/b\n")
			if row.swap {
				m.file("proc/meminfo", "MemTotal:       8388608 kB\nSwapTotal:      4194304 kB\n")
			}
			inMiB := func(dir, name, value string) {
				if n, err := strconv.Atoi(value); err == nil {
					value = strconv.Itoa(n * mib)
				}
				m.file("sys/fs/cgroup/"+dir+name, or(value, "max")+"\n")
			}
			for _, dir := range []string{"a/", "a/b/"} {
				m.file("sys/fs/cgroup/"+dir+"memory.current", "1\n")
				m.file("sys/fs/cgroup/"+dir+"memory.swap.max", "max\n")
			}
			inMiB("a/", "memory.high", row.above)
			inMiB("a/b/", "memory.high", row.high)
			inMiB("a/b/", "memory.max", row.max)
			opts := m.sampler(Options{MemoryMetric: row.metric}).opts
			if got, want := strings.Join(Advice(opts, row.limit), "\n"), strings.Join(row.want, "\n"); got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

func TestAdviceOnV1OrWithoutCgroupIsNone(t *testing.T) {
	kill := policy.Limit{Kill: policy.Threshold{Set: true, Value: 1 << 40}}
	m := newMachine(t)
	if got := Advice(m.sampler(Options{}).opts, kill); len(got) > 0 {
		t.Errorf("no cgroup: got %q", got)
	}
	v := newV1Alarm(t, "1000", "1000")
	if got := Advice(v.sampler(Options{}).opts, kill); len(got) > 0 {
		t.Errorf("v1: got %q", got)
	}
}
