package supervisor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reaperd/reaperd/reaper/procstat"
)

func TestNearest(t *testing.T) {
	const self = 1
	for _, tt := range []struct {
		name string
		tree []procstat.Stat // parents before children; the main process is 10
		want string
	}{
		{"the main process comes first, then its children, then theirs", []procstat.Stat{
			{PID: 10, PPID: self, Start: 5}, {PID: 11, PPID: 10, Start: 6}, {PID: 12, PPID: 11, Start: 7},
		}, "10 11 12"},
		{"of one distance the oldest first, whatever the pids", []procstat.Stat{
			{PID: 10, PPID: self, Start: 5}, {PID: 11, PPID: 10, Start: 9}, {PID: 12, PPID: 10, Start: 8}, {PID: 3, PPID: 12, Start: 10},
		}, "10 12 11 3"},
		{"of one age the lower pid", []procstat.Stat{{PID: 10, PPID: self}, {PID: 12, PPID: 10}, {PID: 11, PPID: 10}}, "10 11 12"},
		{"what is not below the main process comes last", []procstat.Stat{
			{PID: 4, PPID: self, Start: 1}, {PID: 10, PPID: self, Start: 5}, {PID: 5, PPID: 4, Start: 2}, {PID: 11, PPID: 10, Start: 6}, {PID: 12, PPID: 11, Start: 7},
		}, "10 11 12 4 5"},
	} {
		var pids []string
		for _, p := range nearest(tt.tree, 10) {
			pids = append(pids, fmt.Sprint(p.PID))
		}
		if got := strings.Join(pids, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
