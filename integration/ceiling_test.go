package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// ceilingWorld is one of the two ceilings on processes that a container knows.
type ceilingWorld struct {
	name  string
	stage stage
	group *pidsGroup // nil: RLIMIT_NPROC
}

// ceilings gives both, with room for n tasks.
func ceilings(t *testing.T, n int) []ceilingWorld {
	group := newPidsGroup(t, n)
	return []ceilingWorld{
		{name: "pids.max", stage: stage{Cgroups: group.join()}, group: group},
		{name: "RLIMIT_NPROC", stage: stage{UID: newUID(), Limits: [][3]int{{rlimitNproc, n, n}}}},
	}
}

// The ceiling is full all the time, stderr is a full pipe that nobody reads, 200 signals come, 1,000 orphans die: we
// live, stop what is to be stopped and end with the right code.
func TestStopAtTheCeiling(t *testing.T) {
	for _, w := range ceilings(t, 1200) {
		for name, stderr := range map[string]func(*testing.T) *os.File{"stderr read": nil, "stderr full": fullPipe} {
			t.Run(w.name+", "+name, func(t *testing.T) {
				s := spec{App: leaky("ceiling", "1000", "now", "TERM=6@300ms"), Stage: w.stage, Flags: []string{"--log-level", "trace", "--grace", "20s"}}
				if stderr != nil {
					s.Stderr = stderr(t)
				}
				r := start(t, s)
				r.says("full")
				flood(r)
				r.signal(syscall.SIGTERM)
				r.wants(6)
			})
		}
	}
}

// flood sends 200 signals and lets the orphans die. A drain that has to kill may be over before: its code tells then.
func flood(r *running) {
	r.t.Helper()
	for i := range 200 {
		tell(r.t, r.pid, []syscall.Signal{syscall.SIGWINCH, syscall.SIGHUP, syscall.SIGUSR2, 40}[i%4])
	}
	tell(r.t, r.pid, syscall.SIGUSR1)
	eventually(r.t, "the orphans to be gone", func() bool { return len(r.children()) == 1 || r.ended() })
}

// The limit trips at the ceiling; the app drains, or is killed where it does not care for TERM.
func TestLimitTripsAtTheCeiling(t *testing.T) {
	for i, timeout := range []string{"60s", "1500ms"} {
		for _, w := range ceilings(t, 400) {
			t.Run(fmt.Sprintf("%s, app %d", w.name, i), func(t *testing.T) {
				r := start(t, spec{App: leaky("ceiling", "200", "now", "41=0"), Stage: w.stage, Stderr: fullPipe(t),
					Config: "[drain]\ntimeout = \"" + timeout + "\"\n" + quick + limit("threads", "drain = \"90%\"")})
				r.says("full")
				r.says("signal 15")
				flood(r)
				if i == 0 {
					r.signal(41)
				}
				r.wants(75)
			})
		}
	}
}

// The ceiling fills in the middle of a drain, by an app that answers TERM with forks and does not end.
func TestCeilingFillsInTheMiddleOfADrain(t *testing.T) {
	for _, w := range ceilings(t, 500) {
		for _, notPID1 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, PID 1 %v", w.name, !notPID1), func(t *testing.T) {
				r := start(t, spec{App: leaky("ceiling", "100", "term"), Stage: w.stage, Flags: []string{"--grace", "2s"}, NotPID1: notPID1})
				r.says("leaked 100")
				r.says("ready")
				r.signal(syscall.SIGTERM)
				r.says("full")
				flood(r)
				r.wants(137)
			})
		}
	}
}

// A restart that cannot fork is tried again with backoff, says EAGAIN and which ceiling, and succeeds once there is room.
func TestRestartThatCannotForkIsRetried(t *testing.T) {
	for _, w := range ceilings(t, 300) {
		t.Run(w.name, func(t *testing.T) {
			r := start(t, spec{App: leaky("signals"), Stage: w.stage, Config: restarts})
			r.says("ready")
			neighbour := w.fill(t, r)
			tell(t, r.app().PID, syscall.SIGKILL)
			r.logs("EAGAIN", w.name, "of 300")
			eventually(t, "another try", func() bool { return r.err.count("EAGAIN") >= 2 })
			starts := r.out.count("app ready")
			neighbour.kill()
			eventually(t, "a start", func() bool { return r.out.count("app ready") > starts })
		})
	}
}

// restarts leaves the neighbour the time to take what the app has left.
const restarts = "[restart]\non_exit = \"always\"\ndelay = \"1s\"\nmax_delay = \"1s\"\nburst = 1000\n"

// fill lets a guest take all there is, and whatever becomes free. It is a guest, for who has the same uid in another
// PID namespace counts for RLIMIT_NPROC too, but cannot be seen.
func (w ceilingWorld) fill(t *testing.T, r *running) *guest {
	t.Helper()
	w.stage.Keep = 3
	world, err := json.Marshal(w.stage)
	if err != nil {
		t.Fatal(err)
	}
	neighbour := r.exec(t, leaky(append([]string{"launch", string(world)}, leaky("ceiling", "0", "now")...)...)...)
	r.await(neighbour.out, "full")
	return neighbour
}

// A stop while restarts fail at the ceiling still ends it.
func TestStopWhileRestartsFail(t *testing.T) {
	for _, w := range ceilings(t, 300) {
		t.Run(w.name, func(t *testing.T) {
			r := start(t, spec{App: leaky("signals"), Stage: w.stage, Config: restarts})
			r.says("ready")
			w.fill(t, r)
			tell(t, r.app().PID, syscall.SIGKILL)
			r.logs("EAGAIN")
			r.signal(syscall.SIGTERM)
			r.wants(137)
		})
	}
}
