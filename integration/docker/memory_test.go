package docker

import (
	"regexp"
	"strconv"
	"testing"
)

// killLevel is 90% of 512 MiB.
const killLevel = 460.8

// allocate runs a program that takes MiB a second in a container of 512 MiB, until somebody ends it: us, at 90% of them,
// and then with how many MiB; or else the kernel.
func allocate(t *testing.T, rate int) (byUs bool, at float64) {
	t.Helper()
	c := start(t, spec{
		image:  scratchImage,
		config: "[limits.memory]\nkill = \"90%\"\n",
		flags:  []string{"--memory", "512m", "--memory-swap", "512m"},
		cmd:    []string{"-c", "/shared/reaperd.toml", "--", "/leaky", "memory", "2000", strconv.Itoa(rate)},
	})
	code, killed := c.exitCode(t), c.inspect(t, "{{.State.OOMKilled}}")
	trip := regexp.MustCompile(`kill limit tripped: metric=memory value=([\d.]+)MiB limit=460\.8MiB`).FindStringSubmatch(c.log.String())
	switch {
	case code == 75 && killed == "false" && trip != nil:
		at, err := strconv.ParseFloat(trip[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return true, at
	case killed == "true":
		return false, 0
	}
	t.Fatalf("exit code %d, OOMKilled %s, trip %q: neither we nor the kernel ended it", code, killed, trip)
	return false, 0
}

// From the kill level to the ceiling it takes a quarter of a second.
func TestAllocatorOf200MBASecondIsEndedByUsAndNotByTheKernel(t *testing.T) {
	rounds := 3
	if long {
		rounds = 20
	}
	worst := killLevel
	for i := range rounds {
		byUs, at := allocate(t, 200)
		if !byUs {
			t.Errorf("round %d of %d: the kernel was faster", i+1, rounds)
		}
		worst = max(worst, at)
	}
	t.Logf("ended by us at most %.1f MiB past the level, in %d rounds", worst-killLevel, rounds)
}

// At five times that it takes 50 ms, and nobody promises anything.
func TestAllocatorOf1GBASecondIsMeasured(t *testing.T) {
	rounds, won := 3, 0
	if long {
		rounds = 20
	}
	worst := killLevel
	for range rounds {
		byUs, at := allocate(t, 1000)
		if byUs {
			won++
			worst = max(worst, at)
		}
	}
	t.Logf("at 1000 MiB/s: %d of %d ended by us and not by the kernel, at most %.1f MiB past the level", won, rounds, worst-killLevel)
}

// The kernel takes the largest process, which is the app and not reaperd. reaperd says whose KILL it was, also where nobody
// looked in between, and starts the app again. (The ceiling is reached between two looks: in the moment after a kill, before
// the app's memory is free, reaperd is the only one left to take, should it need any just then.)
func TestTheKernelsOOMKillerTakesTheAppAndNotReaperd(t *testing.T) {
	c := start(t, spec{
		image:  scratchImage,
		config: "[restart]\non_exit = \"on-failure\"\nburst = 1\ndelay = \"10ms\"\n",
		flags:  []string{"--memory", "64m", "--memory-swap", "64m"},
		cmd:    []string{"-c", "/shared/reaperd.toml", "--", "/leaky", "memory", "200", "60"},
	})
	if code := c.exitCode(t); code != 137 {
		t.Errorf("got exit code %d, want the app's own 137", code)
	}
	if got := c.log.count(`the app was killed by a signal: code=137 signal=KILL oom_killed=true`); got != 2 {
		t.Errorf("got %d ends by the kernel, want 2:\n%s", got, c.log)
	}
}
