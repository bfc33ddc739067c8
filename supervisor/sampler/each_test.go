package sampler

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestEachListsThoseWhoMatchWithTheirOwnNumbers(t *testing.T) {
	m := newMachine(t)
	m.task(10, task{ppid: self, comm: "ruby", cmdline: "unicorn\x00master\x00"})
	m.task(11, task{ppid: 10, comm: "ruby", cmdline: "unicorn\x00worker[0]\x00", threads: 3, fds: 7})
	m.task(12, task{ppid: 10, comm: "ruby", cmdline: "unicorn\x00worker[1]\x00", state: "Z"})
	m.file("proc/11/status", "Name:\truby\nRssAnon:\t  2048 kB\nRssFile:\t 4096 kB\n")
	s := m.sampler(Options{})
	target := EachTarget{Match: regexp.MustCompile(`^unicorn worker\[`)}
	target.Of[policy.Threads], target.Of[policy.Memory] = true, true
	e := NewEach(s, []EachTarget{target, {Match: regexp.MustCompile(`master`)}})
	s.Look(10, 1)
	looks := e.Look(10)
	var got []string
	for i, look := range looks {
		for _, p := range look.Processes {
			got = append(got, fmt.Sprintf("%d: %d %q main=%v known=%v", i, p.PID, p.Name, p.Main, look.Known))
		}
	}
	want := `[0: 11 "unicorn worker[0]" main=false known=true 1: 10 "unicorn master" main=true known=true]`
	if text := fmt.Sprint(got); text != want {
		t.Fatalf("got %s, want %s", text, want)
	}
	p := looks[0].Processes[0]
	if threads, memory := p.Measures[policy.Threads], p.Measures[policy.Memory]; threads.Reading != policy.Known(3) ||
		memory.Reading != policy.Known(2048<<10) || memory.Source != "RssAnon" || p.Measures[policy.FDs].Known {
		t.Errorf("got %+v, want 3 threads, 2 MiB of RssAnon, and no descriptors: nobody asked", p.Measures)
	}
}

func TestEachMarksTheMainProcessesOfAllApps(t *testing.T) {
	m := newMachine(t)
	for pid, parent := range map[int]int{10: self, 11: 10, 20: self, 21: 20} {
		m.task(pid, task{ppid: parent, cmdline: "app"})
	}
	s := m.sampler(Options{})
	e := NewEach(s, []EachTarget{{Match: regexp.MustCompile(`app`)}})
	s.Look(20, 1)
	mains := map[int]bool{}
	for _, p := range e.Look(20, 10, 20)[0].Processes {
		mains[p.PID] = p.Main
	}
	if got, want := fmt.Sprint(mains), "map[10:true 11:false 20:true 21:false]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEachIsUnknownWhereTheTreeIs(t *testing.T) {
	m := newMachine(t)
	s := m.sampler(Options{})
	e := NewEach(s, []EachTarget{{Match: regexp.MustCompile(`x`)}})
	s.Look(99, 1) // no such main process
	if looks := e.Look(99); len(looks) != 1 || looks[0].Known {
		t.Errorf("got %+v, want one unknown list", looks)
	}
	if looks := NewEach(s, nil).Look(99); looks != nil {
		t.Errorf("got %+v, want nothing for no target", looks)
	}
}

func TestKibibytes(t *testing.T) {
	const status = "VmRSS:\t 10 kB\nRssAnon:\t    2048 kB\nBad:\t1 MB\nOdd:\tx kB\n"
	for name, want := range map[string]policy.Reading{
		"RssAnon:": policy.Known(2048 << 10), "Bad:": {}, "Odd:": {}, "None:": {},
	} {
		if got := kibibytes([]byte(status), name); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
