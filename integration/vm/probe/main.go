// Command probe arms the alarm for the cgroup it is in, says what was armed, and prints a line for every ring.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/supervisor/sampler"
)

func main() {
	var acting []policy.Threshold
	for _, arg := range os.Args[1:] { // percentages of the cgroup's limit
		percent, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(125)
		}
		acting = append(acting, policy.Threshold{Set: true, Percent: percent})
	}
	alarm, notes := sampler.OpenAlarm(sampler.Options{}, acting)
	for _, note := range notes {
		fmt.Println("probe:", note)
	}
	fmt.Println("probe: listening")
	for range alarm.Ring() {
		fmt.Println("probe: ring")
	}
}
