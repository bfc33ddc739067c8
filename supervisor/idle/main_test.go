package idle

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// patience bounds every wait for something that should happen soon, on a machine that may be busy.
const patience = 30 * time.Second

// roleEnv makes the test binary an app instead. An app says "ready", then obeys one line after another and says "done".
const roleEnv = "IDLE_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	os.Unsetenv(roleEnv)
	switch role {
	case "":
		os.Exit(m.Run())
	case "server":
		obey(serve(os.Args[1], os.Args[2]))
	case "title":
		obey(rename)
	case "burner":
		obey(burner())
	case "parent":
		obey(parent())
	case "look":
		lookOnce(os.Args[1], os.Args[2])
	}
}

func obey(do func(order string)) {
	fmt.Println("ready")
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		do(orders.Text())
		fmt.Println("done")
	}
}

// serve answers /fast at once and /slow when ordered to "answer". The order "close" closes the listening socket and leaves
// connections alone, as Puma does.
func serve(network, addr string) func(string) {
	l, err := net.Listen(network, addr)
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	answer := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/fast", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fast") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		fmt.Fprint(w, "slow")
	})
	go http.Serve(l, mux)
	return func(order string) {
		switch order {
		case "answer":
			answer <- struct{}{}
		case "close":
			l.Close()
		}
	}
}

// rename writes over the command line in memory, as setproctitle does everywhere.
func rename(title string) {
	for i, arg := range os.Args {
		memory := unsafe.Slice(unsafe.StringData(arg), len(arg))
		for at := range memory {
			memory[at] = 0
		}
		if i == 0 {
			copy(memory, title)
		}
	}
}

// burner burns processor time between the orders "burn" and "rest".
func burner() func(string) {
	switching := make(chan struct{})
	go func() {
		for {
			<-switching
			for burning := true; burning; {
				select {
				case <-switching:
					burning = false
				default:
				}
			}
		}
	}()
	return func(string) { switching <- struct{}{} }
}

// parent has a child after "fork" until "kill", and never waits for it.
func parent() func(string) {
	var child *exec.Cmd
	return func(order string) {
		switch order {
		case "fork":
			child = exec.Command("sleep", "3600")
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			if err := child.Start(); err != nil {
				panic(err)
			}
		case "kill":
			child.Process.Kill()
		}
	}
}

// lookOnce is somebody who looks at connections with no right to look into the process.
func lookOnce(pid, self string) {
	main, _ := strconv.Atoi(pid)
	us, _ := strconv.Atoi(self)
	got := New(Checks{Connections: true}, "/proc", us).Look(time.Now(), Target{Main: main})
	fmt.Printf("%v %v %s\n", got.Idle, got.Known, got.Why)
}

// app is a process that plays a role.
type app struct {
	t    *testing.T
	pid  int
	in   *os.File
	out  *bufio.Scanner
	said []string // before "ready"
}

func start(t *testing.T, role string, args ...string) *app {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	if role == "title" {
		cmd.Args[0] = strings.Repeat("x", 100) // room for a title
	}
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &app{t: t, pid: cmd.Process.Pid, in: in.(*os.File), out: bufio.NewScanner(out)}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for line := a.line(); line != "ready"; line = a.line() {
		a.said = append(a.said, line)
	}
	return a
}

func (a *app) line() string {
	a.t.Helper()
	if !a.out.Scan() {
		a.t.Fatalf("app %d ended: %v", a.pid, a.out.Err())
	}
	return a.out.Text()
}

func (a *app) order(what string) {
	a.t.Helper()
	fmt.Fprintln(a.in, what)
	if got := a.line(); got != "done" {
		a.t.Fatalf("%s: got %q, want done", what, got)
	}
}

// until looks at the app until the result is as wanted.
func (a *app) until(c *Checker, what string, ok func(Result) bool) {
	a.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got := c.Look(time.Now(), Target{Main: a.pid})
		if ok(got) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			a.t.Fatalf("got %+v, want %s", got, what)
		}
	}
}

func (a *app) untilIdle(c *Checker) {
	a.t.Helper()
	a.until(c, "idle", func(r Result) bool { return r.Idle })
}

func (a *app) untilBusy(c *Checker, why string) {
	a.t.Helper()
	a.until(c, "busy: "+why, func(r Result) bool { return r.Known && !r.Idle && strings.Contains(r.Why, why) })
}

// never says that the app is not idle at any look of a while.
func (a *app) never(c *Checker, d time.Duration) {
	a.t.Helper()
	over := time.Now().Add(d)
	a.until(c, "not idle", func(r Result) bool {
		if r.Idle {
			a.t.Fatalf("got %+v, want not idle", r)
		}
		return time.Now().After(over)
	})
}
