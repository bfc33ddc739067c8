package sampler

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

const (
	v2Mount  = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
	v1Memory = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	v1Pids   = "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"

	v2Stat = "anon 1000\nfile 50000\nkernel 900\nkernel_stack 10\npagetables 20\nsec_pagetables 0\npercpu 30\nsock 40\nvmalloc 50\n" +
		"shmem 2000\ninactive_file 7000\nactive_file 8000\nslab_reclaimable 600\nslab_unreclaimable 70\nslab 670\n"
	v1Stat = "cache 90000\nrss 1\nshmem 2\ninactive_file 3\nhierarchical_memory_limit 9223372036854771712\n" +
		"total_cache 90000\ntotal_rss 1000\ntotal_shmem 2000\ntotal_swap 500\ntotal_inactive_file 7000\n"
)

// v2Group writes the files of a v2 cgroup that holds reaperd and an app.
func v2Group(files map[string]string, dir, max string) {
	files[dir+"cgroup.procs"] = "1\n10\n"
	files[dir+"memory.current"] = "60000\n"
	files[dir+"memory.stat"] = v2Stat
	files[dir+"memory.max"] = max + "\n"
	files[dir+"memory.swap.current"] = "500\n"
	files[dir+"pids.max"] = "max\n"
	files[dir+"pids.current"] = "42\n"
}

func v1Group(files map[string]string, dir, limit string) {
	files[dir+"cgroup.procs"] = "1\n10\n"
	files[dir+"memory.usage_in_bytes"] = "60000\n"
	files[dir+"memory.kmem.usage_in_bytes"] = "5000\n"
	files[dir+"memory.stat"] = v1Stat
	files[dir+"memory.limit_in_bytes"] = limit + "\n"
}

const v1NoLimit = "9223372036854771712"

