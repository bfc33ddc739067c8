package supervisor

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync"
)

// StaySmall has the garbage collected at 1 MB, not at 4 MB: 100 restarts in a row cost 8 MB of RSS, not 11. GOGC and
// GOMEMLIMIT in the environment are the app's, if it is one of Go; "off" would let reaperd grow without end.
func StaySmall() {
	debug.SetGCPercent(25)
	debug.SetMemoryLimit(math.MaxInt64)
}

// spareThreads is how many goroutines of ours can sit in a system call at the same time (log writer, signals, fork,
// sampler, walker), with the two that run and some to spare.
const spareThreads = 10

// ReserveThreads makes every OS thread that reaperd will ever need, before the app can use them up. At a full pids.max
// or RLIMIT_NPROC, the very disease that reaperd treats, the Go runtime dies of "fatal error: newosproc" when it needs
// another one, and recover does not catch that. Parked threads are used again and never given back; with GOMAXPROCS
// fixed, no more than this can be wanted at once.
func ReserveThreads() {
	runtime.GOMAXPROCS(2)
	var ready, done sync.WaitGroup
	release := make(chan struct{})
	ready.Add(spareThreads)
	done.Add(spareThreads)
	for range spareThreads {
		go func() {
			runtime.LockOSThread()
			ready.Done()
			<-release
			runtime.UnlockOSThread()
			done.Done()
		}()
	}
	ready.Wait()
	close(release)
	done.Wait()
}
