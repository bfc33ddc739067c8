package vm

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestV2(t *testing.T) {
	m := boot(t, "v2")

	t.Run("check finds the ceilings", func(t *testing.T) {
		out := m.run(t, `
group check
echo 128M >memory.max
echo 64 >pids.max
inside check reaperd check`)
		wants(t, out, `memory +memory\.max +\S+ of 128MiB`, `threads +pids\.max +\d+ of 64`, `processes +pids\.max +\d+ of 64`)
	})

	t.Run("memory is named and is that of memory.stat", func(t *testing.T) {
		out := m.run(t, `
group named
echo 200M >memory.max
printf '`+quick+`[limits.memory]\ndrain = "80MiB"\nfor = "6s"\n' >/tmp/named.toml
(ends 75 named reaperd -c /tmp/named.toml -- sh -c 'dd if=/dev/zero of=/tmp/shared bs=1M count=20 2>/dev/null; exec leaky memory 80') >/tmp/named.log 2>&1 &
till 'leaked 80' /tmp/named.log
cat memory.stat
wait $!
cat /tmp/named.log
rm /tmp/shared`)
		wants(t, out, `limit tripped.* source="cgroup anon\+shmem\+kernel"`)
		want := 0.0
		for _, field := range []string{"anon", "shmem", "kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock", "vmalloc", "slab_unreclaimable"} {
			want += number(t, out, `(?m)^`+field+` (\d+)`, field == "sec_pagetables") / (1 << 20) // since Linux 6.2
		}
		if got := number(t, out, `limit tripped: .*?value=([\d.]+)MiB`, false); math.Abs(got-want) > 1 || want < 99 {
			t.Errorf("got %.1f MiB, want the %.1f MiB of memory.stat, and more than 99", got, want)
		}
	})

	t.Run("a share of pids.max drains", func(t *testing.T) {
		out := m.run(t, `
group threads
echo 60 >pids.max
printf '`+quick+`[limits.threads]\ndrain = "80%%"\nfor = "300ms"\n' >/tmp/threads.toml
ends 75 threads reaperd -c /tmp/threads.toml -- leaky threads 1000 10`)
		wants(t, out, `limit tripped: metric=threads .*limit=48 percent="80%" of=pids\.max ceiling=60`)
	})

	t.Run("a share of memory.max drains", func(t *testing.T) {
		out := m.run(t, `
group drained
echo 100M >memory.max
printf '`+quick+`[limits.memory]\ndrain = "85%%"\nfor = "300ms"\n' >/tmp/drained.toml
ends 75 drained reaperd -c /tmp/drained.toml -- sh -c '`+headStart+`; exec leaky memory 1000 10'
cat memory.events`)
		wants(t, out, `limit tripped: metric=memory .*limit=85MiB percent="85%" of=memory\.max ceiling=100MiB`, `(?m)^oom_kill 0$`)
	})

	t.Run("kill is faster than the kernel", func(t *testing.T) {
		out := m.run(t, `
group killed
echo 100M >memory.max
printf '`+quick+`[limits.memory]\nkill = "90%%"\n' >/tmp/killed.toml
ends 75 killed reaperd -c /tmp/killed.toml -- sh -c '`+headStart+`; exec leaky memory 1000 20'
cat memory.events`)
		wants(t, out, `kill limit tripped: metric=memory .*limit=90MiB percent="90%" of=memory\.max`, `(?m)^oom_kill 0$`)
	})

	// The first look is over by then, and the next one due in a minute: it is the alarm that tells.
	t.Run("a child that the kernel kills is no riddle, and known at once", func(t *testing.T) {
		out := m.run(t, `
group oom
echo 64M >memory.max
printf '[limits]\ninterval = "60s"\nmin_uptime = "300ms"\n[limits.oom_kills]\ndrain = 1\n' >/tmp/oom.toml
# The kernel shall have one choice only: it may need a second victim before the memory of the first is counted as free.
echo -1000 >/proc/self/oom_score_adj
ends 75 oom reaperd -c /tmp/oom.toml -- sh -c 'sleep 2; (echo 1000 >/proc/self/oom_score_adj; exec leaky memory 200 100); exec sleep 25'
echo 0 >/proc/self/oom_score_adj
cat memory.events`)
		wants(t, out, `the kernel OOM-killed a process of the app: oom_kills=1`, `limit tripped: metric=oom_kills`, `(?m)^oom_kill 1$`)
	})

	t.Run("memory.events rings the alarm, and pressure is armed", func(t *testing.T) {
		for _, row := range []struct{ name, limit string }{
			{"high", "echo 32M >memory.high"}, // never reaches 40 MiB: it is throttled
			{"oom", "echo 32M >memory.max"},
		} {
			t.Run(row.name, func(t *testing.T) {
				out := m.run(t, strings.NewReplacer("NAME", "alarm-"+row.name, "LIMIT", row.limit).Replace(`
group NAME
LIMIT
probe=$(inside NAME sh -c 'probe 90 >/tmp/NAME.log 2>&1 & echo $!')
till listening /tmp/NAME.log
! grep ring /tmp/NAME.log
(inside NAME leaky memory 40 100 || true) &
till ring /tmp/NAME.log
cat /tmp/NAME.log memory.events
echo 1 >cgroup.kill`))
				wants(t, out, `(?m)^probe: \S+/memory\.events$`, `(?m)^probe: \S+/memory\.pressure$`, `(?m)^probe: ring$`)
			})
		}
	})
}

// wants wants every pattern in a text.
func wants(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("want %s in the output", p)
		}
	}
}

// number gives the number that a pattern finds, or 0 for one that need not be there.
func number(t *testing.T, text, pattern string, optional bool) float64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil && optional {
		return 0
	}
	if found == nil {
		t.Fatalf("no %s in the output", pattern)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
