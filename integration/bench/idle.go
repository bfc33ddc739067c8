package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// settling is how long inits have to come to rest before their footprint is taken.
const settling = 3 * time.Second

// idle watches inits that have nothing to do, all at the same time, and says what they hold and what they use.
func (b *bench) idle() error {
	type watched struct {
		contender
		app         []string
		r           *running
		first, last footprint
		cpu         time.Duration
	}
	var rows []*watched
	for _, c := range b.inits {
		app := []string{"herd", "1"}
		if c.name == limited {
			app = []string{"herd", "10"}
			c.name += ", 10 processes, look every 1 s"
		}
		rows = append(rows, &watched{contender: c, app: app})
	}
	for _, w := range rows {
		var err error
		if w.r, err = b.launch(w.argv, true, w.app...); err != nil {
			return err
		}
		defer w.r.kill()
		if err := w.r.ready(); err != nil {
			return err
		}
	}
	time.Sleep(settling)
	var err error
	for _, w := range rows {
		w.cpu = -w.r.cpu()
		if w.first, err = w.r.footprint(); err != nil {
			return err
		}
	}
	time.Sleep(b.options.idle)
	for _, w := range rows {
		w.cpu += w.r.cpu()
		if w.last, err = w.r.footprint(); err != nil {
			return err
		}
	}

	seconds := b.options.idle.Seconds()
	t := newTable(fmt.Sprintf("idle for %v: kB, and what changed in that time", b.options.idle),
		"init", "RSS", "PSS", "private dirty", "change", "threads", "change", "switches/s", "CPU ms/min")
	defer t.print()
	for _, w := range rows {
		t.row(w.name, fmt.Sprint(w.last.rss), fmt.Sprint(w.last.pss), fmt.Sprint(w.last.anon),
			fmt.Sprintf("%+d", w.last.anon-w.first.anon), fmt.Sprint(w.last.threads),
			fmt.Sprintf("%+d", w.last.threads-w.first.threads),
			fmt.Sprintf("%.2f", float64(w.last.switches-w.first.switches)/seconds),
			fmt.Sprintf("%.2f", w.cpu.Seconds()*1e3/seconds*60))
	}
	return nil
}

// footprint is what a process holds, in kB.
type footprint struct {
	rss, pss, anon int
	threads        int
	switches       int // context switches of all threads since their start
}

func (r *running) footprint() (f footprint, err error) {
	proc := "/proc/" + strconv.Itoa(r.pid)
	rollup, err := os.ReadFile(proc + "/smaps_rollup")
	if err != nil {
		return f, err
	}
	f.rss, f.pss, f.anon = field(rollup, "Rss"), field(rollup, "Pss"), field(rollup, "Anonymous")
	tasks, err := os.ReadDir(proc + "/task")
	if err != nil {
		return f, err
	}
	f.threads = len(tasks)
	for _, task := range tasks {
		status, err := os.ReadFile(proc + "/task/" + task.Name() + "/status")
		if err != nil {
			return f, err
		}
		f.switches += field(status, "voluntary_ctxt_switches") + field(status, "nonvoluntary_ctxt_switches")
	}
	return f, nil
}

// field reads the number after "name:" in a file of /proc.
func field(text []byte, name string) int {
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			n, _ := strconv.Atoi(strings.Fields(value)[0])
			return n
		}
	}
	return 0
}
