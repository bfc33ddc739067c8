package supervisor

import (
	"errors"
	"syscall"
	"time"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
	"github.com/reaperd/reaperd/reaper/procstat"
)

// eachJudge holds every [[limits.each]] to the processes it is about.
type eachJudge struct {
	limits []policy.EachLimit
	each   []*policy.Each
	dryRun bool // nothing is sent: say so
}

func newEachJudge(limits []policy.EachLimit, minUptime time.Duration) eachJudge {
	j := eachJudge{limits: limits}
	for _, l := range limits {
		j.each = append(j.each, policy.NewEach(l, minUptime))
	}
	return j
}

func (j *eachJudge) restarted() {
	for _, e := range j.each {
		e.Restarted()
	}
}

// order is a signal to one process.
type order struct {
	process procstat.Stat // PID and Start
	signal  policy.Signal
}

// step judges one look. A list that is not known to be complete is passed over: whoever is missing would count as gone.
func (j *eachJudge) step(s policy.Sample) (says []Say, notes []Noted, orders []order, look bool) {
	for i, seen := range s.Each {
		if i >= len(j.each) || !seen.Known {
			continue
		}
		limit := j.limits[i]
		events, again := j.each[i].Step(s.At, seen.Processes)
		look = look || again
		for _, e := range events {
			if j.dryRun && e.Step == policy.EachTimeout {
				continue // it was never asked to end
			}
			say, sig := eachSay(limit, e), eachSignal(limit, e)
			if j.dryRun && sig != 0 {
				say.Message = "dry run: " + say.Message
			}
			says = append(says, say)
			notes = append(notes, eachNote(limit, e)...)
			if sig != 0 && !j.dryRun {
				orders = append(orders, order{procstat.Stat{PID: e.PID, Start: e.Start}, sig})
			}
		}
	}
	return says, notes, orders, look
}

func eachSignal(l policy.EachLimit, e policy.EachEvent) policy.Signal {
	switch e.Step {
	case policy.EachSignal:
		return l.Signal
	case policy.EachKill, policy.EachTimeout:
		return policy.SIGKILL
	}
	return 0
}

// eachNote is what hooks are told.
func eachNote(l policy.EachLimit, e policy.EachEvent) []Noted {
	n := Noted{Hook: policy.OnTrip, Story: append([]any{"each", l.Name}, e.Breach.KeyValues()...), Who: Blamed{e.Name, e.PID}}
	switch e.Step {
	case policy.EachWarn:
		n.Hook, n.Level = policy.OnWarn, levelWarn
	case policy.EachSignal:
		n.Level = levelDrain
	case policy.EachKill:
		n.Level = levelKill
	default:
		return nil
	}
	return []Noted{n}
}

// eachSay is the line about one process.
func eachSay(l policy.EachLimit, e policy.EachEvent) Say {
	who := []any{"each", l.Name, "pid", e.PID, "process", Printable(e.Name)}
	switch e.Step {
	case policy.EachWarn:
		return Say{Warn, "process limit warning", append(who, e.Breach.KeyValues()...)}
	case policy.EachCleared:
		return Say{Info, "process limit warning cleared", append(who, e.Breach.KeyValues()...)}
	case policy.EachSignal:
		who = append(who, "signal", l.Signal, "kill_in", l.Timeout)
		return Say{Warn, "process limit tripped: this process alone is asked to end", append(who, e.Breach.KeyValues()...)}
	case policy.EachKill:
		return Say{Warn, "process kill limit tripped: this process alone is killed", append(who, e.Breach.KeyValues()...)}
	case policy.EachTimeout:
		return Say{Warn, "the process did not end in time and is killed", append(who, "after", rough(e.After))}
	}
	return Say{Info, "the process has ended", append(who, "after", rough(e.After))}
}

// signalEach acts on single processes.
func (l *loop) signalEach(orders []order) {
	for _, o := range orders {
		err := reaper.SignalProcess(o.process, syscall.Signal(o.signal))
		if err == nil && o.signal != policy.SIGKILL {
			err = reaper.SignalProcess(o.process, syscall.SIGCONT)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			l.sayOnce("a process may not be signalled (no CAP_KILL?)", "pid", o.process.PID, "error", err)
		}
	}
}
