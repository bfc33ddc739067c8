package sampler

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

const v1Writable = "35 31 0:32 /docker/ab /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

// v1Alarm is a fake cgroup of v1: what is written to its event_control can be read, and a test that knows the eventfds
// can be the kernel.
type v1Alarm struct {
	*machine
	t       *testing.T
	control *os.File
	lines   *bufio.Scanner
}

func newV1Alarm(t *testing.T, limit, withSwap string) *v1Alarm {
	t.Helper()
	m := newMachine(t)
	m.file("proc/1/mountinfo", v1Writable)
	m.file("proc/1/cgroup", "4:memory:/docker/ab\n")
	for name, text := range map[string]string{
		"usage_in_bytes": "1", "limit_in_bytes": limit, "memsw.usage_in_bytes": "1", "memsw.limit_in_bytes": withSwap, "oom_control": "",
	} {
		m.file("sys/fs/cgroup/memory/memory."+name, text+"\n")
	}
	fifo := filepath.Join(m.root, "sys/fs/cgroup/memory/cgroup.event_control")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	control, err := os.OpenFile(fifo, os.O_RDWR, 0) // both ends, so that nobody waits for the other
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	return &v1Alarm{m, t, control, bufio.NewScanner(control)}
}

func (v *v1Alarm) open(acting ...policy.Threshold) (*Alarm, []string) {
	v.t.Helper()
	a, notes := OpenAlarm(v.sampler(Options{}).opts, acting)
	v.t.Cleanup(func() { a.Close() })
	return a, notes
}

// armed reads one line of event_control: the eventfd and what follows the two descriptors.
func (v *v1Alarm) armed() (eventfd int, argument string) {
	v.t.Helper()
	if !v.lines.Scan() {
		v.t.Fatal(v.lines.Err())
	}
	var watched int
	if _, err := fmt.Sscan(v.lines.Text(), &eventfd, &watched, &argument); err != nil && argument != "" {
		v.t.Fatalf("event_control: got %q: %v", v.lines.Text(), err)
	}
	return eventfd, argument
}

// happen counts an eventfd up, as the kernel does.
func (v *v1Alarm) happen(eventfd int) {
	v.t.Helper()
	if _, err := unix.Write(eventfd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		v.t.Fatal(err)
	}
}

func (v *v1Alarm) rings(a *Alarm) {
	v.t.Helper()
	select {
	case <-a.Ring():
	case <-time.After(30 * time.Second):
		v.t.Fatal("got no ring")
	}
}

func percent(p float64) policy.Threshold { return policy.Threshold{Set: true, Percent: p} }
func number(v uint64) policy.Threshold   { return policy.Threshold{Set: true, Value: v} }

