package integration

import (
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// rising is a limits table of growth over a short window.
func rising(metric, rate string) string {
	return quick + limit(metric, "growth = \""+rate+"\"; growth_window = \"3s\"")
}

func TestSteadyGrowthDrains(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		metric, config string
		app            []string
		growth         string // as the line says it
	}{
		{"fds", rising("fds", "5/s"), leaky("fds", "2000", "20"), `growth=\d+/s limit=5/s over=3s`},
		{"memory", rising("memory", "30MiB/min") + "metric = \"rss\"\n", leaky("memory", "400", "8"), `growth=[\d.]+MiB/min limit=30MiB/min over=3s source="rss of the tree"`},
	} {
		t.Run(tt.metric, func(t *testing.T) {
			t.Parallel()
			r := start(t, spec{App: tt.app, Config: tt.config})
			r.wants(75)
			r.lasted(3 * time.Second) // the window
			r.order(r.out, "app signal 15", "app bye")
			if line := r.err.line("limit tripped"); !regexp.MustCompile("metric=" + tt.metric + ` value=\S+ ` + tt.growth).MatchString(line) {
				t.Errorf("got %q, want it with %s", line, tt.growth)
			}
		})
	}
}

// What took much at once and then stays, as an app that boots, does not grow.
func TestAStepIsNoGrowth(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: sh(`sleep 1; exec "$LEAKY" fds 500`), Config: rising("fds", "5/s")})
	r.says("leaked 500")
	never(t, 6*time.Second, "a drain", func() bool { return r.err.count("limit tripped") > 0 })
	r.signal(syscall.SIGTERM)
	r.wants(0)
}

// Replicas of one configuration do not drain together: each has its own limit, none above what was set and, with a
// jitter of 50%, none below half of it.
func TestJitterSpreadsReplicas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, config string
		app          []string
		limit        string
		least, most  float64
		lasted       time.Duration
	}{
		{
			name: "drain", config: "[limits]\ninterval = \"50ms\"\nmin_uptime = \"0s\"\njitter = \"50%\"\n" + limit("fds", "drain = 800"),
			app: leaky("fds", "900"), limit: `metric=fds value=\d+ limit=(\d+)`, least: 400, most: 800,
		},
		{
			name: "max_uptime", config: "[limits]\nmax_uptime = \"2s\"\njitter = \"50%\"\n",
			app: leaky("fds", "1"), limit: `metric=uptime value=\S+ limit=(\S+)`, least: 1, most: 2, lasted: time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var replicas []*running
			for range count(5, 20) {
				replicas = append(replicas, start(t, spec{App: tt.app, Config: tt.config}))
			}
			limits := map[float64]bool{}
			for _, r := range replicas {
				r.wants(75)
				r.lasted(tt.lasted)
				trip := r.err.line("limit tripped")
				found := regexp.MustCompile(tt.limit).FindStringSubmatch(trip)
				if found == nil {
					t.Fatalf("got %q, want it to match %s", trip, tt.limit)
				}
				own := amount(t, found[1])
				if own < tt.least || own > tt.most {
					t.Errorf("got a limit of %v, want one from %v to %v", own, tt.least, tt.most)
				}
				limits[own] = true
			}
			if len(limits) == 1 {
				t.Errorf("all replicas have the limit %v, want that they differ", limits)
			}
		})
	}
}

// amount is a number, or the seconds of a duration.
func amount(t *testing.T, text string) float64 {
	t.Helper()
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return n
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d.Seconds()
}
