package servers

import (
	"slices"
	"testing"

	"github.com/reaperd/reaperd/configs"
)

// A wrong preset loses work silently, so there is none that did not run against its server here.
func TestEveryPresetIsRunAgainstItsServer(t *testing.T) {
	proven := []string{"generic", "postgres"}
	for _, s := range webServers() {
		proven = append(proven, s.preset)
	}
	for _, k := range workers() {
		proven = append(proven, k.preset)
	}
	for _, name := range configs.Presets() {
		if !slices.Contains(proven, name) {
			t.Errorf("preset %s: no server in these tests uses it", name)
		}
	}
}

// A quiet signal that is handled may still kill (USR1 in Ruby) or open a debugger (USR1 in Node): only the handlers of
// those named here are known to be quiet.
func TestOnlyProvenQuietSignalsAreInPresets(t *testing.T) {
	for _, name := range configs.Presets() {
		loaded, mistakes := configs.Load(configs.Sources{Preset: name})
		if len(mistakes) > 0 {
			t.Fatalf("preset %s: %v", name, mistakes)
		}
		got, want := loaded.Config.Drain.QuietSignal.String(), "none"
		if name == "sidekiq" {
			want = "TSTP"
		}
		if got != want {
			t.Errorf("preset %s: quiet signal: got %s, want %s", name, got, want)
		}
	}
}
