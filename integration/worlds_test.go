package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Row 51: it runs, reaps, drains and ends with the app's code wherever a container may put it.
func TestUnfriendlyWorlds(t *testing.T) {
	t.Parallel()
	uid := newUID()
	worlds := map[string]stage{
		"another user":                     {UID: uid},
		"another user and hidepid=2":       {UID: uid, HidePID: true},
		"a read-only root":                 {ReadOnly: true},
		"no capability":                    {NoCaps: true},
		"no capability, no new privileges": {NoCaps: true, NoNewPriv: true},
		"no prctl":                         {NoPrctl: true},
		"all of it":                        {UID: uid, HidePID: true, ReadOnly: true, NoCaps: true, NoNewPriv: true, NoPrctl: true},
	}
	for name, world := range worlds {
		for _, notPID1 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, PID 1 %v", name, !notPID1), func(t *testing.T) {
				t.Parallel()
				limits := quick + limit("threads", "drain = \"95%\"") + limit("zombies", "drain = 500") + limit("fds", "drain = \"95%\"") + limit("memory", "drain = \"99%\"")
				r := start(t, spec{App: leaky("orphans", "20"), Stage: world, NotPID1: notPID1, Config: limits})
				r.says("leaked 20")
				r.signal(syscall.SIGUSR1)
				if !(notPID1 && world.NoPrctl) { // without prctl there is no subreaper
					eventually(t, "orphans to be reaped", func() bool { return len(r.children()) == 1 })
				}
				r.signal(syscall.SIGTERM)
				r.wants(0)
				if n := r.err.count("[WARN]"); n > 3 {
					t.Errorf("got %d warnings, want one for each thing that is missing:\n%s", n, r.err)
				}
			})
		}
	}
}

// Limits work in them, too.
func TestLimitsOfAnotherUser(t *testing.T) {
	t.Parallel()
	for _, world := range []stage{{UID: newUID()}, {UID: newUID(), HidePID: true, NoNewPriv: true}, {NoCaps: true, ReadOnly: true}} {
		for _, tt := range []struct {
			metric string
			app    []string
		}{{"zombies", leaky("zombies", "30")}, {"threads", leaky("threads", "40")}, {"fds", leaky("fds", "40")}} {
			r := launch(t, spec{App: tt.app, Stage: world, Config: quick + limit(tt.metric, "drain = 20")})
			r.wants(75)
		}
	}
}

// A process that we may not signal: said once, and the drain goes on to its deadline.
func TestPermissionDeniedIsSaidOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	setuid := dir + "/leaky"
	b, err := os.ReadFile(leakyBin)
	if err != nil {
		t.Fatal(err)
	}
	writeExecutable(t, setuid, string(b), 0o755)
	if err := os.Chmod(setuid, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`%s -name root asroot signals & exec "$LEAKY" signals TERM=5`, setuid)
	for _, notPID1 := range []bool{false, true} {
		r := start(t, spec{App: sh(script), Stage: stage{UID: newUID()}, Flags: []string{"--grace", "1s"}, NotPID1: notPID1})
		r.says("root ready")
		r.says("app ready")
		began := time.Now()
		r.signal(syscall.SIGTERM)
		r.wants(5)
		if took := time.Since(began); took < time.Second {
			t.Errorf("took %v, want the budget of 1s at least", took)
		}
		if n := r.err.count("not permitted"); n != 1 {
			t.Errorf("got %d lines about EPERM, want one:\n%s", n, r.err)
		}
	}
}

// Row 53, the start: what cannot be forked is an error with a reason, not a hang.
func TestStartAtTheCeilingFailsClearly(t *testing.T) {
	t.Parallel()
	group := newPidsGroup(t, 1000)
	r := start(t, spec{App: leaky("signals", "TERM=0"), Stage: stage{Cgroups: group.join()}})
	r.says("ready")
	app := r.app()
	needs := group.current() // reaperd's threads and the app's
	threads := 0
	fmt.Sscan(status(app.PID, "Threads"), &threads)
	r.signal(syscall.SIGTERM)
	r.wants(0)
	// Room for reaperd and nothing else: of how many threads it has made by now, one more or less is the scheduler's.
	for room := needs - threads; room > needs-threads-3; room-- {
		group.limit(room)
		r = launch(t, spec{App: sh("echo started"), Stage: stage{Cgroups: group.join()}})
		if r.wait(patience) == 0 {
			continue
		}
		if r.err.count("EAGAIN", "pids.max") != 1 || r.out.String() != "" {
			t.Errorf("got %q and %q, want EAGAIN and nothing started", r.out, r.err)
		}
		return
	}
	t.Error("the app was started every time, want no room for it")
}
