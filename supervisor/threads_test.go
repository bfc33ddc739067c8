package supervisor

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestTheAppsGOGCIsNotOurs: with GOGC=off, as an app of Go may want it, reaperd grew by a megabyte a second of restarts.
func TestTheAppsGOGCIsNotOurs(t *testing.T) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(1)
	StaySmall()
	if got := debug.SetGCPercent(percent); got != 25 {
		t.Errorf("got GOGC %d, want 25", got)
	}
	if got := debug.SetMemoryLimit(limit); got != math.MaxInt64 {
		t.Errorf("got a memory limit of %d, want none", got)
	}
}
