package configs

import (
	"strings"
	"testing"
)

func TestSignalsThatMayKillAreWarnedOf(t *testing.T) {
	for signal, warns := range map[string]bool{"USR1": true, "USR2": true, "TSTP": false, "QUIT": false, "none": false} {
		for _, key := range []string{"drain.quiet_signal", "drain.dump_signal"} {
			l := mustLoad(t, Sources{Flags: []Assignment{{key, signal, "--x"}}})
			got := strings.Join(l.Warnings, "\n")
			if strings.Contains(got, key+" = ") != warns {
				t.Errorf("%s = %s: got %q, want a warning: %v", key, signal, got, warns)
			}
		}
	}
}
