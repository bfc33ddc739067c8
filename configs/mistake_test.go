package configs

import (
	"strings"
	"testing"
)

func TestMistakesInAFile(t *testing.T) {
	for _, row := range []struct {
		name string
		file string
		want string // each line below reaperd.toml:
	}{
		{"a size with a wrong unit", "\n\n\n\n\n[limits.memory]\ndrain = \"512MBB\"",
			`7: limits.memory.drain: "512MBB" is not a size (want e.g. "512MB", "80%")`},
		{"a stop sequence beside what it replaces", "[drain]\nstop_sequence = [\"QUIT:20s\"]\nstop_signal = \"QUIT\"\ntimeout = \"9s\"",
			"3: drain.stop_signal: stands beside stop_sequence (reaperd.toml:2), which says both the signals and their times: keep one of them\n" +
				"4: drain.timeout: stands beside stop_sequence (reaperd.toml:2), which says both the signals and their times: keep one of them"},
		{"a stop sequence without times", `drain.stop_sequence = ["QUIT"]`,
			`1: drain.stop_sequence: "QUIT" is not a signal with its time (want e.g. "QUIT:20s")`},
		{"KILL is not written", `drain.stop_sequence = ["TERM:5s", "KILL:1s"]`,
			`1: drain.stop_sequence: "KILL:1s": KILL always comes last by itself and is not written`},
		{"an overlap of nothing", "restart.overlap = true",
			"1: restart.overlap: needs a restart to overlap with: want restart.on_limit = \"restart\" (default: \"exit\")\n" +
				"1: restart.overlap: needs restart.ready, for nobody but you knows when the app is ready: " +
				`want "notify", a URL that answers with 2xx, or a delay such as "10s"`},
		{"a delay longer than its timeout", "[restart]\non_limit = \"restart\"\noverlap = true\nready_timeout = \"5s\"\nready = \"10s\"",
			"5: restart.ready: 10s is above ready_timeout = 5s (reaperd.toml:4): want ready <= ready_timeout"},
		{"a socket that something else needs", "[restart]\non_limit = \"restart\"\noverlap = true\nready = \"notify\"\n[notify]\nsocket = false",
			`6: notify.socket: restart.ready = "notify" (reaperd.toml:4) needs it: want true`},
		{"a watchdog that nobody hears", "notify.watchdog = \"30s\"\nnotify.socket = false",
			"2: notify.socket: watchdog = 30s (reaperd.toml:1) needs it: want true"},
		{"ready without a unit", `restart.ready = "10"`,
			`1: restart.ready: "10" does not say when an app is ready (want "notify", a URL that answers with 2xx, or a delay such as "10s")`},
		{"ready as a number", `restart.ready = 10`,
			`1: restart.ready: 10 does not say when an app is ready (want "notify", a URL that answers with 2xx, or a delay such as "10s")`},
		{"ready at once", `restart.ready = "0s"`, `1: restart.ready: "0s" is too short (want at least 10ms)`},
		{"ready by a network we cannot ask", `restart.ready = "tcp://127.0.0.1:3000"`,
			`1: restart.ready: "tcp://127.0.0.1:3000" is no address that can be asked (want http://HOST..., https://HOST... or http+unix:///path/of.sock/path)`},
		{"a match that is no expression", `drain.match = "puma ["`, `1: drain.match: "puma [" is not a regular expression (missing closing ]: "[")`},
		{"a match without a word", `drain.match = ""`, `1: drain.match: "" matches every process (want e.g. '^puma \d')`},
		{"a hook that is no command", `hooks.on_trip = 5`,
			`1: hooks.on_trip: 5 is not a command (want e.g. "curl -fsS https://example.com/hook", or ["/bin/hook", "--now"])`},
		{"a hook of which a word is missing", `hooks.on_trip = ["", "x"]`, `1: hooks.on_trip: the command has no name`},
		{"a hook that is not one", `hooks.on_tripped = "x"`, `1: hooks.on_tripped: unknown key (the nearest known is hooks.on_trip)`},
		{"a quiet file that depends on the working directory", `drain.quiet_file = "run/quiet"`,
			`1: drain.quiet_file: "run/quiet" is not the path of a file from / on (want e.g. "/run/app/quiet")`},
		{"a quiet file that is a directory", `drain.quiet_file = "/run/"`,
			`1: drain.quiet_file: "/run/" is not the path of a file from / on (want e.g. "/run/app/quiet")`},
		{"a quiet URL without a scheme", `drain.quiet_url = "127.0.0.1:9293/quiet"`,
			"1: drain.quiet_url: is no address that can be asked (want http://HOST..., https://HOST... or http+unix:///path/of.sock/path)"},
		{"a quiet URL with a method that is none", `drain.quiet_url = "QUIET http://127.0.0.1/"`,
			`1: drain.quiet_url: "QUIET" is no method for it (want one of GET, POST, PUT, PATCH, DELETE, HEAD)`},
		{"a quiet file for one of two", "drain.quiet_file = \"/run/quiet\"\n[restart]\noverlap = true\non_limit = \"restart\"\nready = \"10s\"",
			"1: drain.quiet_file: would be for the new app too, which restart.overlap (reaperd.toml:3) starts before the old one is quiet: " +
				"keep one of them (quiet_signal is for the old one alone)"},
		{"a quiet command that is a number", "drain.quiet_command = 7",
			`1: drain.quiet_command: 7 is not a command (want e.g. "curl -fsS https://example.com/hook", or ["/bin/hook", "--now"])`},
		{"a bare M has two readings", `limits.memory.drain = "512M"`,
			`1: limits.memory.drain: "512M" could mean 512MiB (536870912) or 512MB (512000000): write one of them`},
		{"a bare k too", `limits.memory.kill = "1.5k"`,
			`1: limits.memory.kill: "1.5k" could mean 1.5KiB (1536) or 1.5kB (1500): write one of them`},
		{"a size without unit", `limits.memory.warn = "512"`,
			`1: limits.memory.warn: "512" has no unit (want e.g. "512MB", "80%")`},
		{"a size beyond all memory", `limits.memory.warn = "99999999999TiB"`,
			`1: limits.memory.warn: "99999999999TiB" is out of range (want 1B to 8388607TiB)`},
		{"a size below zero", `limits.memory.warn = "-5MB"`,
			`1: limits.memory.warn: "-5MB" is out of range (want 1B to 8388607TiB)`},
		{"zero threads", "limits.threads.drain = 0", `1: limits.threads.drain: 0 is too small (want at least 1)`},
		{"fewer than zero threads", "limits.threads.drain = -5", `1: limits.threads.drain: -5 is too small (want at least 1)`},
		{"fewer in a string", `limits.threads.drain = "-5"`, `1: limits.threads.drain: "-5" is too small (want at least 1)`},
		{"a fraction of a thread", "limits.threads.drain = 1.5",
			`1: limits.threads.drain: 1.5 is not a count or a percentage (want e.g. 200, "80%")`},
		{"a size of threads", `limits.threads.drain = "5MB"`,
			`1: limits.threads.drain: "5MB" is not a count or a percentage (want e.g. 200, "80%")`},
		{"no percentage", `limits.threads.drain = "0%"`,
			`1: limits.threads.drain: "0%" is out of range (want above 0% and at most 100%)`},
		{"over a hundred percent", `limits.memory.drain = "100.5%"`,
			`1: limits.memory.drain: "100.5%" is out of range (want above 0% and at most 100%)`},
		{"an odd percentage", `limits.fds.drain = "1e1%"`,
			`1: limits.fds.drain: "1e1%" is not a count or a percentage (want e.g. 200, "80%")`},
		{"a percentage of zombies", `limits.zombies.drain = "80%"`,
			`1: limits.zombies.drain: "80%" is not a number (want e.g. 10; no ceiling is about zombies alone)`},
		{"a percentage of OOM kills", `limits.oom_kills.drain = "80%"`,
			`1: limits.oom_kills.drain: "80%" is not a number (want e.g. 1; no ceiling is about OOM kills)`},
		{"growth of OOM kills", `limits.oom_kills.growth = "1/h"`,
			`1: limits.oom_kills.growth: unknown key (the nearest known is limits.threads.growth)`},
		{"a growth without time", `limits.threads.growth = "20"`, `1: limits.threads.growth: "20" has no time (want e.g. "20/min")`},
		{"a growth by number", `limits.memory.growth = 20`, `1: limits.memory.growth: 20 has no time (want e.g. "12MiB/min")`},
		{"a growth of nothing", `limits.threads.growth = "0/min"`, `1: limits.threads.growth: "0" is too small (want at least 1)`},
		{"a growth in percent", `limits.threads.growth = "5%/min"`,
			`1: limits.threads.growth: "5%/min" is not a growth (want e.g. "20/min")`},
		{"a growth per m", `limits.threads.growth = "5/m"`, `1: limits.threads.growth: "5/m" is not a growth (want e.g. "20/min")`},
		{"a growth per instant", `limits.threads.growth = "5/10ms"`, `1: limits.threads.growth: "10ms" is too short (want at least 1s)`},
		{"a growth of a bare M", `limits.memory.growth = "12M/min"`,
			`1: limits.memory.growth: "12M" could mean 12MiB (12582912) or 12MB (12000000): write one of them`},
		{"a growth without unit", `limits.memory.growth = "12/min"`,
			`1: limits.memory.growth: "12" has no unit (want e.g. "12MiB/min")`},
		{"a table of growth", `limits.memory.growth = {}`, `1: limits.memory.growth: a table is not a growth (want e.g. "12MiB/min")`},
		{"a window too long", `limits.fds.growth_window = "25h"`, `1: limits.fds.growth_window: "25h" is too long (want at most 24h)`},
		{"a window of few looks", "[limits.fds]\ngrowth = \"1/s\"\ngrowth_window = \"10s\"",
			`3: limits.fds.growth_window: 10s is too short for 16 looks with limits.interval = 1s (default): want at least 16s`},
		{"few looks in a window", "limits.interval = \"1m\"\nlimits.fds.growth = \"1/s\"",
			`1: limits.interval: 1m is too long for 16 looks in limits.fds.growth_window = 10m (default): want at most 37.5s`},
		{"an uptime too short", `limits.max_uptime = "10ms"`, `1: limits.max_uptime: "10ms" is too short (want at least 1s)`},
		{"an uptime of days", `limits.max_uptime = "2d"`, `1: limits.max_uptime: "2d" is not a duration (want e.g. "12h")`},
		{"a number of jitter", `limits.jitter = 0.1`, `1: limits.jitter: 0.1 is not a percentage (want e.g. "10%")`},
		{"jitter without a sign", `limits.jitter = "10"`, `1: limits.jitter: "10" is not a percentage (want e.g. "10%")`},
		{"too much jitter", `limits.jitter = "51%"`, `1: limits.jitter: "51%" is out of range (want 0% to 50%)`},
		{"jitter below zero", `limits.jitter = "-1%"`, `1: limits.jitter: "-1%" is out of range (want 0% to 50%)`},
		{"an unknown platform", `platform = "fly"`, `1: platform: "fly" is not a platform (want one of "auto", "heroku", "none")`},
		{"an unknown memory metric", `limits.memory.metric = "vsz"`,
			`1: limits.memory.metric: "vsz" is not a memory metric (want one of "auto", "anon", "working_set", "rss", "pss")`},
		{"a duration without unit", "drain.timeout = 28", `1: drain.timeout: 28 has no unit (want e.g. "28s")`},
		{"a duration without unit in a string", `drain.timeout = "28"`, `1: drain.timeout: "28" has no unit (want e.g. "28s")`},
		{"a duration with a wrong unit", `drain.timeout = "28 sec"`, `1: drain.timeout: "28 sec" is not a duration (want e.g. "28s")`},
		{"an empty duration", `drain.timeout = ""`, `1: drain.timeout: "" is not a duration (want e.g. "28s")`},
		{"a negative duration", `drain.quiet_timeout = "-1s"`, `1: drain.quiet_timeout: "-1s" is negative (want at least 0s)`},
		{"an interval too short", `limits.interval = "5ms"`, `1: limits.interval: "5ms" is too short (want at least 10ms)`},
		{"no grace at all", `drain.timeout = "0s"`, `1: drain.timeout: "0s" is too short (want at least 10ms)`},
		{"a grace of a month", `drain.timeout = "720h"`, `1: drain.timeout: "720h" is too long (want at most 168h)`},
		{"a date for a duration", "drain.timeout = 2024-01-01", `1: drain.timeout: a date is not a duration (want e.g. "28s")`},
		{"exit code 0", "restart.exit_code = 0", `1: restart.exit_code: 0 is out of range (want 1 to 255)`},
		{"exit code 256", "restart.exit_code = 256", `1: restart.exit_code: 256 is out of range (want 1 to 255)`},
		{"a word for a number", `restart.burst = "many"`, `1: restart.burst: "many" is not a whole number (want e.g. 5)`},
		{"a burst of none", "restart.burst = 0", `1: restart.burst: 0 is out of range (want 1 to 1000000)`},
		{"a word for yes", `group = "yes"`, `1: group: "yes" is not true or false (want e.g. true)`},
		{"an unknown signal", `drain.stop_signal = "TREM"`,
			`1: drain.stop_signal: "TREM" is not a signal (want a name or a number, e.g. "TERM", 15, "RTMIN+3")`},
		{"a signal number too high", `drain.stop_signal = 99`,
			`1: drain.stop_signal: "99" is not a signal (want a name or a number, e.g. "TERM", 15, "RTMIN+3")`},
		{"a list for a signal", `pdeathsig = []`, `1: pdeathsig: a list is not a signal (want e.g. "TERM")`},
		{"quiet by KILL", `drain.quiet_signal = "KILL"`,
			`1: drain.quiet_signal: "KILL" cannot be caught, so no app goes quiet on it (want e.g. "TSTP")`},
		{"stop by STOP", `drain.stop_signal = 19`, `1: drain.stop_signal: "STOP" freezes the app, it does not stop it (want e.g. "TERM")`},
		{"stopping on KILL", `drain.stop_on = ["TERM", "KILL"]`, `1: drain.stop_on: "KILL" cannot be caught, reaperd never sees it`},
		{"a word for a list", `drain.stop_on = "TERM"`, `1: drain.stop_on: "TERM" is not a list of signals (want e.g. ["TERM", "INT"])`},
		{"a list in a list", `drain.stop_on = [["TERM"]]`, `1: drain.stop_on: a list is not a signal (want e.g. "TERM")`},
		{"rewriting CHLD", `rewrite = ["CHLD:TERM"]`, `1: rewrite: "CHLD" tells reaperd of its children, it is never passed on`},
		{"rewriting URG", `rewrite = ["URG:TERM"]`, `1: rewrite: "URG" is kept by the Go runtime, reaperd never sees it`},
		{"rewriting STOP", `rewrite = ["STOP:TERM"]`, `1: rewrite: "STOP" cannot be caught, reaperd never sees it`},
		{"half a rewrite", `rewrite = ["TERM"]`, `1: rewrite: "TERM" is not a pair (want e.g. ["TERM:QUIT", "USR1:0"])`},
		{"two rewrites of one signal", `rewrite = ["TERM:QUIT", "15:INT"]`, `1: rewrite: "TERM" is there twice, for "QUIT" and for "INT"`},
		{"a table of rewrites", `rewrite = {TERM = "QUIT"}`, `1: rewrite: a table is not a list of signal pairs (want e.g. ["TERM:QUIT", "USR1:0"])`},
		{"an exit code too high", `exit_remap = ["143:256"]`, `1: exit_remap: "256" is not an exit code (want 0 to 255)`},
		{"numbers for pairs", `exit_remap = [143, 0]`, `1: exit_remap: 143 is not a pair (want e.g. ["143:0"])`},
		{"a wrong level", `log.level = "off"`, `1: log.level: "off" is not a log level (want one of "trace", "debug", "info", "warn", "error")`},
		{"a wrong answer", `restart.on_exit = "no"`,
			`1: restart.on_exit: "no" is not an answer to an exit (want one of "never", "on-failure", "always")`},
		{"an unknown preset", `preset = "pumma"`, `1: preset: "pumma" is not a preset (want one of "auto", "` + strings.Join(Presets(), `", "`) + `")`},
		{"a delay above its maximum", "[restart]\ndelay = \"2m\"\nmax_delay = \"1m\"",
			`3: restart.max_delay: 1m is below delay = 2m (reaperd.toml:2): want delay <= max_delay`},
		{"drain above kill", "[limits.threads]\ndrain = 250\nkill = 200",
			`3: limits.threads.kill: 200 is below drain = 250 (reaperd.toml:2): want warn <= drain <= kill`},
		{"kill before drain in the file", "[limits.threads]\nkill = 200\ndrain = 250",
			`3: limits.threads.drain: 250 is above kill = 200 (reaperd.toml:2): want warn <= drain <= kill`},
		{"warn above kill, drain not comparable", "[limits.fds]\nwarn = \"90%\"\ndrain = 5\nkill = \"80%\"",
			`4: limits.fds.kill: "80%" is below warn = "90%" (reaperd.toml:2): want warn <= drain <= kill`},
		{"an unknown key", "[drain]\n\ntimout = \"1s\"", `3: drain.timout: unknown key (the nearest known is drain.timeout)`},
		{"a key outside its table", "on_limit = \"exit\"", `1: on_limit: unknown key (the nearest known is restart.on_limit)`},
		{"a quoted key", `"drain.timeout" = "1s"`, `1: "drain.timeout": unknown key (the nearest known is drain.timeout)`},
		{"a key in upper case", "GROUP = true", `1: GROUP: unknown key (the nearest known is group)`},
		{"an unknown table that is only implied", "group = true\n[limit.threads]\ndrain = 5", `2: limit: unknown table (the nearest known is limits)`},
		{"an unknown dotted key", "# x\nlimits.threads.drian = 5", `2: limits.threads.drian: unknown key (the nearest known is limits.threads.drain)`},
		{"an unknown key of an inline table", "\nlimits = { threads = { drain = 5, wran = 3 } }",
			`2: limits.threads.wran: unknown key (the nearest known is limits.threads.warn)`},
		{"a number for a table", "limits = 5", `1: limits: 5 is not a table (want [limits] and its keys below)`},
		{"a bare value for a metric", "limits.memory = \"80%\"", `1: limits.memory: "80%" is not a table (want [limits.memory] and its keys below)`},
		{"a table for a value", "[drain]\n[drain.timeout]", `2: drain.timeout: a table is not a duration (want e.g. "28s")`},
		{"an implied table for a value", "\n[drain.timeout.of.web]\nx = 1", `2: drain.timeout: a table is not a duration (want e.g. "28s")`},
		{"an array of tables", "[[limits]]\ninterval = \"1s\"", `1: limits: an array of tables is not a table (want [limits] and its keys below)`},
		{"a list begun on an earlier line", "group = true\nexit_remap = [\n  \"143:0\",\n  \"1:2:3\",\n]",
			`2: exit_remap: "2:3" is not an exit code (want 0 to 255)`},
		{"a syntax error, alone", "burst = 1\ntimeout = 28s\nx = 1\n",
			`2:13: syntax: expected a top-level item to end with a newline, comment, or EOF, but got 's' instead`},
		{"a header that is not closed", "[drain\nx = 1\n", `1:7: syntax: expected '.' or ']' to end table name, but got '\n' instead`},
		{"all at once, by line", "nope = 1\n[restart]\nburst = 0\n[drain]\ntimeout = 1\nstop_on = 1\n",
			"1: nope: unknown key (the nearest known is group)\n" +
				"3: restart.burst: 0 is out of range (want 1 to 1000000)\n" +
				"5: drain.timeout: 1 has no unit (want e.g. \"28s\")\n" +
				`6: drain.stop_on: 1 is not a list of signals (want e.g. ["TERM", "INT"])`},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, mistakes := Load(inFile(t, row.file))
			want := "reaperd.toml:" + strings.ReplaceAll(row.want, "\n", "\nreaperd.toml:")
			if got := mistakes.Error(); got != want || l != nil {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestMistakesInAListOfTables(t *testing.T) {
	for _, row := range []struct {
		name string
		file string // below a table that is right but for its limits
		want string // each line below reaperd.toml:
	}{
		{"a percentage of memory", `memory.drain = "80%"`,
			`5: limits.each[web].memory.drain: "80%" is not a size (want e.g. "300MiB"; one process has no ceiling of its own)`},
		{"a percentage of threads", `threads.drain = "80%"`,
			`5: limits.each[web].threads.drain: "80%" is not a number (want e.g. 200; one process has no ceiling of its own)`},
		{"a size without unit", `memory.drain = "300"`,
			`5: limits.each[web].memory.drain: "300" has no unit (want e.g. "300MiB"; one process has no ceiling of its own)`},
		{"a metric of the whole tree", `memory.metric = "rss"`,
			`5: limits.each[web].memory.metric: "rss" is not a memory metric of one process (want one of "rss_anon", "uss")`},
		{"OOM kills of one process", `oom_kills.drain = 1`,
			`5: limits.each[web].oom_kills: unknown table (the nearest known is limits.each[web].zombies)`},
		{"an unknown key", `timout = "1s"`, `5: limits.each[web].timout: unknown key (the nearest known is limits.each[web].timeout)`},
		{"an unknown key of a metric", `[limits.each.memory]
drian = "1GB"`, `6: limits.each[web].memory.drian: unknown key (the nearest known is limits.each[web].memory.drain)`},
		{"a bare value for a metric", `memory = "80%"`,
			`5: limits.each[web].memory: "80%" is not a table (want [limits.each.memory] and its keys below)`},
		{"drain above kill", "fds.drain = 9\nfds.kill = 8",
			`6: limits.each[web].fds.kill: 8 is below drain = 9 (reaperd.toml:5): want warn <= drain <= kill`},
		{"no timeout", `timeout = "0s"`, `5: limits.each[web].timeout: "0s" is too short (want at least 10ms)`},
		{"a window of few looks", "fds.growth = \"1/s\"\nfds.growth_window = \"1s\"",
			`6: limits.each[web].fds.growth_window: 1s is too short for 16 looks with limits.interval = 1s (default): want at least 16s`},
		{"a window by default of few looks", "fds.growth = \"1/s\"\n[limits]\ninterval = \"10m\"",
			`7: limits.interval: 10m is too long for 16 looks in limits.each[web].fds.growth_window = 10m (default): want at most 37.5s`},
		{"a name twice", "[[limits.each]]\nname = \"web\"\nmatch = 'y'\nsignal = \"TERM\"",
			`6: limits.each[2].name: "web" is the name of another table (reaperd.toml:2)`},
		{"nothing in a table", "[[limits.each]]", `5: limits.each[2].name: is missing (want a name of your own for these processes, e.g. "puma-worker")
5: limits.each[2].match: is missing (want a regular expression over the command line, e.g. '^puma: cluster worker ')
5: limits.each[2].signal: is missing (want the signal on which such a process ends its work and itself, e.g. "TERM" for a worker of Puma, "QUIT" for one of Unicorn: a wrong one loses requests)`},
		{"all of it wrong", "[[limits.each]]\nname = \"a.b\"\nmatch = '^uni['\nsignal = \"none\"",
			`6: limits.each[2].name: "a.b" is not a name (want a letter, then letters, digits, - and _, at most 40)
7: limits.each[2].match: "^uni[" is not a regular expression (missing closing ]: "[")
8: limits.each[2].signal: "none" is not a signal (want a name or a number, e.g. "TERM", 15, "RTMIN+3")`},
		{"all of another type", "[[limits.each]]\nname = 1\nmatch = 1\nsignal = []\nfor = 1\nmain = 1",
			`6: limits.each[2].name: 1 is not a name (want e.g. "puma-worker")
7: limits.each[2].match: 1 is not a regular expression (want e.g. '^puma: cluster worker ')
8: limits.each[2].signal: a list is not a signal (want e.g. "TERM")
9: limits.each[2].for: 1 has no unit (want e.g. "10s")
10: limits.each[2].main: 1 is not true or false (want e.g. true)`},
		{"a pattern for everything, a signal that freezes", "[[limits.each]]\nname = \"x\"\nmatch = ''\nsignal = \"STOP\"",
			`7: limits.each[x].match: "" matches every process (want e.g. '^puma: cluster worker ')
8: limits.each[x].signal: "STOP" freezes the app, it does not stop it (want e.g. "TERM")`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, mistakes := Load(inFile(t, "[[limits.each]]\nname = \"web\"\nmatch = 'x'\nsignal = \"TERM\"\n"+row.file))
			want := "reaperd.toml:" + strings.ReplaceAll(row.want, "\n", "\nreaperd.toml:")
			if got := mistakes.Error(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	for file, want := range map[string]string{
		"[limits.each]\nname = \"web\"":   `1: limits.each: a table is not a list of tables (want e.g. [[limits.each]])`,
		"[limits.each.memory]\ndrain = 1": `1: limits.each: a table is not a list of tables (want e.g. [[limits.each]])`,
		"limits.each = \"web\"":           `1: limits.each: "web" is not a list of tables (want e.g. [[limits.each]])`,
		"limits.each = [{}, 1]":           `1: limits.each: a list is not a list of tables (want e.g. [[limits.each]])`,
	} {
		_, mistakes := Load(inFile(t, file))
		if got := mistakes.Error(); got != "reaperd.toml:"+want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMistakesOfSeveralLayersComeByPlace(t *testing.T) {
	s := inFile(t, "[limits.threads]\ndrain = 300\nkill = 310\n[drain]\ntimeout = true\n")
	s.Environ = []string{"REAPERD_LIMITS_THREADS_KILL=250", "REAPERD_DRAIN_STOP_TIMEOUT=28", "REAPERD_GROUP=maybe"}
	s.Flags = []Assignment{{"limits.threads.warn", "400", "--limit"}, {"no.such", "1", "--x"}}
	_, mistakes := Load(s)
	want := strings.Join([]string{
		`reaperd.toml:5: drain.timeout: true is not a duration (want e.g. "28s")`,
		`REAPERD_DRAIN_STOP_TIMEOUT: drain.stop_timeout: "28" has no unit (want e.g. "28s")`,
		`REAPERD_GROUP: group: "maybe" is not true or false (want e.g. true)`,
		`REAPERD_LIMITS_THREADS_KILL: limits.threads.kill: 250 is below drain = 300 (reaperd.toml:2): want warn <= drain <= kill`,
		`--x: no.such: unknown key (the nearest known is preset)`,
		`--limit: limits.threads.warn: 400 is above drain = 300 (reaperd.toml:2): want warn <= drain <= kill`,
	}, "\n")
	if got := mistakes.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s = inFile(t, "limits.threads.drain = 300")
	s.Environ = []string{"REAPERD_LIMITS_THREADS_KILL=250"}
	_, mistakes = Load(s)
	want = `REAPERD_LIMITS_THREADS_KILL: limits.threads.kill: 250 is below drain = 300 (reaperd.toml:1): want warn <= drain <= kill`
	if got := mistakes.Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTwoNamesForOneKeyMustAgree(t *testing.T) {
	_, mistakes := Load(Sources{Environ: []string{"REAPERD_LIMIT_FDS=5", "REAPERD_LIMITS_FDS_DRAIN=6"}})
	want := `REAPERD_LIMIT_FDS: limits.fds.drain: "5" differs from "6" of REAPERD_LIMITS_FDS_DRAIN: keep one of them`
	if got := mistakes.Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	mustLoad(t, Sources{Environ: []string{"REAPERD_LIMIT_FDS=5", "REAPERD_LIMITS_FDS_DRAIN=5"}})
}

func TestASyntaxErrorIsAloneEvenBesideOtherLayers(t *testing.T) {
	s := inFile(t, "x = \"abc")
	s.Flags = []Assignment{{"restart.burst", "0", "--x"}}
	_, mistakes := Load(s)
	if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0].Error(), "reaperd.toml:1:") {
		t.Errorf("got %v, want the syntax error alone", mistakes)
	}
}