// TestLayouts finds the cgroup files in every layout of the field. The app has 100 pages of RSS.
func TestLayouts(t *testing.T) {
	treeRSS := 100 * os.Getpagesize()
	tests := []struct {
		name       string
		mountinfo  string
		membership string
		files      func(map[string]string) // below /sys/fs/cgroup
		metric     string
		source     string
		value      string // "" for that of the tree
		memory     string // ceilings
		tasks      string
	}{
		{
			name:      "v2 in a private namespace, as in Docker: the mount point itself is ours",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["pids.max"] = "100\n" },
			source: "cgroup anon+shmem+kernel", value: "3220",
			memory: "memory.max: 3220 of 512000\n",
			tasks:  "pids.max: 42 of 100\n",
		},
		{
			name:      "v2 on a host, with a lower limit and other usage above us",
			mountinfo: v2Mount, membership: "0::/system.slice/app.service\n",
			files: func(f map[string]string) {
				v2Group(f, "system.slice/app.service/", "max")
				v2Group(f, "system.slice/", "400000")
				f["system.slice/memory.stat"] = "anon 90000\nshmem 1\n"
				f["system.slice/pids.max"] = "200\n"
				f["system.slice/pids.current"] = "150\n"
				f["cgroup.procs"] = "2\n"
				f["memory.stat"] = "anon 77\nshmem 1\n" // the real root has a stat, but no memory.current
			},
			source: "cgroup anon+shmem+kernel", value: "3220",
			memory: "memory.max of /system.slice: 90001 of 400000\n",
			tasks:  "pids.max of /system.slice: 150 of 200\n",
		},
		{
			name:      "v2 where the controller ends above our own cgroup: the next one up is what limits us",
			mountinfo: v2Mount, membership: "0::/user.slice/x.scope\n",
			files: func(f map[string]string) {
				v2Group(f, "user.slice/", "400000")
				f["user.slice/cgroup.procs"] = ""
				f["user.slice/x.scope/cgroup.procs"] = "1\n10\n"
			},
			source: "cgroup anon+shmem+kernel", value: "3220",
			memory: "memory.max: 3220 of 400000\n",
		},
		{
			name:       "v1 with the host's namespace, as in Docker: the mount root is taken off the path",
			mountinfo:  "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n39 31 0:36 /docker/ab /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
			membership: "4:memory:/docker/ab\n3:pids:/docker/ab\n0::/docker/ab\n",
			files: func(f map[string]string) {
				v1Group(f, "memory/", "512000")
				f["pids/pids.max"] = "64\n"
				f["pids/pids.current"] = "60\n"
			},
			source: "cgroup anon+shmem", value: "3000",
			memory: "memory.limit_in_bytes: 3000 of 512000\n",
			tasks:  "pids.max: 60 of 64\n",
		},
		{
			name:      "v1 in a private namespace",
			mountinfo: v1Memory + v1Pids, membership: "4:memory:/\n3:pids:/\n",
			files:  func(f map[string]string) { v1Group(f, "memory/", v1NoLimit) },
			source: "cgroup anon+shmem", value: "3000",
		},
		{
			name:      "v1 on a host: no limit is no ceiling",
			mountinfo: v1Memory + v1Pids, membership: "4:memory:/jobs/7\n3:pids:/\n",
			files: func(f map[string]string) {
				v1Group(f, "memory/jobs/7/", "700000")
				v1Group(f, "memory/jobs/", v1NoLimit)
				v1Group(f, "memory/", v1NoLimit)
				f["pids/cgroup.procs"] = "1\n"
			},
			source: "cgroup anon+shmem", value: "3000",
			memory: "memory.limit_in_bytes of /jobs/7: 3000 of 700000\n",
		},
		{
			name:      "v1 without use_hierarchy: a parent's limit does not bind us",
			mountinfo: v1Memory, membership: "4:memory:/jobs/7\n",
			files: func(f map[string]string) {
				v1Group(f, "memory/jobs/7/", "700000")
				v1Group(f, "memory/jobs/", "300000")
				f["memory/jobs/memory.use_hierarchy"] = "0\n"
			},
			source: "cgroup anon+shmem", value: "3000",
			memory: "memory.limit_in_bytes: 3000 of 700000\n",
		},
		{
			name:       "hybrid: a 0:: line does not prove v2, every controller is where its files are",
			mountinfo:  v1Memory + v1Pids + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			membership: "8:pids:/\n4:memory:/box\n0::/box\n",
			files: func(f map[string]string) {
				v1Group(f, "memory/box/", "700000")
				f["unified/box/cgroup.procs"] = "1\n"
				f["unified/box/pids.max"] = "10\n" // pids moved to v2
				f["unified/box/pids.current"] = "9\n"
				f["pids/cgroup.procs"] = "1\n"
			},
			source: "cgroup anon+shmem", value: "3000",
			memory: "memory.limit_in_bytes: 3000 of 700000\n",
			tasks:  "pids.max: 9 of 10\n",
		},
		{
			name:      "a 0:: line and nothing mounted: the tree",
			mountinfo: "1 0 0:1 / / rw - ext4 /dev/vda rw\n", membership: "0::/docker/ab\n",
			source: "rss of the tree",
		},
		{
			name:      "a path entered from outside: give up on the cgroup",
			mountinfo: v2Mount, membership: "0::/../../x\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); v2Group(f, "x/", "512000") },
			source: "rss of the tree",
		},
		{
			name:      "a path that is not below the mount: its neighbour's name begins alike",
			mountinfo: strings.Replace(v2Mount, " / ", " /docker/a ", 1), membership: "0::/docker/ab\n",
			files:  func(f map[string]string) { v2Group(f, "b/", "512000"); v2Group(f, "", "512000") },
			source: "rss of the tree",
		},
		{
			name:      "a path that is not there: the root of the mount is not ours",
			mountinfo: v2Mount, membership: "0::/docker/ab\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000") },
			source: "rss of the tree",
		},
		{
			name:       "a mount point with a space, bad lines and a later mount that hides the earlier",
			mountinfo:  "nonsense\n- \n 1 2 - x\n" + v2Mount + "50 23 0:27 / /sys/fs/cgroup/my\\040v2 rw shared:3 master:4 - cgroup2 none rw\n",
			membership: "nonsense\n0::/\n",
			files: func(f map[string]string) {
				v2Group(f, "my v2/", "300000")
				v2Group(f, "", "512000")
			},
			source: "cgroup anon+shmem+kernel", value: "3220",
			memory: "memory.max: 3220 of 300000\n",
		},
		{
			name:      "a stranger in our cgroup: the tree, but the ceiling keeps its own usage",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["cgroup.procs"] = "1\n10\n60\n" },
			source: "rss of the tree",
			memory: "memory.max: 3220 of 512000\n",
		},
		{
			name:      "a stranger in a cgroup below ours",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["sub/cgroup.procs"] = "60\n" },
			source: "rss of the tree",
			memory: "memory.max: 3220 of 512000\n",
		},
		{
			name:      "a process that we cannot see is a stranger, one of another namespace (0) too",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["cgroup.procs"] = "0\n1\n10\n" },
			source: "rss of the tree",
			memory: "memory.max: 3220 of 512000\n",
		},
		{
			name:      "a shell of docker exec and its child are no strangers",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["cgroup.procs"] = "1\n10\n50\n51\n" },
			source: "cgroup anon+shmem+kernel", value: "3220",
			memory: "memory.max: 3220 of 512000\n",
		},
		{
			name:      "a limit of all the machine has never bites",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "8589934592") },
			source: "cgroup anon+shmem+kernel", value: "3220",
		},
		{
			name:      "metric anon on v2: swap is leaked too, but is not what memory.max limits",
			mountinfo: v2Mount, membership: "0::/\n", metric: "anon",
			files:  func(f map[string]string) { v2Group(f, "", "512000") },
			source: "cgroup anon+swap", value: "1500",
			memory: "memory.max: 1000 of 512000\n",
		},
		{
			name:      "metric anon on v1",
			mountinfo: v1Memory, membership: "4:memory:/\n", metric: "anon",
			files:  func(f map[string]string) { v1Group(f, "memory/", "512000") },
			source: "cgroup anon+swap", value: "1500",
			memory: "memory.limit_in_bytes: 1000 of 512000\n",
		},
		{
			name:      "metric anon in a shared cgroup: RssAnon and VmSwap of the tree",
			mountinfo: v2Mount, membership: "0::/\n", metric: "anon",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["cgroup.procs"] = "1\n10\n60\n" },
			source: "anon+swap of the tree", value: "307200",
			memory: "memory.max: 1000 of 512000\n",
		},
		{
			name:      "metric working_set",
			mountinfo: v2Mount, membership: "0::/\n", metric: "working_set",
			files:  func(f map[string]string) { v2Group(f, "", "512000") },
			source: "cgroup working set", value: "53000",
			memory: "memory.max: 53000 of 512000\n",
		},
		{
			name:      "metric working_set never falls below zero",
			mountinfo: v1Memory, membership: "4:memory:/\n", metric: "working_set",
			files: func(f map[string]string) {
				v1Group(f, "memory/", "512000")
				f["memory/memory.usage_in_bytes"] = "6999\n"
			},
			source: "cgroup working set", value: "0",
			memory: "memory.limit_in_bytes: 0 of 512000\n",
		},
		{
			name:      "metric rss compares the tree with the limit",
			mountinfo: v2Mount, membership: "0::/\n", metric: "rss",
			files:  func(f map[string]string) { v2Group(f, "", "512000") },
			source: "rss of the tree",
			memory: fmt.Sprintf("memory.max: %d of 512000\n", treeRSS),
		},
		{
			name:      "a stat without anon is unknown, not zero",
			mountinfo: v2Mount, membership: "0::/\n",
			files:  func(f map[string]string) { v2Group(f, "", "512000"); f["memory.stat"] = "anon\nshmem 5\nanonymous 7\n" },
			source: "cgroup anon+shmem+kernel", value: "unknown",
			memory: "memory.max: unknown of 512000\n",
		},
		{
			name:      "a usage that is no number is unknown",
			mountinfo: v2Mount, membership: "0::/\n", metric: "working_set",
			files: func(f map[string]string) {
				v2Group(f, "", "512000")
				f["memory.current"], f["pids.current"], f["pids.max"] = "many\n", "", "5\n"
			},
			source: "cgroup working set", value: "unknown",
			memory: "memory.max: unknown of 512000\n",
			tasks:  "pids.max: unknown of 5\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.task(10, task{ppid: 1, rss: 100})
			m.task(50, task{ppid: 0, rss: 100})
			m.task(51, task{ppid: 50, rss: 100})
			m.file("proc/1/mountinfo", tt.mountinfo)
			m.file("proc/1/cgroup", tt.membership)
			files := make(map[string]string)
			if tt.files != nil {
				tt.files(files)
			}
			for name, text := range files {
				m.file("sys/fs/cgroup/"+name, text)
			}
			measures := m.look(10, Options{MemoryMetric: tt.metric}).Measures
			memory := measures[policy.Memory]
			want := tt.value
			if want == "" {
				want = strconv.Itoa(treeRSS)
			}
			if memory.Source != tt.source || reading(memory.Reading) != want {
				t.Errorf("got %s = %s, want %s = %s", memory.Source, reading(memory.Reading), tt.source, want)
			}
			if got := describe(memory.Ceilings); got != tt.memory {
				t.Errorf("memory ceilings: got %q, want %q", got, tt.memory)
			}
			for _, metric := range []policy.Metric{policy.Threads, policy.Processes} {
				if got := describe(measures[metric].Ceilings); got != tt.tasks {
					t.Errorf("%v ceilings: got %q, want %q", metric, got, tt.tasks)
				}
			}
		})
	}
}

