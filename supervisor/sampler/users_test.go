package sampler

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reaperd/reaperd/policy"
)

// Users of the tests below: we, and somebody else.
const ourUser, otherUser = 47101, 47102

// becomeUser gives up root for good, and with it every capability.
func becomeUser(t *testing.T, uid int) {
	t.Helper()
	if err := syscall.Setgroups(nil); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setresgid(uid, uid, uid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil { // as after an exec
		t.Fatal(err)
	}
}

func TestAloneProcessesOfAnotherUserAreSeenWithoutCapabilities(t *testing.T) {
	if !alone(t, "") {
		return
	}
	main := startAs(t, "threads:20", otherUser)
	startAs(t, "zombies:3", otherUser)
	opener := startAs(t, "fds:100", otherUser)
	leader := startAs(t, "leader:4", otherUser)
	becomeUser(t, ourUser)

	sample := lookUntil(t, main, func(s policy.Sample) bool {
		return s.Measures[policy.Zombies].Value == 3 && leaderState(t, leader) == "Z"
	})
	m := sample.Measures
	if got := m[policy.Processes].Reading; got != policy.Known(4+3) {
		t.Errorf("processes: got %s, want 7", reading(got))
	}
	if got := m[policy.Threads]; !got.Known || got.Value < 20+5+3 {
		t.Errorf("threads: got %s, want at least 28", reading(got.Reading))
	}
	if got := m[policy.Memory]; len(got.Top) < 3 || slices.ContainsFunc(got.Top, func(p policy.Process) bool { return p.Value == 0 }) {
		t.Errorf("memory: got top %v, want what each has", got.Top)
	}
	// The kernel tells the number from 6.2 on; before, nobody else may list the directory.
	if got := m[policy.FDs]; got.Known && (got.Value < 100 || len(got.Top) == 0 || got.Top[0].PID != opener) {
		t.Errorf("fds: got %s and top %v, want at least 100 of pid %d, or unknown", reading(got.Reading), got.Top, opener)
	}
}

func TestAloneMemoryThatAnotherUserKeepsPrivateIsUnknown(t *testing.T) {
	if !alone(t, "") {
		return
	}
	main := startAs(t, "threads:2", otherUser)
	becomeUser(t, ourUser)

	pss := NewPSS(Options{})
	if got := measureTwice(pss, main); got.Known {
		t.Errorf("pss: got %v, want unknown", got.Value)
	}
	if notes := pss.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "CAP_SYS_PTRACE") {
		t.Errorf("pss: got notes %q, want one that says what is missing", notes)
	}
	s := New(Options{})
	uss := EachTarget{Match: regexp.MustCompile(`.`), USS: true}
	uss.Of[policy.Memory], uss.Of[policy.Threads] = true, true
	anon := uss
	anon.USS = false
	e := NewEach(s, []EachTarget{uss, anon})
	for range 3 {
		s.Look(main, 1)
		looks := e.Look(main)
		if len(looks[0].Processes) != 1 || len(looks[1].Processes) != 1 {
			t.Fatalf("got %+v, want the one process in both lists", looks)
		}
		private, resident := looks[0].Processes[0].Measures, looks[1].Processes[0].Measures
		if got := private[policy.Memory]; got.Known {
			t.Errorf("uss: got %v, want unknown", got.Value)
		}
		if got := resident[policy.Memory]; !got.Known || got.Value == 0 {
			t.Errorf("anonymous memory: got %s, want it known: status is for everybody", reading(got.Reading))
		}
		if got := private[policy.Threads]; !got.Known || got.Value < 3 {
			t.Errorf("threads: got %s, want at least 3", reading(got.Reading))
		}
	}
	if notes := s.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "CAP_SYS_PTRACE") {
		t.Errorf("got notes %q, want one that says what is missing", notes)
	}
}

func TestAloneHidepidHidesWhatIsAnothers(t *testing.T) {
	if !alone(t, "hidepid=2") {
		return
	}
	main := startAs(t, "threads:20", ourUser)
	hidden := startAs(t, "zombies:5", otherUser)
	s := New(Options{FDs: true})
	if got := s.Look(hidden, 1).Measures[policy.Processes].Reading; got != policy.Known(2+5) {
		t.Errorf("as root: got %s processes, want 7", reading(got))
	}
	s.Close()
	becomeUser(t, ourUser)
	s = New(Options{FDs: true})
	for range 4 {
		m := s.Look(main, 1).Measures
		if got := m[policy.Processes].Reading; got != policy.Known(1) {
			t.Errorf("got %s processes, want the one of our user", reading(got))
		}
		if got := m[policy.Threads]; !got.Known || got.Value < 20 || len(got.Top) != 1 || got.Top[0].PID != main {
			t.Errorf("threads: got %s and top %v, want those of pid %d", reading(got.Reading), got.Top, main)
		}
		if got := m[policy.FDs]; !got.Known || got.Value == 0 {
			t.Errorf("fds: got %s, want them known", reading(got.Reading))
		}
	}
	for metric, m := range s.Look(hidden, 2).Measures {
		if m.Known {
			t.Errorf("%v: got %v, want unknown: the main process is hidden", policy.Metric(metric), m.Value)
		}
	}
	if notes := s.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "hidepid=") {
		t.Errorf("got notes %q, want one about hidepid", notes)
	}
}
