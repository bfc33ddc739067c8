package policy

import (
	"strings"
	"testing"
)

func TestSignalNamesRoundTrip(t *testing.T) {
	for s := Signal(1); s <= 64; s++ {
		for _, text := range []string{s.String(), "SIG" + s.String(), strings.ToLower(s.String()), " " + s.String() + " "} {
			if got, err := ParseSignal(text); err != nil || got != s {
				t.Errorf("%q: got %d %v, want %d", text, got, err, s)
			}
		}
	}
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]Signal{
		"15": SIGTERM, "64": 64, "RTMIN": 34, "RTMIN+3": 37, "RTMAX": 64, "RTMAX-1": 63, "SIGRTMAX-30": 34, "IOT": 6, "CLD": SIGCHLD, "poll": 29,
	} {
		if got, err := ParseSignal(text); err != nil || got != want {
			t.Errorf("%q: got %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "SIG", "0", "65", "-1", "TERMINATE", "RTMIN-1", "RTMAX+1", "RTMIN+31", "RTMIN3", "RTMIN+", "RTMIN+x", "none"} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestSignalString(t *testing.T) {
	for s, want := range map[Signal]string{0: "none", SIGTERM: "TERM", 31: "SYS", 32: "32", 33: "33", 34: "RTMIN", 37: "RTMIN+3", 64: "RTMIN+30", 65: "65"} {
		if got := s.String(); got != want {
			t.Errorf("%d: got %q, want %q", int(s), got, want)
		}
	}
}
