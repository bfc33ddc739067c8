package configs

import (
	"reflect"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

func TestStopSequenceAcrossLayers(t *testing.T) {
	const file = "drain.stop_sequence = [\"QUIT:20s\", \"TERM:5s\"]"
	steps := func(quit, term time.Duration) []policy.StopStep {
		return []policy.StopStep{{Signal: policy.SIGQUIT, Wait: quit}, {Signal: policy.SIGTERM, Wait: term}}
	}
	for _, row := range []struct {
		name    string
		flags   []Assignment
		preset  string
		want    []policy.StopStep
		timeout time.Duration
		signal  policy.Signal
	}{
		{"its sum is the timeout", nil, "", steps(20*time.Second, 5*time.Second), 25 * time.Second, 0},
		{"it wins over a preset's signal and timeout", nil, "unicorn", steps(20*time.Second, 5*time.Second), 25 * time.Second, 0},
		{"a flag's timeout shortens it", []Assignment{{"drain.timeout", "5s", "--grace"}}, "", steps(4*time.Second, time.Second), 5 * time.Second, 0},
		{"a flag's signal replaces it", []Assignment{{"drain.stop_signal", "INT", "--x"}}, "", nil, 28 * time.Second, policy.SIGINT},
	} {
		s := inFile(t, file)
		s.Flags, s.Preset = row.flags, row.preset
		d := mustLoad(t, s).Config.Drain
		if !reflect.DeepEqual(d.StopSequence, row.want) || d.Timeout != row.timeout || d.StopSignal != row.signal {
			t.Errorf("%s: got %v, %v, %v; want %v, %v, %v", row.name, d.StopSequence, d.Timeout, d.StopSignal, row.want, row.timeout, row.signal)
		}
	}
}
