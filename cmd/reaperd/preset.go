package main

import (
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/reaperd/reaperd/configs"
	"github.com/reaperd/reaperd/supervisor"
)

// sayPreset says at the start what preset = "auto" has chosen, and by which word.
func sayPreset(log hclog.Logger, preset string, app configs.Recognised) {
	if preset != configs.Auto {
		return
	}
	said := []any{"preset", app.Preset, "word", supervisor.Printable(app.Word)}
	if app.Stays != "" {
		said = append(said, "behind", app.Stays)
	}
	if !app.Known() {
		log.Info("preset auto: the command is not known", said...)
		return
	}
	log.Info("preset auto", said...)
}

// presetNotes are what check says of preset = "auto", and of a wrapper that the signals would end at.
func presetNotes(c configs.Config, app configs.Recognised) []string {
	if c.Preset != configs.Auto {
		return nil
	}
	word := supervisor.Printable(app.Word)
	switch {
	case word == "":
		return []string{`preset = "auto" is "generic" here, for there is no command (reaperd check [flags] -- COMMAND)`}
	case !app.Known():
		return []string{fmt.Sprintf(`preset = "auto" is "generic": %q is not known`, word)}
	case app.Stays == "" || c.Match != nil:
		return []string{fmt.Sprintf(`preset = "auto" is %q, by %q`, app.Preset, word)}
	}
	note := fmt.Sprintf(`%s may stay in front of the server and get its signals: %s`, app.Stays, remedy(app))
	if match := app.Match(); match != "" {
		note += ", or set drain.match = '" + match + "'"
	}
	return []string{fmt.Sprintf(`preset = "auto" is %q, by %q`, app.Preset, word), note}
}

// remedy is how to be rid of a wrapper that stays.
func remedy(app configs.Recognised) string {
	switch app.Stays {
	case "apache2ctl", "apachectl":
		return "start apache2 -D FOREGROUND itself"
	case "npm", "npx", "pnpm", "yarn":
		return "start node itself"
	case "catatonit", "dumb-init", "tini", "tini-static":
		return "leave it out, reaperd is an init"
	case "thrust", "timeout", "uv":
		return "leave it out"
	}
	return `write "exec" in front of the server in its script`
}

// overlapNotes are what two apps at once cannot both have. The workers of a queue have no port.
func overlapNotes(c configs.Config, command []string) []string {
	if !c.Restart.Overlap {
		return nil
	}
	app := configs.Recognise(command)
	var notes []string
	for _, one := range app.Once() {
		notes = append(notes, "restart.overlap: two apps at once cannot both have "+supervisor.Printable(one))
	}
	worker := slices.Contains([]string{"celery", "delayed_job", "sidekiq"}, app.Preset)
	if len(c.Sockets) == 0 && !worker {
		notes = append(notes, "restart.overlap: two apps at once cannot both have a port, unless the app sets SO_REUSEPORT or takes over a [[socket]]")
	}
	return notes
}