func TestOwnershipIsSettledAtTheStartOfAnIncarnation(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1, rss: 100})
	m.file("proc/1/mountinfo", v2Mount)
	m.file("proc/1/cgroup", "0::/\n")
	files := make(map[string]string)
	v2Group(files, "", "512000")
	for name, text := range files {
		m.file("sys/fs/cgroup/"+name, text)
	}
	s := m.sampler(Options{MinUptime: time.Hour})
	source := func(generation uint64) string { return s.Look(10, generation).Measures[policy.Memory].Source }
	if got, want := source(1), "cgroup anon+shmem+kernel"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	m.task(60, task{ppid: 50})
	m.file("sys/fs/cgroup/cgroup.procs", "1\n10\n60\n")
	if got, want := source(1), "cgroup anon+shmem+kernel"; got != want {
		t.Errorf("same incarnation: got %q, want %q", got, want)
	}
	s.opts.MinUptime = time.Nanosecond // it has passed
	if got, want := source(1), "rss of the tree"; got != want {
		t.Errorf("after min_uptime: got %q, want %q", got, want)
	}
	s.opts.MinUptime = time.Hour
	if got, want := source(2), "rss of the tree"; got != want {
		t.Errorf("next incarnation: got %q, want %q", got, want)
	}
	m.remove("sys/fs/cgroup/memory.stat")
	m.file("sys/fs/cgroup/cgroup.procs", "1\n10\n")
	if got := s.Look(10, 3).Measures[policy.Memory]; got.Known || got.Source != "cgroup anon+shmem+kernel" {
		t.Errorf("got %s = %s, want the cgroup's number to be unknown", got.Source, reading(got.Reading))
	}
}

