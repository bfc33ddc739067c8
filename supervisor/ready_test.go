package supervisor

import "testing"

func tells(n Notice) Told { return Told{n} }

func TestWhatTheAppSaysOfItself(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plan  Plan
		steps []step
	}{
		{"ready is said once, with the time it took and the status", defaults(), []step{
			{1 * s, Started{7}, "", ""},
			{3 * s, tells(Notice{Status: "booting\n"}), "", `the app says status=booting\n`},
			{4 * s, Ready{}, "", `ready after=3s status=booting\n`},
			{5 * s, Ready{}, "", nothing},
		}},
		{"ready after a reload ends the reload", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, Ready{}, "", "ready after=1s"},
			{60 * s, tells(Notice{Reloading: true}), "", "the app is reloading"},
			{61 * s, tells(Notice{Reloading: true}), "", nothing},
			{63 * s, Ready{}, "", "reloaded took=3s"},
			{64 * s, Ready{}, "", nothing},
		}},
		{"a status and another main process are said once per change", defaults(), []step{
			{0, Started{7}, "", ""},
			{1 * s, tells(Notice{Status: "a", MainPID: 9}), "", "keeps to the one that it started pid=9"},
			{2 * s, tells(Notice{Status: "a", MainPID: 9}), "", nothing},
			{3 * s, tells(Notice{Status: "b"}), "", "status=b"},
		}},
		{"the next incarnation is not ready yet", with(restarting), []step{
			{0, Started{7}, "", ""},
			{1 * s, Ready{}, "", "ready after=1s"},
			{60 * s, trip, "send TERM+CONT", ""},
			{61 * s, exited(0), "", "restarting"},
			{61 * s, Ready{}, "", nothing},
			{62 * s, Tick{}, "start", ""},
			{62 * s, tells(Notice{Status: "a"}), "", nothing},
			{62 * s, Started{8}, "", ""},
			{67 * s, Ready{}, "", "ready after=5s"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.plan, tt.steps) })
	}
}
