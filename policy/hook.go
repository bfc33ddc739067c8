package policy

import "time"

// Hook is a moment in the life of the app at which a command of the user's runs.
type Hook uint8

// The hooks. PreStart, PreStop and PostStop are waited for, the others run beside the app.
const (
	PreStart  Hook = iota // before each start of the app
	PostStart             // after its exec
	OnWarn                // a limit's warning is said
	OnTrip                // a limit trips
	PreStop               // the first stage of a drain
	PostStop              // nothing of the app is left
	NumHooks
)

func (h Hook) String() string {
	return [NumHooks]string{"pre_start", "post_start", "on_warn", "on_trip", "pre_stop", "post_stop"}[h]
}

// HookCommand is what runs for a hook.
type HookCommand struct {
	Command []string      // empty: nothing
	Timeout time.Duration // after which it is killed
}

// Hooks are all hooks of an app.
type Hooks [NumHooks]HookCommand

// Set says whether anything runs for a hook.
func (h Hooks) Set(which Hook) bool { return len(h[which].Command) > 0 }

// Any says whether anything runs at all.
func (h Hooks) Any() bool {
	for which := range NumHooks {
		if h.Set(which) {
			return true
		}
	}
	return false
}
