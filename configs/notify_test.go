package configs

import "testing"

func TestTheSocketOpensWhereAnotherKeyNeedsIt(t *testing.T) {
	overlap := []Assignment{{"restart.overlap", "true", "--x"}, {"restart.on_limit", "restart", "--x"}}
	for _, row := range []struct {
		name  string
		flags []Assignment
		want  bool
	}{
		{"nothing", nil, false},
		{"a watchdog", []Assignment{{"notify.watchdog", "1s", "--x"}}, true},
		{"none", []Assignment{{"notify.watchdog", "none", "--x"}}, false},
		{"an overlap that waits for READY=1", append(overlap, Assignment{"restart.ready", "notify", "--x"}), true},
		{"an overlap that waits for something else", append(overlap, Assignment{"restart.ready", "1s", "--x"}), false},
	} {
		if got := mustLoad(t, Sources{Flags: row.flags}).Config.Notify.Socket; got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}