func TestV1ThresholdsAreThoseThatAct(t *testing.T) {
	for _, row := range []struct {
		name            string
		limit, withSwap string
		acting          []policy.Threshold
		want            []string // arguments, in order; the last is that of memory.oom_control
	}{
		{"a share is one of the cgroup's limit, with swap of that with swap", "1000", "3000", []policy.Threshold{percent(90)}, []string{"900", "2700", ""}},
		{"several, each at both", "1000", "3000", []policy.Threshold{percent(85), number(950)}, []string{"850", "950", "2550", "950", ""}},
		{"a share of no limit is nowhere", v1NoLimit, v1NoLimit, []policy.Threshold{percent(90)}, []string{""}},
		{"a number needs no limit", v1NoLimit, v1NoLimit, []policy.Threshold{number(5000)}, []string{"5000", "5000", ""}},
		{"what is not set is not armed", "1000", "1000", []policy.Threshold{{}}, []string{""}},
		{"without a limit that acts, only the end of memory", "1000", "1000", nil, []string{""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := newV1Alarm(t, row.limit, row.withSwap)
			v.open(row.acting...)
			for _, want := range row.want {
				if _, got := v.armed(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			v.control.SetReadDeadline(time.Now())
			if v.lines.Scan() {
				t.Errorf("got another one: %q", v.lines.Text())
			}
		})
	}
}

func TestAlarmRingsOnceForWhatHappenedSinceTheLastRing(t *testing.T) {
	v := newV1Alarm(t, "1000", "1000")
	a, notes := v.open(percent(90))
	if want := "memory.usage_in_bytes at 900B"; !slices.Contains(notes, want) {
		t.Errorf("notes: got %q, want %q among them", notes, want)
	}
	threshold, _ := v.armed()
	v.armed()
	oom, _ := v.armed()
	for _, eventfd := range []int{threshold, oom, threshold} {
		v.happen(eventfd)
		v.rings(a)
	}
	select {
	case <-a.Ring():
		t.Error("got a ring though nothing happened")
	case <-time.After(20 * time.Millisecond):
	}
}

func TestARingAllocatesNothing(t *testing.T) {
	v := newV1Alarm(t, "1000", "1000")
	a, _ := v.open(percent(90))
	threshold, _ := v.armed()
	one := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	if got := testing.AllocsPerRun(ringsSaved/2, func() {
		unix.Write(threshold, one)
		<-a.Ring()
	}); got > 0 {
		t.Errorf("got %v allocations for a ring, want 0", got)
	}
}

func TestAStormRingsTenTimesAndThenOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Alarm{timer: time.NewTimer(0), ended: make(chan struct{})}
		began := time.Now()
		var got []time.Duration
		for range ringsSaved + 3 {
			got = append(got, time.Since(began))
			a.rest(time.Now())
		}
		want := append(make([]time.Duration, ringsSaved), time.Second, 2*time.Second, 3*time.Second)
		if !slices.Equal(got, want) {
			t.Errorf("got rings at %v, want them at %v", got, want)
		}
	})
}

func TestAnAlarmHoldsNoThreadAndGivesAllBack(t *testing.T) {
	count := func(dir string) int {
		t.Helper()
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	threads, fds := count("/proc/self/task"), count("/proc/self/fd")
	const alarms = 20
	var open []*Alarm
	v := newV1Alarm(t, "1000", "1000")
	for range alarms {
		a, _ := OpenAlarm(v.sampler(Options{}).opts, []policy.Threshold{percent(90)})
		threshold, _ := v.armed()
		v.armed()
		v.armed()
		v.happen(threshold)
		v.rings(a) // so it has waited, and waits again
		open = append(open, a)
	}
	if got := count("/proc/self/task") - threads; got > alarms/2 {
		t.Errorf("got %d more threads for %d alarms, want none", got, alarms)
	}
	for _, a := range open {
		a.Close()
	}
	v.control.Close()
	if got := count("/proc/self/fd"); got > fds {
		t.Errorf("got %d descriptors, want the %d of before", got, fds)
	}
}

func TestWithNothingToArmThereIsNoAlarm(t *testing.T) {
	for name, layout := range map[string]func(*machine){
		"no cgroup": func(*machine) {},
		"v1 that is read-only, as in a default Docker container": func(m *machine) {
			m.file("proc/1/mountinfo", v1Writable)
			m.file("proc/1/cgroup", "4:memory:/docker/ab\n")
			m.file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n")
			m.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n")
		},
		"v2 without memory.events, as at its root": func(m *machine) {
			m.file("proc/1/mountinfo", v2Mount)
			m.file("proc/1/cgroup", "0::/\n")
			m.file("sys/fs/cgroup/memory.current", "1\n")
		},
		"files that are not the kernel's": func(m *machine) { m.file("proc/pressure/memory", "") },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			layout(m)
			goroutines := runtime.NumGoroutine()
			a, notes := OpenAlarm(m.sampler(Options{}).opts, []policy.Threshold{percent(90)})
			if a != nil || a.Ring() != nil || runtime.NumGoroutine() > goroutines {
				t.Errorf("got an alarm")
			}
			a.Close()
			if !strings.Contains(strings.Join(notes, "\n"), "not armed") && !strings.Contains(strings.Join(notes, "\n"), "epoll_ctl") {
				t.Errorf("notes: got %q, want why nothing is armed", notes)
			}
		})
	}
}
