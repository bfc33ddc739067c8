package supervisor

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/reaperd/reaperd/policy"
)

// Signals are the channels on which the kernel's signals reach the loop. Those that may ask for a stop have one of
// their own: a flood of others must not crowd a TERM out, for Go drops what a full channel cannot take.
type Signals struct {
	stop  chan os.Signal
	other chan os.Signal
	child chan os.Signal

	caught map[os.Signal]bool // on stop
}

// stopSignals are all that can be an image's STOPSIGNAL or a platform's word for the end. A PID 1 that does not catch
// them loses them: the kernel ignores the default action for it; see pid_namespaces(7).
var stopSignals = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}

// CatchEarly is the first statement of main: what comes before the app runs is kept for it. A signal found ignored
// (nohup, sh -c 'reaperd app &') stays ignored, here and in the app.
func CatchEarly() *Signals {
	s := &Signals{
		stop:  make(chan os.Signal, 256),
		other: make(chan os.Signal, 256),
		child: make(chan os.Signal, 1),

		caught: map[os.Signal]bool{},
	}
	signal.Notify(s.child, syscall.SIGCHLD)
	for _, sig := range stopSignals {
		s.catch(sig)
	}
	return s
}

// CatchToo adds the signals that the configuration gives a meaning, before the app starts: they too are kept for it.
func (s *Signals) CatchToo(sig policy.Signal) { s.catch(syscall.Signal(sig)) }

func (s *Signals) catch(sig os.Signal) {
	if !s.caught[sig] && !signal.Ignored(sig) {
		s.caught[sig] = true
		signal.Notify(s.stop, sig)
	}
}

// CatchRest catches everything else there is to forward. It runs beside the start of the app, for each Notify costs about
// 30 µs. Never: KILL and STOP (impossible), CHLD (ours), URG (the Go runtime sends it to itself), PIPE (ours: a broken
// stderr), PROF and 32 to 34 (the Go runtime and the C library keep them).
func (s *Signals) CatchRest(terminal bool) {
	signal.Notify(s.other, syscall.SIGPIPE) // caught, never forwarded: uncaught, it would kill us
	for n := syscall.Signal(1); n <= 64; n++ {
		switch n {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGPROF, 32, 33, 34:
			continue
		case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
			if terminal { // there they are job control, for us as for the app
				continue
			}
		}
		if !s.caught[n] && !signal.Ignored(n) {
			signal.Notify(s.other, n)
		}
	}
}
