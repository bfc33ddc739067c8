package main

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/supervisor/sampler"
)

// eyes is everything that looks at the app, put together.
type eyes struct {
	sampler  *sampler.Sampler
	each     *sampler.Each
	oomKills *sampler.OOMKills
	pss      *sampler.PSS  // nil: memory is measured otherwise
	dyno     *sampler.Dyno // nil: this is none
	remarks  []string
}

func newEyes(options sampler.Options, c configs.Config) *eyes {
	l := c.Limits
	s := sampler.New(options)
	var targets []sampler.EachTarget
	for _, each := range l.Each {
		target := sampler.EachTarget{Match: each.Match, USS: each.MemoryMetric == "uss"}
		for m, limit := range each.Of {
			target.Of[m] = limit.Active()
		}
		targets = append(targets, target)
	}
	e := &eyes{sampler: s, each: sampler.NewEach(s, targets), oomKills: sampler.NewOOMKills(options)}
	if l.MemoryMetric == "pss" {
		e.pss = sampler.NewPSS(options)
	}
	var remark string
	if e.dyno, remark = sampler.Heroku(c.Platform, os.Environ(), softNPROC()); remark != "" {
		e.remarks = append(e.remarks, remark)
	}
	return e
}

// softNPROC is our own RLIMIT_NPROC, by which Heroku tells the size of a dyno.
func softNPROC() uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) != nil {
		return unix.RLIM_INFINITY
	}
	return limit.Cur
}

// notes are what there is to say, each thing once.
func (e *eyes) notes() []string {
	notes := append(e.remarks, e.sampler.Notes()...)
	e.remarks = nil
	if e.pss != nil {
		notes = append(notes, e.pss.Notes()...)
	}
	return notes
}

// look is one look with all of them. Apps are the main processes of all apps, where more than one live at once, the oldest
// first.
func (e *eyes) look(main int, generation uint64, apps ...int) policy.Sample {
	s := e.sampler.Look(main, generation)
	if e.pss != nil {
		m := &s.Measures[policy.Memory]
		m.Reading, m.Source = e.pss.Measure(s.At, main), sampler.PSSSource
	}
	e.dyno.Add(&s)
	s.Measures[policy.OOMKills].Reading = e.oomKills.Since(generation)
	s.Each = e.each.Look(main, apps...)
	e.sampler.Split(&s, apps...)
	return s
}

// listener has the kernel say when memory nears a level that acts; nil where nothing could come of it.
func listener(options sampler.Options, l configs.Limits) func() (<-chan struct{}, []string) {
	memory := l.Of[policy.Memory]
	if !memory.Acts() && !l.Of[policy.OOMKills].Active() {
		return nil
	}
	return func() (<-chan struct{}, []string) {
		alarm, notes := sampler.OpenAlarm(options, []policy.Threshold{memory.Drain, memory.Kill})
		return alarm.Ring(), notes
	}
}
