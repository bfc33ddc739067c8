package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/supervisor"
	"github.com/reaperd/reaperd/supervisor/sampler"
)

// check prints the effective configuration, where each value comes from, and what this machine makes of it.
func check(loaded *configs.Loaded, command []string) int {
	out := os.Stdout
	for _, w := range loaded.Warnings {
		fmt.Fprintf(os.Stderr, "reaperd: warning: %s\n", w)
	}
	if err := loaded.Print(out); err != nil {
		return exitOurs
	}
	c := loaded.Config
	options := sampler.Options{MemoryMetric: c.Limits.MemoryMetric, FDs: true}
	eyes := newEyes(options, c)
	sample := eyes.look(os.Getpid(), 1)
	printCeilings(out, sample)
	remarks := append(eyes.notes(), sampler.Advice(options, c.Limits.Of[policy.Memory])...)
	remarks = append(remarks, presetNotes(c, loaded.App)...)
	remarks = append(remarks, socketNotes(c, command)...)
	remarks = append(remarks, overlapNotes(c, command)...)
	for _, note := range append(notes(c, sample), remarks...) {
		fmt.Fprintf(out, "# note: %s\n", note)
	}
	return 0
}

func printCeilings(out io.Writer, sample policy.Sample) {
	fmt.Fprint(out, "\n# ceilings found on this machine, as seen by this user\n")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for metric := range policy.NumMetrics {
		ceilings := sample.Measures[metric].Ceilings
		switch {
		case !metric.HasCeiling():
			continue
		case metric == policy.FDs:
			fmt.Fprintf(table, "#   %s\tRLIMIT_NOFILE\teach process its own\n", metric)
			continue
		case len(ceilings) == 0:
			fmt.Fprintf(table, "#   %s\tnone: a percentage is inactive\n", metric)
		}
		for _, c := range ceilings {
			used := "unknown"
			if c.Used.Known {
				used = metric.Format(c.Used.Value)
			}
			fmt.Fprintf(table, "#   %s\t%s\t%s of %s\n", metric, c.Name, used, metric.Format(c.Max))
		}
	}
}

// notes are what the numbers alone do not say.
func notes(c configs.Config, sample policy.Sample) []string {
	var notes []string
	for metric, limit := range c.Limits.Of {
		if policy.Metric(metric) != policy.FDs && supervisor.Inactive(limit, sample.Measures[metric]) {
			notes = append(notes, fmt.Sprintf("limits.%s: a percentage is inactive here, there is no ceiling", policy.Metric(metric)))
		}
	}
	if c.Restart.Possible() {
		notes = append(notes, "a restart is configured: inherited descriptors stay open in reaperd for the next start, so the "+
			"far end of a pipe sees EOF only when reaperd ends; and reaperd stays in its working directory")
	}
	notes = append(notes, fmt.Sprintf("a stop from outside ends in SIGKILL after %v: give the platform more than that "+
		"(docker run --stop-timeout, stop_grace_period, terminationGracePeriodSeconds); Docker's default is 10s", c.Drain.StopTimeout))
	if _, quiet := c.Drain.Compressed(); c.Drain.HasQuiet() && quiet < c.Drain.QuietTimeout {
		notes = append(notes, fmt.Sprintf("a stop from outside has %v for quiet, what drain.timeout (%v) leaves of drain.stop_timeout (%v)",
			quiet, c.Drain.Timeout, c.Drain.StopTimeout))
	}
	return notes
}
