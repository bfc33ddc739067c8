package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reaperd/reaperd/policy"
)

var unicornWorkers = policy.EachLimit{
	Name: "unicorn-worker", Signal: policy.SIGQUIT, Timeout: 60 * s, Cooldown: 30 * s,
	Of: [policy.NumMetrics]policy.Limit{policy.Memory: {Metric: policy.Memory, Drain: absolute(300 << 20)}},
}

func worker(pid int, mib uint64) policy.EachProcess {
	p := policy.EachProcess{PID: pid, Start: uint64(pid) * 10, Name: "unicorn worker[0]\x1b[2J", Matched: true}
	p.Measures[policy.Memory] = policy.Measure{Reading: policy.Known(mib << 20)}
	return p
}

func TestOneLeakingWorkerIsRecycledAlone(t *testing.T) {
	j := newEachJudge([]policy.EachLimit{unicornWorkers}, 0)
	steps := []struct {
		name  string
		seen  policy.EachLook
		want  string // orders
		says  string
		looks bool
	}{
		{"over, and looked at again", policy.EachLook{Known: true, Processes: []policy.EachProcess{worker(8, 310), worker(9, 400)}}, "", "", true},
		{"the largest is asked to end", policy.EachLook{Known: true, Processes: []policy.EachProcess{worker(8, 310), worker(9, 400)}},
			"QUIT 9/90", `asked to end: each=unicorn-worker pid=9 process=unicorn worker[0]\x1b[2J signal=QUIT`, false},
		{"an incomplete list says nothing of who is missing", policy.EachLook{}, "", "", false},
		{"one at a time", policy.EachLook{Known: true, Processes: []policy.EachProcess{worker(8, 310), worker(9, 400)}}, "", "", false},
		{"its end is said", policy.EachLook{Known: true, Processes: []policy.EachProcess{worker(8, 310)}}, "", "has ended", false},
	}
	for i, step := range steps {
		says, _, orders, look := j.step(policy.Sample{At: epoch.Add(time.Duration(i) * s), Each: []policy.EachLook{step.seen}})
		var got []string
		for _, o := range orders {
			got = append(got, fmt.Sprintf("%v %d/%d", o.signal, o.process.PID, o.process.Start))
		}
		var said strings.Builder
		for _, say := range says {
			said.WriteString(say.Message + ":")
			for k := 0; k+1 < len(say.Story); k += 2 {
				fmt.Fprintf(&said, " %v=%v", say.Story[k], say.Story[k+1])
			}
		}
		if strings.Join(got, ",") != step.want || !strings.Contains(said.String(), step.says) || step.says == "" && said.Len() > 0 || look != step.looks {
			t.Errorf("%s: got %q, %q, look %v; want %q, %q, look %v", step.name, got, said.String(), look, step.want, step.says, step.looks)
		}
	}
}

// TestADryRunDoesNotKillWhatItDidNotAsk: the process would perhaps have ended.
func TestADryRunDoesNotKillWhatItDidNotAsk(t *testing.T) {
	j := newEachJudge([]policy.EachLimit{unicornWorkers}, 0)
	j.dryRun = true
	var said []string
	for i := range 200 { // past the timeout and the cooldown
		seen := policy.EachLook{Known: true, Processes: []policy.EachProcess{worker(8, 310)}}
		says, _, orders, _ := j.step(policy.Sample{At: epoch.Add(time.Duration(i) * s), Each: []policy.EachLook{seen}})
		for _, say := range says {
			said = append(said, say.Message)
		}
		if len(orders) > 0 {
			t.Fatalf("got %v, want nothing sent", orders)
		}
	}
	if want := "dry run: process limit tripped: this process alone is asked to end"; strings.Join(said, "; ") != want {
		t.Errorf("got %q, want %q", said, want)
	}
}
