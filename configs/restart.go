package configs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// restartKeys are those of [restart].
func restartKeys() []key[Config] {
	onLimit := oneOf("an answer to a limit", policy.LimitExit, policy.LimitRestart)
	onExit := oneOf("an answer to an exit", policy.ExitNever, policy.ExitOnFailure, policy.ExitAlways)
	overlap := bind("restart.overlap", boolean(), func(c *Config) *bool { return &c.Restart.Overlap })
	overlap.shown = func(c *Config) bool { return c.Restart.Overlap }
	timeout := bind("restart.ready_timeout", duration("1m", shortest, week), func(c *Config) *time.Duration { return &c.Restart.ReadyTimeout })
	timeout.shown = func(c *Config) bool { return c.Restart.Overlap && c.Restart.Ready.After == 0 }
	return []key[Config]{
		bind("restart.on_limit", onLimit, func(c *Config) *policy.OnLimit { return &c.Restart.OnLimit }),
		bind("restart.on_exit", onExit, func(c *Config) *policy.OnExit { return &c.Restart.OnExit }),
		bind("restart.delay", duration("1s", 0, week), func(c *Config) *time.Duration { return &c.Restart.Delay }),
		bind("restart.max_delay", duration("1m", 0, week), func(c *Config) *time.Duration { return &c.Restart.MaxDelay }),
		bind("restart.burst", whole("5", 1, 1_000_000), func(c *Config) *int { return &c.Restart.Burst }),
		bind("restart.burst_interval", duration("10m", time.Second, week), func(c *Config) *time.Duration { return &c.Restart.BurstInterval }),
		// Never 0: an app that a limit ended has not succeeded, and a platform would not start it again.
		bind("restart.exit_code", whole("75", 1, 255), func(c *Config) *int { return &c.Restart.ExitCode }),
		overlap,
		bind("restart.ready", readiness(), func(c *Config) *policy.Ready { return &c.Restart.Ready }),
		timeout,
	}
}

const (
	readyWord = "notify"
	readyWant = `"notify", a URL that answers with 2xx, or a delay such as "10s"`
)

// readiness is a word, a URL or a delay.
func readiness() kind[policy.Ready] {
	return kind[policy.Ready]{
		parse: func(raw any) (policy.Ready, error) {
			text, isText := raw.(string)
			switch {
			case text == readyWord:
				return policy.Ready{Notify: true}, nil
			case isURL(text):
				return policy.Ready{URL: text}, nil
			case strings.Contains(text, "://"):
				return policy.Ready{}, fmt.Errorf("%s is no address that can be asked (want http://HOST..., https://HOST... or "+
					"http+unix:///path/of.sock/path)", show(raw))
			case isText && strings.Trim(text, "0123456789.") != "":
				if _, err := time.ParseDuration(text); err == nil {
					after, err := parseDuration(text, shortest, week)
					return policy.Ready{After: after}, err
				}
			}
			return policy.Ready{}, fmt.Errorf("%s does not say when an app is ready (want %s)", show(raw), readyWant)
		},
		print: func(r policy.Ready) string {
			switch {
			case r.Notify:
				return strconv.Quote(readyWord)
			case r.URL != "":
				return literal(r.URL)
			}
			return strconv.Quote(formatDuration(r.After))
		},
		unset: func(r policy.Ready) bool { return r == policy.Ready{} },
	}
}

// isURL says whether reaperd-net can ask this address.
func isURL(s string) bool {
	for _, scheme := range []string{"http://", "https://", "http+unix:///"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok && rest != "" && !strings.ContainsAny(rest, " \t\r\n") {
			return rest[0] != '/'
		}
	}
	return false
}

// overlap judges what an overlapping restart needs. A default ready_timeout gives way to a delay.
func (l *loader) overlap() {
	const key = "restart.overlap"
	r := &l.config.Restart
	if !r.Overlap {
		if r.Ready != (policy.Ready{}) {
			l.warnings = append(l.warnings, "restart.ready does nothing without restart.overlap")
		}
		return
	}
	if r.OnLimit != policy.LimitRestart {
		l.wrong(l.at(key), key, "needs a restart to overlap with: want restart.on_limit = %q (%s: %q)",
			policy.LimitRestart, l.at("restart.on_limit").name, r.OnLimit)
	}
	if r.Ready == (policy.Ready{}) {
		l.wrong(l.at(key), key, "needs restart.ready, for nobody but you knows when the app is ready: want %s", readyWant)
	}
	if r.Ready.After > r.ReadyTimeout && l.isSet("restart.ready_timeout") {
		l.contrary("restart.ready", formatDuration(r.Ready.After), "restart.ready_timeout", formatDuration(r.ReadyTimeout), "ready <= ready_timeout")
	}
	if r.Ready.URL != "" {
		l.config.AskReady = []string{"reaperd-net", "request", "--timeout", "5s", r.Ready.URL}
	}
	r.ReadyTimeout = max(r.ReadyTimeout, r.Ready.After)
}
