package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// restartingOnce drains for a limit that only the first incarnation reaches, told from the second by the file "second".
func restartingOnce(dir, script string) []string {
	return sh(fmt.Sprintf(`cd %s; if [ -e second ]; then echo second; else touch second; "$LEAKY" -name leak zombies 20 & fi; %s`, dir, script))
}

const restartsAtOnce = "[restart]\non_limit = \"restart\"\ndelay = \"10ms\"\n"

// The app looks at a file for whether it is to take no more work. The next one must not find it.
func TestAQuietFileIsThereFromQuietToTheNextStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "quiet")
	for _, name := range []string{file, filepath.Join(dir, "busy")} { // the first is of an earlier run
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	app := restartingOnce(dir, `if [ -e quiet ]; then echo found it too early; exit 9; fi; trap 'echo stopped; exit 0' TERM; echo up
		until [ -e quiet ]; do sleep 0.05; done; echo went quiet; rm -f busy; while :; do sleep 0.05; done`)
	r := start(t, spec{App: app, Config: zombieLimit + fmt.Sprintf("[drain]\nquiet_timeout = \"60s\"\nquiet_file = %q\n", file) +
		"[drain.idle]\ncommand = [\"sh\", \"-c\", \"! [ -e " + dir + "/busy ]\"]\nhold = \"0s\"\n" + restartsAtOnce})
	r.says("second")
	eventually(t, "the second to be up", func() bool { return r.out.count("up") == 2 })
	r.order(r.out, "up", "went quiet", "stopped", "second", "up")
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is still there, want it removed before the next start")
	}
	r.signal(15)
	r.wants(0)
}

// A file that cannot be made is said, and the stage lasts its time.
func TestAQuietFileThatCannotBeMadeIsLivedWith(t *testing.T) {
	t.Parallel()
	r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit + "[drain]\nquiet_timeout = \"300ms\"\nquiet_file = \"/no/such/directory/quiet\"\n"})
	r.wants(75)
	r.order(r.err, "draining: quiet", "could not be asked to go quiet: key=drain.quiet_file", "draining: stop")
}

// A command asks for quiet; idle is not looked for before it has ended, for until then the app does not know.
func TestAQuietCommandEndsBeforeIdleIsLookedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, command := range []string{
		fmt.Sprintf("%q", "sleep 2; touch "+dir+"/told"),
		fmt.Sprintf("[\"sh\", \"-c\", %q]", "sleep 2; touch "+dir+"/told"),
	} {
		os.Remove(filepath.Join(dir, "told"))
		r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit + "[drain]\nquiet_timeout = \"60s\"\nquiet_command = " + command + "\n" +
			"[drain.idle]\nno_children = true\nhold = \"0s\"\n"})
		r.wants(75)
		r.order(r.err, "draining: quiet", "idle: after=", "draining: stop")
		if _, err := os.Stat(filepath.Join(dir, "told")); err != nil {
			t.Errorf("the command did not come to its end: %v", err)
		}
	}
}

// One that fails, or hangs, is said and changes nothing.
func TestAQuietCommandThatFailsOrHangsChangesNothing(t *testing.T) {
	t.Parallel()
	for command, says := range map[string]string{"exit 3": "it ended with 3", "exec sleep 1000": ""} {
		r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit + "[drain]\nquiet_timeout = \"1s\"\nquiet_command = \"" + command + "\"\n"})
		r.logs("draining: quiet")
		r.wants(75)
		r.lasted(time.Second)
		if says != "" {
			r.logs("could not be asked to go quiet", "key=drain.quiet_command", says)
		}
	}
}

// A request asks for quiet, and the app's own answer is that it is idle.
func TestAQuietURLIsAsked(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/quiet" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		asked <- r.Method + " " + r.URL.Path
	}))
	defer server.Close()
	for _, tt := range []struct{ url, asked, says string }{
		{"POST " + server.URL + "/quiet", "POST /quiet", "draining: stop"},
		{server.URL + "/none", "GET /none", "could not be asked to go quiet: key=drain.quiet_url"},
	} {
		r := start(t, spec{App: leaky("zombies", "20"), Config: zombieLimit + fmt.Sprintf("[drain]\nquiet_timeout = \"5s\"\nquiet_url = %q\n", tt.url)})
		select {
		case got := <-asked:
			if got != tt.asked {
				t.Errorf("asked %q, want %q", got, tt.asked)
			}
		case <-time.After(patience):
			t.Fatal("nobody asked")
		}
		r.logs(tt.says)
		r.wants(75)
		if n := r.err.count("could not be asked"); n != strings.Count(tt.says, "could not be asked") {
			t.Errorf("got %d failures\n%s", n, r.err)
		}
	}
}

// Without reaperd-net that is a mistake at the start, not at the first drain.
func TestAQuietURLWithoutReaperdNetIsAMistake(t *testing.T) {
	t.Parallel()
	alone := filepath.Join(t.TempDir(), "reaperd")
	if out, err := exec.Command("cp", reaperdBin, alone).CombinedOutput(); err != nil { // a file that we write ourselves may be "busy"
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(alone, "--", "true")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "REAPERD_DRAIN_QUIET_URL=http://127.0.0.1:1/quiet"}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 125 || !strings.Contains(string(out), `drain.quiet_url: "reaperd-net" is neither beside reaperd nor in PATH`) {
		t.Errorf("got %v %q, want 125 and what is missing", err, out)
	}
}
