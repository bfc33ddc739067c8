package policy

import "testing"

func TestExit(t *testing.T) {
	for _, c := range []struct {
		name             string
		code             int
		signaled         bool
		sig              Signal
		want             int
		termed, keyboard bool
	}{
		{"its own code", 7, false, 0, 7, false, false},
		{"a good end", 0, false, 0, 0, false, false},
		{"255 stays 255", 255, false, 0, 255, false, false},
		{"not found stays 127", 127, false, 0, 127, false, false},
		{"exit(128) is no signal", 128, false, 0, 128, false, false},
		{"killed", 0, true, SIGKILL, 137, false, false},
		{"killed by HUP", 0, true, SIGHUP, 129, false, false},
		{"a real-time signal", 0, true, rtMax, 192, false, false},
		{"by TERM", 0, true, SIGTERM, 143, true, false},
		{"by TERM, as a JVM says it", 143, false, 0, 143, true, false},
		{"by INT", 0, true, SIGINT, 130, true, true},
		{"by INT, as a shell says it", 130, false, 0, 130, true, true},
		{"by QUIT", 0, true, SIGQUIT, 131, false, true},
		{"by QUIT, as an exit code", 131, false, 0, 131, false, true},
		{"exit(15) is not TERM", 15, false, 0, 15, false, false},
	} {
		if got := ExitCode(c.code, c.signaled, c.sig); got != c.want {
			t.Errorf("%s: got code %d, want %d", c.name, got, c.want)
		}
		if got := WasTermination(c.code, c.signaled, c.sig); got != c.termed {
			t.Errorf("%s: got termination %v, want %v", c.name, got, c.termed)
		}
		if got := WasKeyboard(c.code, c.signaled, c.sig); got != c.keyboard {
			t.Errorf("%s: got keyboard %v, want %v", c.name, got, c.keyboard)
		}
	}
}

func TestRemap(t *testing.T) {
	to := map[int]int{143: 0, 0: 3, 3: 4}
	for code, want := range map[int]int{143: 0, 0: 3, 3: 4, 142: 142} {
		if got := Remap(code, to); got != want {
			t.Errorf("%d: got %d, want %d (looked up once)", code, got, want)
		}
	}
	if got := Remap(143, nil); got != 143 {
		t.Errorf("no table: got %d, want 143", got)
	}
}
