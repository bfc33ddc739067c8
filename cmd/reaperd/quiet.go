package main

import (
	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/supervisor"
)

// quietMeans are what the configuration says of quiet beside the signal.
func quietMeans(c configs.Quiet) supervisor.QuietMeans {
	quiet := supervisor.QuietMeans{File: c.File}
	for _, command := range []supervisor.QuietCommand{{Key: "drain.quiet_command", Argv: c.Command}, {Key: "drain.quiet_url", Argv: c.Ask}} {
		if len(command.Argv) > 0 {
			quiet.Commands = append(quiet.Commands, command)
		}
	}
	return quiet
}
