package sampler

import (
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestOOMKillsCountFromTheStartOfAnIncarnation(t *testing.T) {
	for name, lay := range map[string]func(m *machine, kills string){
		"v1": func(m *machine, kills string) {
			m.file("proc/1/mountinfo", v1Memory)
			m.file("proc/1/cgroup", "4:memory:/\n")
			m.file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n")
			m.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n")
			m.file("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill "+kills+"\n")
		},
		"v2": func(m *machine, kills string) {
			m.file("proc/1/mountinfo", v2Mount)
			m.file("proc/1/cgroup", "0::/\n")
			m.file("sys/fs/cgroup/memory.current", "1\n")
			m.file("sys/fs/cgroup/memory.max", "1000\n")
			m.file("sys/fs/cgroup/memory.events", "low 0\nhigh 0\nmax 7\noom 4\noom_kill "+kills+"\noom_group_kill 0\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			lay(m, "2")
			o := NewOOMKills(m.sampler(Options{}).opts)
			for i, step := range []struct {
				kills      string
				generation uint64
				want       policy.Reading
			}{
				{"2", 1, policy.Known(0)},
				{"3", 1, policy.Known(1)},
				{"5", 1, policy.Known(3)},
				{"5", 2, policy.Known(0)},
				{"6", 2, policy.Known(1)},
				{"6", 1, policy.Known(1)}, // overlaps with its next
				{"6", 2, policy.Known(1)},
				{"0", 2, policy.Known(0)}, // a counter that jumps back begins anew
				{"x", 2, policy.Reading{}},
			} {
				lay(m, step.kills)
				if got := o.Since(step.generation); got != step.want {
					t.Errorf("step %d: got %+v, want %+v", i, got, step.want)
				}
			}
		})
	}
	if got := NewOOMKills(newMachine(t).sampler(Options{}).opts).Since(1); got.Known {
		t.Errorf("no cgroup: got %+v, want unknown", got)
	}
}
