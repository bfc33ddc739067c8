package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// series are the measurements of one thing.
type series []float64

// at gives the value that a share q of all lie below.
func (s series) at(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func (s series) median() float64 { return s.at(0.5) }
func (s series) least() float64  { return s.at(0) }

// table prints aligned columns under a title.
type table struct{ w *tabwriter.Writer }

func newTable(title string, columns ...string) *table {
	fmt.Printf("\n%s\n", title)
	t := &table{tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t *table) row(cells ...string) { fmt.Fprintln(t.w, "  "+strings.Join(cells, "\t")) }

func (t *table) print() { t.w.Flush() }

// times is a ratio to the reference; "-" where there is none.
func times(value, reference float64) string {
	if reference <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", value/reference)
}

// interleave calls measure for every one of n contenders in each round, beginning with another one each time, so that
// a slow moment of the machine hits all of them.
func interleave(rounds, n int, measure func(contender int) error) error {
	for round := range rounds {
		for i := range n {
			if err := measure((round + i) % n); err != nil {
				return err
			}
		}
	}
	return nil
}
