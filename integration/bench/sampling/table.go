package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

// printScene prints what one look of each contender costs, and how many times that of reaperd it is: by the least of all
// rounds, for noise only ever adds, and by the median, for where things lie in memory is luck too.
func printScene(s scene, results []result) {
	fmt.Printf("\n%s\n", s.Name)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tCPU µs a look\tmedian\tns a process\tx reaperd\tby median\tallocations\t")
	reaperd := results[0]
	for _, r := range results {
		allocs := ""
		if r.Allocs >= 0 {
			allocs = fmt.Sprintf("%.1f", r.Allocs)
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.0f\t%.2f\t%.2f\t%s\t\n", r.Contender, r.Least/1e3, r.Median/1e3,
			r.Least/float64(s.Processes+s.Zombies), r.Least/reaperd.Least, r.Median/reaperd.Median, allocs)
	}
	w.Flush()
	for _, r := range results {
		if r.Contender == floor {
			fmt.Printf("reaperd is %.2f times the C program (by median %.2f)\n", reaperd.Least/r.Least, reaperd.Median/r.Median)
		}
	}
}

// printMachine says what the figures were taken on.
func printMachine() {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		release = []byte("unknown\n")
	}
	fmt.Printf("Linux %s", release)
}
