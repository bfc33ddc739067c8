// Command reaperd-net is the part of reaperd that may speak to a network. PID 1 does not: it starts this when it is
// configured to, and loses nothing when it crashes.
package main

import (
	"fmt"
	"io"
	"os"
)

// version is set by the linker.
var version = "unknown"

const usage = `reaperd-net - what reaperd leaves to others: to speak to a network

usage: reaperd-net idle ...          is the app idle? (reaperd-net idle --help)
       reaperd-net request ...       send one request (reaperd-net request --help)
       reaperd-net version | help
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "idle":
		return idle(args[1:], stdout, stderr)
	case "request":
		return request(args[1:], stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "reaperd-net "+version)
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	case "":
		fmt.Fprint(stderr, usage)
	default:
		fmt.Fprintf(stderr, "reaperd-net: %s: no such command (see reaperd-net help)\n", command)
	}
	return cannotTell
}
