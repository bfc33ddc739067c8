package sampler

import (
	"strings"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

// TestSwapCountsWhereItIsAllowed has metric auto in a cgroup that is ours: 3,220 bytes of v2, 3,000 of v1, and 500 in swap.
func TestSwapCountsWhereItIsAllowed(t *testing.T) {
	const (
		none  = "SwapTotal:             0 kB\nSwapFree:              0 kB\n"
		empty = "SwapTotal:          1024 kB\nSwapFree:           1024 kB\n"
		full  = "SwapTotal:          1024 kB\nSwapFree:              0 kB\n"
	)
	v2 := func(swapMax string) map[string]string {
		files := make(map[string]string)
		v2Group(files, "", "512000")
		files["memory.swap.max"] = swapMax + "\n"
		return files
	}
	v1 := func(memsw string) map[string]string {
		files := make(map[string]string)
		v1Group(files, "memory/", "512000")
		files["memory/memory.memsw.limit_in_bytes"] = memsw + "\n"
		return files
	}
	tests := []struct {
		name    string
		files   map[string]string
		host    string
		source  string
		value   string
		ceiling string
	}{
		{
			name: "v2 with a limit of swap", files: v2("100000"), host: empty,
			source: "cgroup anon+shmem+kernel+swap", value: "3720", ceiling: "memory.max+swap.max: 3720 of 612000\n",
		},
		{
			name: "v2 with as much swap as the machine has left", files: v2("max"), host: empty,
			source: "cgroup anon+shmem+kernel+swap", value: "3720", ceiling: "memory.max+swap.max: 3720 of 1561076\n", // 512000 + 1 MiB + 500
		},
		{
			name: "v2 where the machine has none left but what is in use", files: v2("100000"), host: full,
			source: "cgroup anon+shmem+kernel+swap", value: "3720", ceiling: "memory.max+swap.max: 3720 of 512500\n",
		},
		{
			name: "v2 without swap for this cgroup", files: v2("0"), host: empty,
			source: "cgroup anon+shmem+kernel", value: "3220", ceiling: "memory.max: 3220 of 512000\n",
		},
		{
			name: "v2 on a machine without swap", files: v2("max"), host: none,
			source: "cgroup anon+shmem+kernel", value: "3220", ceiling: "memory.max: 3220 of 512000\n",
		},
		{
			name: "v2 of a kernel without swap accounting",
			files: func() map[string]string {
				files := v2("max")
				delete(files, "memory.swap.max")
				delete(files, "memory.swap.current")
				return files
			}(),
			host: empty, source: "cgroup anon+shmem+kernel", value: "3220", ceiling: "memory.max: 3220 of 512000\n",
		},
		{
			name: "v2 whose swap in use cannot be read",
			files: func() map[string]string {
				files := v2("100000")
				files["memory.swap.current"] = "much\n"
				return files
			}(),
			host: empty, source: "cgroup anon+shmem+kernel+swap", value: "unknown", ceiling: "memory.max+swap.max: unknown of 612000\n",
		},
		{
			name: "v1 with room for swap", files: v1("700000"), host: empty,
			source: "cgroup anon+shmem+swap", value: "3500", ceiling: "memory.memsw.limit_in_bytes: 3500 of 700000\n",
		},
		{
			name: "v1 whose limit of memory and swap together is no limit", files: v1(v1NoLimit), host: empty,
			source: "cgroup anon+shmem+swap", value: "3500", ceiling: "memory.memsw.limit_in_bytes: 3500 of 1561076\n",
		},
		{
			name: "v1 with the same limit for both, as docker run --memory-swap makes it", files: v1("512000"), host: empty,
			source: "cgroup anon+shmem", value: "3000", ceiling: "memory.limit_in_bytes: 3000 of 512000\n",
		},
		{
			name: "v1 on a machine without swap", files: v1("700000"), host: none,
			source: "cgroup anon+shmem", value: "3000", ceiling: "memory.limit_in_bytes: 3000 of 512000\n",
		},
		{
			name: "v1 of a kernel without swap accounting, where there is no such file",
			files: func() map[string]string {
				files := v1("700000")
				delete(files, "memory/memory.memsw.limit_in_bytes")
				return files
			}(),
			host: empty, source: "cgroup anon+shmem", value: "3000", ceiling: "memory.limit_in_bytes: 3000 of 512000\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.task(10, task{ppid: 1, rss: 100})
			m.file("proc/meminfo", "MemTotal:       8388608 kB\nMemFree:        4194304 kB\n"+tt.host)
			m.file("proc/1/mountinfo", v2Mount)
			m.file("proc/1/cgroup", "0::/\n")
			if strings.HasPrefix(tt.name, "v1") {
				m.file("proc/1/mountinfo", v1Memory)
				m.file("proc/1/cgroup", "4:memory:/\n")
			}
			for name, text := range tt.files {
				m.file("sys/fs/cgroup/"+name, text)
			}
			got := m.look(10, Options{}).Measures[policy.Memory]
			if got.Source != tt.source || reading(got.Reading) != tt.value {
				t.Errorf("got %s = %s, want %s = %s", got.Source, reading(got.Reading), tt.source, tt.value)
			}
			if list := describe(got.Ceilings); list != tt.ceiling {
				t.Errorf("got ceilings %q, want %q", list, tt.ceiling)
			}
		})
	}
}
