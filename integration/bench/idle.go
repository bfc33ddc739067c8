package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// settling is how long inits have to come to rest before they are measured.
	settling = 3 * time.Second
	// steady is when reaperd looks no more often than it has to: at first it does not know how fast this app may grow, and
	// after min_uptime (30 s) it asks a second time whose the memory cgroup is.
	steady = 40 * time.Second
)

// idle watches inits that have nothing to do, all at the same time, and says what they hold and what they use. Beside
// them run programs that do nothing but wake up once a second.
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
		switch c.name {
		case limited:
			c.name += ", a look every 1 s"
		case ours:
			c.name += ", a look every 5 s"
		}
		rows = append(rows, &watched{contender: c, app: []string{"herd", "10"}})
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	inC := &watched{contender: contender{name: "C that sleeps 1 s"}, app: []string{"nap"}}
	rows = append(rows, inC, &watched{contender: contender{"Go that sleeps 1 s", []string{self, napping}}})
	for _, w := range rows {
		if w.r, err = b.launch(w.argv, true, w.app...); err != nil {
			return err
		}
		defer w.r.kill()
		if err := w.r.ready(); err != nil {
			return err
		}
	}
	time.Sleep(steady)
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
	t := newTable(fmt.Sprintf("idle for %v with 10 processes: kB, and what changed in that time", b.options.idle),
		"init", "RSS", "PSS", "private dirty", "change", "threads", "change", "switches/s", "CPU ms/min", "of a core", "x C that sleeps")
	defer t.print()
	for _, w := range rows {
		t.row(w.name, fmt.Sprint(w.last.rss), fmt.Sprint(w.last.pss), fmt.Sprint(w.last.anon),
			fmt.Sprintf("%+d", w.last.anon-w.first.anon), fmt.Sprint(w.last.threads),
			fmt.Sprintf("%+d", w.last.threads-w.first.threads),
			fmt.Sprintf("%.2f", float64(w.last.switches-w.first.switches)/seconds),
			fmt.Sprintf("%.2f", w.cpu.Seconds()*1e3/seconds*60),
			fmt.Sprintf("%.4f%%", w.cpu.Seconds()/seconds*100), times(w.cpu.Seconds(), inC.cpu.Seconds()))
	}
	return nil
}

// napping is the argument that makes the bench itself a program of Go that wakes up once a second.
const napping = "nap"

func nap() {
	const report = 3
	syscall.Write(report, binary.NativeEndian.AppendUint64(nil, uint64(now())))
	for {
		time.Sleep(time.Second)
	}
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
