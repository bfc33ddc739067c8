package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/reaperd/reaperd/policy"
	"github.com/reaperd/reaperd/reaper"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy.
const patience = 30 * time.Second

// TestMain makes this binary a supervisor too: the real one, for it must own its children and signals.
func TestMain(m *testing.M) {
	role := os.Getenv("SUPERVISOR_TEST")
	os.Unsetenv("SUPERVISOR_TEST")
	switch role {
	case "":
		os.Exit(m.Run())
	case "signals":
		os.Exit(printSignals())
	case "threads":
		os.Exit(countThreads())
	}
	os.Exit(supervise(role, os.Args[1:]))
}

// roles are what a test makes of the defaults.
var roles = map[string]func(*Config){
	"defaults":            func(*Config) {},
	"says when it begins": func(*Config) { fmt.Println("begun") },
	"short budget":        func(c *Config) { c.Plan.Drain.StopTimeout = 300 * time.Millisecond },
	"no budget":           func(c *Config) { c.Plan.Drain.StopTimeout, c.Plan.Drain.Timeout = 0, 0 },
	"always": func(c *Config) {
		c.Plan.Restart.OnExit, c.Plan.Restart.Delay, c.Plan.Restart.Burst = policy.ExitAlways, 0, 3
	},
	"a look panics": func(c *Config) {
		watchThreads(c, func(int, uint64) policy.Sample { panic("sampler") })
	},
	"SIGCHLD is lost": func(c *Config) { signal.Stop(c.Signals.child) },
	"a limit": func(c *Config) {
		watchThreads(c, func(_ int, generation uint64) policy.Sample { return threads(generation, 100) })
	},
	"a limit, restart, impatiently": func(c *Config) {
		c.Plan.Restart.OnLimit, c.Plan.Restart.Delay, c.Plan.Restart.Burst = policy.LimitRestart, 0, 4
		c.Plan.Drain.Timeout = 20 * time.Millisecond
		watchThreads(c, func(_ int, generation uint64) policy.Sample { return threads(generation, 100) })
	},
	"a look is not judged": func(c *Config) {
		watchThreads(c, func(_ int, generation uint64) policy.Sample { return threads(generation, 1) })
		c.Notes = func() []string {
			fmt.Println("looked")
			panic("notes")
		}
		c.Listen = func() (<-chan struct{}, []string) { panic("listen") }
	},
	"idle, says a command": func(c *Config) { drainsUntilIdle(c, time.Hour, asking{[]string{"true"}}) },
	"idle, says a command that has no notify socket": func(c *Config) {
		drainsUntilIdle(c, time.Hour, asking{[]string{"sh", "-c", `test -z "$NOTIFY_SOCKET"`}})
	},
	"an idle command hangs": func(c *Config) {
		drainsUntilIdle(c, time.Hour, asking{[]string{"sh", "-c", `echo $$ > "$ASKED"; exec sleep 1000`}})
	},
	"looking for idle panics": func(c *Config) { drainsUntilIdle(c, time.Second, confused{}) },
	// A log that panics is a bug in the loop's own goroutine.
	"panics when started": func(c *Config) { c.Log = panicking("started"); c.Plan.Drain.StopTimeout = 300 * time.Millisecond },
	"panics when stopping": func(c *Config) {
		c.Log = panicking("stopping")
		c.Plan.Drain.StopTimeout = 300 * time.Millisecond
	},
	"panics when the app has ended": func(c *Config) { c.Log = panicking("the app ended") },
}

// watchThreads drains at 50 threads and looks often.
func watchThreads(c *Config, look func(int, uint64) policy.Sample) {
	c.Limits.Interval = time.Millisecond
	c.Limits.Of[policy.Threads] = policy.Limit{Metric: policy.Threads, Drain: policy.Threshold{Set: true, Value: 50}}
	c.Look = func(main int, generation uint64, _ ...int) policy.Sample { return look(main, generation) }
}

func threads(generation, n uint64) policy.Sample {
	s := policy.Sample{At: time.Now(), Generation: generation}
	s.Measures[policy.Threads] = policy.Measure{Reading: policy.Known(n)}
	return s
}

func supervise(role string, command []string) int {
	signals := CatchEarly()
	if err := reaper.Subreaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	c := Config{
		Reaper:  reaper.New(),
		Command: reaper.Command{Argv: command, Env: os.Environ(), Pdeathsig: syscall.SIGKILL},
		Plan:    defaults(),
		Looker: Looker{
			Look: func(_ int, generation uint64, _ ...int) policy.Sample {
				return policy.Sample{At: time.Now(), Generation: generation}
			},
			Notes: func() []string { return nil },
		},
		Signals: signals,
		Log:     logTo(os.Stderr),
	}
	roles[role](&c)
	ReserveThreads()
	return Run(c)
}

// panicking logs, but panics at the first line with a text in it.
func panicking(text string) hclog.Logger {
	return logTo(&panicWriter{text: text})
}

type panicWriter struct {
	text string
	done bool
}

func (w *panicWriter) Write(line []byte) (int, error) {
	if !w.done && bytes.Contains(line, []byte(w.text)) {
		w.done = true
		panic("log: " + w.text)
	}
	return os.Stderr.Write(line)
}

// supervisorProcess is a supervisor that runs beside the test.
type supervisorProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string // of the app's stdout
	stderr bytes.Buffer
}

// supervised starts a supervisor of a shell script.
func supervised(t *testing.T, role, script string) *supervisorProcess {
	t.Helper()
	return process(t, role, exec.Command(os.Args[0], "/bin/sh", "-c", script))
}

func process(t *testing.T, role string, cmd *exec.Cmd) *supervisorProcess {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p := &supervisorProcess{t: t, cmd: cmd, lines: make(chan string, 1000)}
	cmd.Env = append(os.Environ(), "SUPERVISOR_TEST="+role)
	cmd.Stderr = &p.stderr
	cmd.WaitDelay = patience // whoever keeps stderr open after the end
	stdout, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	go p.read(stdout)
	return p
}

func (p *supervisorProcess) read(from io.ReadCloser) {
	defer from.Close()
	for lines := bufio.NewScanner(from); lines.Scan(); {
		p.lines <- lines.Text()
	}
	close(p.lines)
}

// says waits for one line of the app's.
func (p *supervisorProcess) says(want string) {
	p.t.Helper()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the end, and no line %q\n%s", want, p.ended())
			}
			if line == want {
				return
			}
		case <-time.After(patience):
			p.t.Fatalf("no line %q", want)
		}
	}
}

func (p *supervisorProcess) gets(sigs ...syscall.Signal) {
	p.t.Helper()
	for _, sig := range sigs {
		if err := p.cmd.Process.Signal(sig); err != nil {
			p.t.Fatal(err)
		}
	}
}

// ended waits for the end and gives the log.
func (p *supervisorProcess) ended() string {
	p.t.Helper()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.stderr.String()
}

// ends waits for the end with a code; its log must have each of the texts.
func (p *supervisorProcess) ends(code int, texts ...string) {
	p.t.Helper()
	log := p.ended()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("got %v, want code %d\n%s", p.cmd.ProcessState, code, log)
	}
	for _, text := range texts {
		if !strings.Contains(log, text) {
			p.t.Errorf("got the log\n%swant %q in it", log, text)
		}
	}
}