// TestAnInitThatOnlyWaitsIsNoStranger has us as pid 7 below the init of `docker run --init`.
func TestAnInitThatOnlyWaitsIsNoStranger(t *testing.T) {
	const tiny, group, tree = 200, "cgroup anon+shmem+kernel", "rss of the tree"
	tests := []struct {
		name   string
		init   task
		parent int // ours
		more   func(*machine)
		want   string
	}{
		{name: "a tiny one of one thread", init: task{rss: tiny}, parent: 1, want: group},
		{name: "one with threads", init: task{rss: tiny, threads: 2}, parent: 1, want: tree},
		{name: "one with memory of its own", init: task{rss: 5000}, parent: 1, want: tree},
		{name: "one that did not start us", init: task{rss: tiny}, parent: 5, want: tree},
		{
			name: "one that has started somebody else, too", init: task{rss: tiny}, parent: 1, want: tree,
			more: func(m *machine) {
				m.task(9, task{ppid: 1})
				m.file("sys/fs/cgroup/cgroup.procs", "1\n7\n9\n10\n")
			},
		},
		{
			name: "that of the machine", init: task{rss: tiny}, parent: 1, want: tree,
			more: func(m *machine) {
				m.file("proc/7/ns/x", "")
				if err := os.Symlink(machineNamespace, filepath.Join(m.root, "proc/7/ns/pid")); err != nil {
					m.t.Fatal(err)
				}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.remove("proc/self")
			if err := os.Symlink("7", filepath.Join(m.root, "proc/self")); err != nil {
				t.Fatal(err)
			}
			m.task(1, tt.init)
			m.task(5, task{ppid: 1})
			m.task(7, task{ppid: tt.parent, comm: "reaperd", threads: 8})
			m.task(10, task{ppid: 7})
			m.file("proc/7/mountinfo", v2Mount)
			m.file("proc/7/cgroup", "0::/\n")
			files := make(map[string]string)
			v2Group(files, "", "512000")
			files["cgroup.procs"] = "1\n7\n10\n"
			for name, text := range files {
				m.file("sys/fs/cgroup/"+name, text)
			}
			if tt.more != nil {
				tt.more(m)
			}
			if got := m.look(10, Options{Self: 7}).Measures[policy.Memory].Source; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNewbornsAndTheDeadAreNoStrangers(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.file("proc/1/mountinfo", v2Mount)
	m.file("proc/1/cgroup", "0::/\n")
	m.file("sys/fs/cgroup/memory.current", "1\n")
	m.file("sys/fs/cgroup/cgroup.procs", "1\n10\n77\n")
	s := m.sampler(Options{})
	s.find()
	judge := func(then string) ownership {
		before := s.beforeLook()
		s.seen = s.tree.look(time.Now(), policy.Reading{}) == nil
		m.file("sys/fs/cgroup/cgroup.procs", then)
		s.judge(before)
		return s.owner
	}
	if got := judge("1\n10\n78\n"); got != ours {
		t.Errorf("got %v, want ours: 77 has ended, 78 has just begun", got)
	}
	s.owner = undecided
	if got := judge("1\n10\n78\n"); got != shared {
		t.Errorf("got %v, want shared: 78 was there all the time and is hidden from us", got)
	}
}

func TestLimitThatCannotBeReadStaysWithUnknownUsage(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: 1})
	m.file("proc/1/mountinfo", v2Mount)
	m.file("proc/1/cgroup", "0::/\n")
	m.file("sys/fs/cgroup/pids.max", "100\n")
	m.file("sys/fs/cgroup/pids.current", "90\n")
	s := m.sampler(Options{})
	tasks := func() string { return describe(s.Look(10, 1).Measures[policy.Threads].Ceilings) }
	if got, want := tasks(), "pids.max: 90 of 100\n"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	m.remove("sys/fs/cgroup/pids.max")
	m.file("sys/fs/cgroup/pids.max/x", "") // reading it fails, but not for absence
	s.Close()
	for range 2 {
		if got, want := tasks(), "pids.max: unknown of 100\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	m.remove("sys/fs/cgroup/pids.max")
	m.file("sys/fs/cgroup/pids.max", "max\n")
	s.Close()
	if got := tasks(); got != "" {
		t.Errorf("limit lifted: got %q, want none", got)
	}
}
