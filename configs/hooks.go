package configs

import (
	"time"

	"github.com/reaperd/reaperd/policy"
)

// Hooks is the [hooks] table.
type Hooks struct {
	Timeout time.Duration // of those that have none of their own
	Of      policy.Hooks
}

const hookTable = "hooks."

// hookKeys are those of [hooks].
func hookKeys() []key[Config] {
	timeout := bind(hookTable+"timeout", duration("30s", shortest, week), func(c *Config) *time.Duration { return &c.Hooks.Timeout })
	timeout.shown = func(c *Config) bool { return c.Hooks.Of.Any() }
	keys := []key[Config]{timeout}
	for h := range policy.NumHooks {
		own := bind(hookTable+h.String()+"_timeout", duration("5s", shortest, week), func(c *Config) *time.Duration { return &c.Hooks.Of[h].Timeout })
		own.shown = func(*Config) bool { return false }
		keys = append(keys, bind(hookTable+h.String(), command(), func(c *Config) *[]string { return &c.Hooks.Of[h].Command }), own)
	}
	return keys
}

// shell is the command that a string is.
func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

// command is a list of words, or a string for the shell.
func command() kind[[]string] {
	k := words()
	list := k.parse
	k.noun, k.example, k.form = "a command", `"curl -fsS https://example.com/hook", or ["/bin/hook", "--now"]`, asText
	k.parse = func(raw any) ([]string, error) {
		switch raw {
		case none, "":
			return nil, nil
		}
		if script, ok := raw.(string); ok {
			return shell(script), nil
		}
		return list(raw)
	}
	printed := k.print
	k.print = func(words []string) string {
		if len(words) == 3 && words[0] == shell("")[0] && words[1] == shell("")[1] {
			return literal(words[2])
		}
		return printed(words)
	}
	return k
}

// hooks settles the timeouts.
func (l *loader) hooks() {
	c := &l.config.Hooks
	for h := range policy.NumHooks {
		key := hookTable + h.String()
		switch {
		case !l.isSet(key + "_timeout"):
			c.Of[h].Timeout = c.Timeout
		case !c.Of.Set(h):
			l.warnings = append(l.warnings, key+"_timeout does nothing without "+key)
		}
	}
}

// findCommands finds the file of every command. One that is missing is a mistake now, not when it is needed.
func (l *loader) findCommands(find func(name string) (string, error)) map[*[]string]string {
	found := map[*[]string]string{}
	look := func(key string, command *[]string) {
		if find == nil || len(*command) == 0 {
			return
		}
		file, err := find((*command)[0])
		if err != nil {
			l.wrong(l.at(key), key, "%v", err)
		}
		found[command] = file
	}
	c := &l.config
	look("drain.idle.command", &c.Idle.Command)
	look("restart.ready", &c.AskReady)
	look("drain.quiet_command", &c.Quiet.Command)
	look("drain.quiet_url", &c.Quiet.Ask)
	for h := range policy.NumHooks {
		look(hookTable+h.String(), &c.Hooks.Of[h].Command)
	}
	return found
}
