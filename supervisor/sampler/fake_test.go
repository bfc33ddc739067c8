package sampler

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

const self = 1 // reaperd in a fake machine

// machine is a fake /proc and a fake /sys/fs/cgroup.
type machine struct {
	t    *testing.T
	root string
}

// task is a process of a fake machine. What is not set is ordinary.
type task struct {
	ppid    int
	group   int    // default 1
	state   string // default S
	threads int    // default 1
	rss     int    // pages
	comm    string // default "app"
	cmdline string
	uid     int
	flags   int
	fds     int
	nofile  string // default 1024
	nproc   string // default unlimited
	start   int    // default 100
	session int    // default 1
}

// newMachine has reaperd as PID 1 and nothing else.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, root: t.TempDir()}
	m.file("proc/self", "")
	m.remove("proc/self")
	if err := os.Symlink(strconv.Itoa(self), filepath.Join(m.root, "proc/self")); err != nil {
		t.Fatal(err)
	}
	m.file("proc/meminfo", "MemTotal:       8388608 kB\nMemFree:        4194304 kB\n")
	m.task(self, task{comm: "reaperd", rss: 1000, threads: 8})
	return m
}

func (m *machine) file(name, text string) {
	m.t.Helper()
	name = filepath.Join(m.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) remove(name string) {
	m.t.Helper()
	if err := os.RemoveAll(filepath.Join(m.root, name)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) task(pid int, k task) {
	m.t.Helper()
	k.state, k.comm = or(k.state, "S"), or(k.comm, "app")
	k.nofile, k.nproc, k.threads = or(k.nofile, "1024"), or(k.nproc, "unlimited"), max(k.threads, 1)
	dir := fmt.Sprintf("proc/%d/", pid)
	m.file(dir+"stat", statLine(pid, k))
	m.file(dir+"cmdline", k.cmdline)
	m.file(dir+"status", fmt.Sprintf("Name:\tapp\nUid:\t%d\t0\t0\t0\nVmSwap:\t%8d kB\nRssAnon:\t%8d kB\n", k.uid, k.rss, k.rss*2))
	m.file(dir+"limits", fmt.Sprintf("%-26s%-21s%-21s%-10s\n%-26s%-21s%-21s%-10s\n%-26s%-21s%-21s%-10s\n",
		"Limit", "Soft Limit", "Hard Limit", "Units", "Max processes", k.nproc, k.nproc, "processes", "Max open files", k.nofile, k.nofile, "files"))
	statm := fmt.Sprintf("%d %d 0 0 0 0 0\n", k.rss+100, k.rss)
	if k.state == "Z" {
		statm = "0 0 0 0 0 0 0\n"
	}
	m.file(dir+"statm", statm)
	threads, _ := os.ReadDir(filepath.Join(m.root, dir, "task")) // the directory itself stays, as descriptors of it do
	for _, thread := range threads {
		m.remove(dir + "task/" + thread.Name())
	}
	for i := range k.threads {
		m.file(fmt.Sprintf("%stask/%d/x", dir, pid+1000*i), "")
	}
	for fd := range k.fds {
		m.file(dir+"fd/"+strconv.Itoa(fd), "")
	}
	if k.fds == 0 {
		m.file(dir+"fd/x", "")
		m.remove(dir + "fd/x")
	}
}

func statLine(pid int, k task) string {
	if k.start == 0 {
		k.start = 100
	}
	return fmt.Sprintf("%d (%s) %s %d %d %d 0 -1 %d 0 0 0 0 0 0 0 0 20 0 %d 0 %d 0 %d 18446744073709551615%s\n",
		pid, k.comm, k.state, k.ppid, max(k.group, 1), max(k.session, 1), k.flags, k.threads, k.start, k.rss, strings.Repeat(" 0", 27))
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func (m *machine) sampler(opts Options) *Sampler {
	opts.Proc, opts.Sys = filepath.Join(m.root, "proc"), m.root
	if opts.Self == 0 {
		opts.Self = self
	}
	return New(opts)
}

func (m *machine) look(main int, opts Options) policy.Sample {
	return m.sampler(opts).Look(main, 1)
}

// describe writes ceilings as one line each, so that a table can say what it wants.
func describe(list []policy.Ceiling) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%s: %s of %d\n", c.Name, reading(c.Used), c.Max)
	}
	return b.String()
}

func reading(r policy.Reading) string {
	if !r.Known {
		return "unknown"
	}
	return strconv.FormatUint(r.Value, 10)
}

func names(list []policy.Process) string {
	var parts []string
	for _, p := range list {
		parts = append(parts, fmt.Sprintf("%d %s=%d", p.PID, p.Name, p.Value))
	}
	return strings.Join(parts, ", ")
}
