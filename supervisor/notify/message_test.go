package notify

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Message
	}{
		{"READY=1", Message{Ready: true}},
		{"READY=1\n", Message{Ready: true}},
		{"READY=1\x00", Message{Ready: true}},
		{"READY=1\nSTATUS=Processing requests...\nMAINPID=4711", Message{Ready: true, Status: "Processing requests...", MainPID: 4711}},
		{"RELOADING=1\nMONOTONIC_USEC=12345", Message{Reloading: true}},
		{"STOPPING=1\nSTATUS=a=b", Message{Stopping: true, Status: "a=b"}},
		{"WATCHDOG=1", Message{Alive: true}},
		{"WATCHDOG=trigger", Message{Trigger: true}},
		{"WATCHDOG_USEC=20000000", Message{Resets: true, Watchdog: 20 * time.Second}},
		{"WATCHDOG_USEC=0", Message{Resets: true}},
		{"WATCHDOG_USEC=18446744073709551615", Message{Resets: true}},
		{"WATCHDOG_USEC=18446744073709551614", Message{Resets: true, Watchdog: longest}},
		{"EXTEND_TIMEOUT_USEC=1500000", Message{Extend: 1500 * time.Millisecond}},

		// what means nothing
		{"", Message{}},
		{"\n\n", Message{}},
		{"READY=0", Message{}},
		{"READY", Message{}},
		{" READY=1", Message{}},
		{"X_READY=1\nFDSTORE=1\nFDNAME=x\nBARRIER=1\nERRNO=2\n=\n==", Message{}},
		{"WATCHDOG=2\nWATCHDOG_USEC=-1\nEXTEND_TIMEOUT_USEC=1s\nMAINPID=0\nSTATUS=", Message{}},
		{"WATCHDOG_USEC=99999999999999999999", Message{}},
		{"MAINPID=-1", Message{}},
	} {
		if got := parse(tt.text); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.text, got, tt.want)
		}
	}
}

func TestALongStatusIsCutBetweenCharacters(t *testing.T) {
	got := parse("STATUS=" + strings.Repeat("€", 1000)).Status
	if want := strings.Repeat("€", maxStatus/3); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	if got := parse("STATUS=" + strings.Repeat("\x80", 1000)).Status; len(got) > maxStatus {
		t.Errorf("got %d bytes of no text at all, want at most %d", len(got), maxStatus)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("READY=1\nSTATUS=x\nWATCHDOG_USEC=1\nEXTEND_TIMEOUT_USEC=18446744073709551615\nMAINPID=1")
	f.Add("STATUS=" + strings.Repeat("é", 300) + "\x00\x00")
	f.Fuzz(func(t *testing.T, text string) {
		m := parse(text)
		if len(m.Status) > maxStatus || m.Watchdog < 0 || m.Watchdog > longest || m.Extend < 0 || m.Extend > longest || m.MainPID < 0 {
			t.Errorf("got %+v, out of bounds", m)
		}
		if m.Watchdog > 0 && !m.Resets {
			t.Errorf("got %+v, a watchdog that nobody has set", m)
		}
		if utf8.ValidString(text) && !utf8.ValidString(m.Status) {
			t.Errorf("got the status %q, cut in a character", m.Status)
		}
	})
}

func TestWhatIsPassedOnAbove(t *testing.T) {
	for text, want := range map[string]string{
		"READY=1\nSTATUS=up\nMAINPID=3\nWATCHDOG_USEC=9": "READY=1\nSTATUS=up",
		"WATCHDOG=1": "WATCHDOG=1",
		"STOPPING=1\nRELOADING=1\nEXTEND_TIMEOUT_USEC=1\nWATCHDOG=trigger": "",
	} {
		if got := parse(text).above(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
