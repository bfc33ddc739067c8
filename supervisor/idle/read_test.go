package idle

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const self = 10

// world is a fake /proc. Keys are pids.
type world map[int]fake

type fake struct {
	parent  int
	state   string // default S
	title   string
	ticks   int // user time
	session int
}

func (w world) mount(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for pid, p := range w {
		if p.state == "" {
			p.state = "S"
		}
		write(t, root, pid, "stat", fmt.Sprintf("%d (a) b) %s %d 9 %d 0 -1 4194304 1 0 0 0 %d 1 2 3 20 0 1 0 77 1 2 3\n", pid, p.state, p.parent, p.session, p.ticks))
		write(t, root, pid, "cmdline", strings.ReplaceAll(p.title, " ", "\x00"))
	}
	write(t, root, 0, "not-a-pid", "")
	return root
}

func write(t *testing.T, root string, pid int, file, text string) {
	t.Helper()
	dir := filepath.Join(root, fmt.Sprint(pid))
	if pid == 0 {
		dir = root
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhoBelongsToTheApp(t *testing.T) {
	w := world{
		1: {title: "host"}, 5: {parent: 1, title: "stranger"},
		self: {parent: 1, title: "reaperd"},
		20:   {parent: self, title: "main"}, 21: {parent: 20, title: "worker"}, 22: {parent: 21, title: "grandchild"},
		23: {parent: 20, state: "Z", title: ""},
		30: {parent: self, title: "orphan"}, 31: {parent: 30, title: "below-orphan"},
		40: {parent: self, title: "hook"}, 41: {parent: 40, title: "below-hook"}, 42: {parent: self, session: 40, title: "orphan-of-hook"}, 43: {parent: 42, title: "below"},
		50: {parent: 0, title: "exec-shell"},
		60: {parent: 61, title: "loop"}, 61: {parent: 60, title: "loop"},
	}
	for _, tt := range []struct {
		name     string
		target   Target
		titles   []string
		children int
	}{
		{"all that is below us but helpers", Target{Main: 20, Helpers: []int{40}}, []string{"below-orphan", "grandchild", "main", "orphan", "worker"}, 1},
		{"only what descends from it, beside another", Target{Main: 20, Helpers: []int{40}, Alone: true}, []string{"grandchild", "main", "worker"}, 1},
		{"another main", Target{Main: 30, Alone: true}, []string{"below-orphan", "orphan"}, 1},
	} {
		r := reader{proc: w.mount(t), self: self}
		got := r.read(tt.target, Checks{Title: stopped})
		slices.Sort(got.titles)
		if got.err != nil || got.titlesErr != nil || !slices.Equal(got.titles, tt.titles) || got.children != tt.children {
			t.Errorf("%s: got %+v, want %v and %d children", tt.name, got, tt.titles, tt.children)
		}
	}
}

func TestWhatCannotBeSeenIsUnknown(t *testing.T) {
	for _, tt := range []struct {
		name string
		w    world
		do   func(root string) error
	}{
		{"no main process", world{self: {}}, nil},
		{"a dead main process", world{self: {}, 20: {parent: self, state: "Z"}}, nil},
		{"no /proc", world{}, os.RemoveAll},
		{"a stat file of another format", world{self: {}, 20: {parent: self}}, func(root string) error {
			return os.WriteFile(root+"/20/stat", []byte("20 (x) S 10 1"), 0o644)
		}},
	} {
		root := tt.w.mount(t)
		if tt.do != nil {
			if err := tt.do(root); err != nil {
				t.Fatal(err)
			}
		}
		got := New(Checks{NoChildren: true}, root, self).Look(time.Now(), Target{Main: 20})
		if got.Idle || got.Known || got.Why == "" || strings.Contains(got.Why, root) {
			t.Errorf("%s: got %+v, want unknown and why", tt.name, got)
		}
	}
}

func TestATitleThatVanishesIsNotAnError(t *testing.T) {
	root := world{self: {}, 20: {parent: self, title: sidekiqIdle}, 21: {parent: 20}}.mount(t)
	if err := os.Remove(root + "/21/cmdline"); err != nil {
		t.Fatal(err)
	}
	if got := New(Checks{Title: stopped}, root, self).Look(time.Now(), Target{Main: 20}); !got.Idle {
		t.Errorf("got %+v, want idle", got)
	}
	if err := os.Mkdir(root+"/21/cmdline", 0o755); err != nil { // reading it fails
		t.Fatal(err)
	}
	got := New(Checks{Title: stopped, TitleOf: sidekiqs}, root, self).Look(time.Now(), Target{Main: 20})
	if got.Known || got.Why != "a title cannot be read: is a directory" {
		t.Errorf("got %+v, want unknown", got)
	}
}

func TestTicksCountReapedChildren(t *testing.T) {
	r := reader{proc: world{self: {}, 20: {parent: self, ticks: 100}}.mount(t), self: self}
	got := r.read(Target{Main: 20}, Checks{})
	if want := uint64(106); got.cpu[process{20, 77}] != want {
		t.Errorf("got %v, want %d", got.cpu, want)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("1 (a) S 0 1 1 0 -1 4194560 1 1 1 1 1 2 3 4 20"))
	f.Fuzz(func(_ *testing.T, text []byte) { ticksOf(text) })
}
