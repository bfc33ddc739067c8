// Command leaky is every badly behaved program the integration tests need, in one static binary: it leaks zombies,
// threads, descriptors and memory, ignores signals, forks away from its parent and dies in many ways. It is also the
// stage that prepares a process (namespace mounts, limits, ignored signals) before the binary under test is exec'd.
package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
)

var (
	// name is put in front of every line of output, so that several copies can share one stdout.
	name = flag.String("name", "app", "word in front of every line of output")
	deaf = flag.Bool("deaf", false, "a leak does not end by TERM")
	mark = flag.String("mark", "", "file to make when it catches signals, for a script to wait for")
)

// commands is a function, for some commands run others.
func commands() map[string]func(args []string) error {
	return map[string]func(args []string) error{
		"asroot":  asRoot,
		"ceiling": ceiling,
		"comets":  comets,
		"die":     die,
		"exit":    exit,
		"fds":     leakFDs,
		"held":    held,
		"launch":  launch,
		"leader":  leaderExits,
		"memory":  leakMemory,
		"notify":  notify,
		"orphans": orphans,
		"outer":   outer,
		"report":  report,
		"signals": signals,
		"swarm":   swarm,
		"threads": leakThreads,
		"web":     web,
		"zombies": leakZombies,
	}
}

func main() {
	flag.Usage = usage
	flag.Parse()
	run, ok := commands()[flag.Arg(0)]
	if !ok {
		usage()
		os.Exit(125)
	}
	if err := run(flag.Args()[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "leaky %s: %v\n", flag.Arg(0), err)
		os.Exit(125)
	}
}

func usage() {
	var names []string
	for n := range commands() {
		names = append(names, n)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "usage: leaky [-name N] [-deaf] [-mark F] %s ...\n", strings.Join(names, "|"))
}

// say prints one line in one write, so that lines of several processes never mix.
func say(format string, args ...any) {
	os.Stdout.WriteString(*name + " " + fmt.Sprintf(format, args...) + "\n")
}
