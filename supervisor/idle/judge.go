package idle

import (
	"fmt"
	"time"
)

// seen is what one look has read. A part whose error is set is unknown.
type seen struct {
	err           error // nothing could be read
	titles        []string
	titlesErr     error
	children      int // living ones of the main process
	connections   []Connection
	connectionErr error
	cpu           map[process]uint64 // ticks used so far
}

// process names one for ever.
type process struct {
	pid   int
	start uint64 // ticks after boot
}

// judge remembers what it takes to say how long something has held.
type judge struct {
	checks Checks
	cpu    usage
	looks  int // in a row that said idle
	since  time.Time
}

// weigh makes one answer of a look: one busy check settles it, then one unknown check.
func (j *judge) weigh(now time.Time, s seen) Answer {
	if s.err != nil {
		return unknown(s.err.Error())
	}
	result := idleNow
	for _, a := range []Answer{j.title(s), j.children(s), j.connections(s), j.flat(now, s)} {
		if !a.Idle && (result.Idle || a.Known && !result.Known) {
			result = a
		}
	}
	return result
}

// hold turns the answer of one look into a result: idle only after enough of them in a row.
func (j *judge) hold(now time.Time, a Answer) Result {
	if !a.Idle {
		j.looks = 0
		return Result{Known: a.Known, Why: a.Why}
	}
	if j.looks == 0 {
		j.since = now
	}
	j.looks++
	h := j.checks.Hold
	if j.looks < h.Looks {
		return Result{Known: true, Why: fmt.Sprintf("idle at %d of %d looks", j.looks, h.Looks)}
	}
	if held := now.Sub(j.since); held < h.For {
		return Result{Known: true, Why: fmt.Sprintf("idle for %v of %v", held.Round(time.Second/10), h.For)}
	}
	return Result{Idle: true, Known: true}
}

func (j *judge) title(s seen) Answer {
	c := j.checks
	if c.Title == nil {
		return idleNow
	}
	concerned, matching := 0, 0
	var other string
	for _, title := range s.titles {
		if c.TitleOf != nil && !c.TitleOf.MatchString(title) {
			continue
		}
		concerned++
		if c.Title.MatchString(title) {
			matching++
		} else {
			other = title
		}
	}
	switch {
	case c.TitleOf != nil && matching < concerned:
		return busy(fmt.Sprintf("title is %q", shorten(other)))
	case s.titlesErr != nil && (c.TitleOf != nil || matching == 0):
		return unknown(s.titlesErr.Error())
	case matching > 0:
		return idleNow
	case c.TitleOf != nil:
		return unknown(fmt.Sprintf("no process has a title like %q", c.TitleOf))
	}
	return busy("no process has the title of an idle one")
}

func (j *judge) children(s seen) Answer {
	if !j.checks.NoChildren || s.children == 0 {
		return idleNow
	}
	return busy(count(s.children, "child process", "child processes"))
}

func (j *judge) connections(s seen) Answer {
	if !j.checks.Connections {
		return idleNow
	}
	n, first := 0, ""
	for _, c := range s.connections {
		if why := c.busy(j.checks.Silence); why != "" {
			if n++; n == 1 {
				first = fmt.Sprintf("%s: %s", c.Listener, why)
			}
		}
	}
	switch {
	case n > 0:
		return busy(count(n, "connection", "connections") + " at work, on " + first)
	case s.connectionErr != nil:
		return unknown(s.connectionErr.Error())
	}
	return idleNow
}

func (j *judge) flat(now time.Time, s seen) Answer {
	if j.checks.CPU.For <= 0 {
		return idleNow
	}
	j.cpu.add(now, s.cpu, j.checks.CPU.For)
	grown, over := j.cpu.grown()
	switch f := j.checks.CPU; {
	case grown >= f.Ticks:
		return busy(fmt.Sprintf("CPU: %d ticks in %v", grown, over.Round(time.Second/10)))
	case over < f.For:
		return busy(fmt.Sprintf("CPU: flat for %v of %v", over.Round(time.Second/10), f.For))
	}
	return idleNow
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// shorten cuts a title to what fits a log line.
func shorten(title string) string {
	const most = 80
	if len(title) <= most {
		return title
	}
	return title[:most]
}
