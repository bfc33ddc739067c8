package sampler

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestHerokuIsKnownByDynoAndThreadLimit(t *testing.T) {
	const small, large = "512MiB 256", "0B 32768"
	for _, row := range []struct {
		name     string
		platform string
		environ  string
		nproc    uint64
		want     string
		note     string // a part of it
	}{
		{"a small dyno", "auto", "PATH=/bin DYNO=web.1", 256, small, ""},
		{"a larger one", "auto", "DYNO=my_Worker-2.31", 512, "1GiB 512", ""},
		{"sizes that share a thread limit have no quota", "auto", "DYNO=run.4711", 32768, large, "dynos of 32768 threads"},
		{"not a dyno's name", "auto", "DYNO=dino", 256, "none", ""},
		{"not a number", "auto", "DYNO=web.1a", 256, "none", ""},
		{"no type", "auto", "DYNO=.1", 256, "none", ""},
		{"a type no dyno has", "auto", "DYNO=we/b.1", 256, "none", ""},
		{"too many dots", "auto", "DYNO=web.1.2", 256, "none", ""},
		{"another variable", "auto", "MY_DYNO=web.1 DYNOS=web.1", 256, "none", ""},
		{"a dyno of no known size", "auto", "DYNO=web.1", math.MaxUint64, "none", "no dyno has this RLIMIT_NPROC"},
		{"forced", "heroku", "", 256, small, ""},
		{"forced, of no known size", "heroku", "", 96365, "none", "no dyno has this RLIMIT_NPROC"},
		{"off", "none", "DYNO=web.1", 256, "none", ""},
	} {
		d, note := Heroku(row.platform, strings.Fields(row.environ), row.nproc)
		got := "none"
		if d != nil {
			got = policy.Memory.Format(d.quota) + " " + policy.Threads.Format(d.threads)
		}
		if got != row.want || (note == "") != (row.note == "") || !strings.Contains(note, row.note) {
			t.Errorf("%s: got %q, note %q, want %q, note %q", row.name, got, note, row.want, row.note)
		}
	}
}

func TestHerokuCeilings(t *testing.T) {
	d, _ := Heroku("heroku", nil, 256)
	room := make([]policy.Ceiling, 1, 8)
	room[0] = policy.Ceiling{Name: "pids.max", Used: policy.Known(1), Max: 900}
	before := slices.Clone(room[:cap(room)])
	look := func(threads uint64) policy.Sample {
		var s policy.Sample
		s.Measures[policy.Threads] = policy.Measure{Reading: policy.Known(threads), Ceilings: room}
		s.Measures[policy.Processes].Ceilings = room
		s.Measures[policy.Memory] = policy.Measure{Reading: policy.Known(77)}
		d.Add(&s)
		return s
	}
	s := look(100)
	if got, want := describe(s.Measures[policy.Memory].Ceilings), "Heroku's memory quota: 77 of 536870912\n"; got != want {
		t.Errorf("memory: got %q, want %q", got, want)
	}
	for _, m := range []policy.Metric{policy.Threads, policy.Processes} {
		list := s.Measures[m].Ceilings
		if len(list) != 2 || list[0] != room[0] || list[1].Name != "Heroku's thread limit" || list[1].Max != 256 {
			t.Errorf("%v: got %+v", m, list)
		}
	}
	own, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	// The runtime may have added a thread between the two.
	used := s.Measures[policy.Threads].Ceilings[1].Used
	if !used.Known || used.Value <= 100 || used.Value > 100+uint64(len(own)) {
		t.Errorf("got %s threads used, want 100 and our own %d", reading(used), len(own))
	}
	look(110)
	if got := s.Measures[policy.Threads].Ceilings[1].Used; got != used {
		t.Errorf("the next look changed a sample that was handed out: got %v, want %v", got, used)
	}
	if !slices.Equal(room[:cap(room)], before) {
		t.Errorf("the sampler's own list was changed: got %+v", room[:cap(room)])
	}
}

func TestHerokuSteadyLooksMakeNoGarbage(t *testing.T) {
	d, _ := Heroku("heroku", nil, 256)
	ceilings := []policy.Ceiling{{Name: "pids.max", Max: 900}}
	var s policy.Sample
	allocations := testing.AllocsPerRun(100, func() {
		s.Measures[policy.Threads] = policy.Measure{Reading: policy.Known(5), Ceilings: ceilings}
		d.Add(&s)
	})
	if allocations >= 1 {
		t.Errorf("got %v allocations a look, want none", allocations)
	}
}

func TestHerokuNowhereAddsNothing(t *testing.T) {
	var s policy.Sample
	(*Dyno)(nil).Add(&s)
	for metric, m := range s.Measures {
		if len(m.Ceilings) > 0 {
			t.Errorf("%v: got %+v, want none", policy.Metric(metric), m.Ceilings)
		}
	}
}

func TestHerokuUnknownUsageStaysUnknown(t *testing.T) {
	d, _ := Heroku("heroku", nil, 512)
	var s policy.Sample
	d.Add(&s)
	if got, want := describe(s.Measures[policy.Threads].Ceilings), "Heroku's thread limit: unknown of 512\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := describe(s.Measures[policy.Memory].Ceilings), "Heroku's memory quota: unknown of 1073741824\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
