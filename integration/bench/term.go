package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"syscall"
	"time"
)

// How the runs of lost and stop may end.
const (
	byTERM   = 128 + int(syscall.SIGTERM)
	outlived = 77                   // the app was still there after outlive
	outlive  = "40"                 // ms
	mostLate = 3 * time.Millisecond // the exec itself takes about half of one
)

// lost counts TERMs that come so soon after the exec of an init that the kernel throws them away: a PID 1 has no
// default actions.
func (b *bench) lost() error {
	delays := []time.Duration{0, 1, 2, 5, 10} // ms
	rows := b.pick(reference, "catatonit", "dumb-init", ours)
	columns := []string{"init"}
	for _, d := range delays {
		columns = append(columns, fmt.Sprintf("%d ms", d))
	}
	cells := make([][]string, len(rows))
	for _, d := range delays {
		counts := make([]map[int]int, len(rows))
		for i := range counts {
			counts[i] = map[int]int{}
		}
		err := interleave(b.tries, len(rows), func(i int) error {
			code, err := b.termAfter(rows[i], d*time.Millisecond)
			counts[i][code]++
			return err
		})
		if err != nil {
			return err
		}
		for i, c := range counts {
			cells[i] = append(cells[i], lostOf(c))
		}
	}
	t := newTable(fmt.Sprintf("TERM after the exec of an init that is PID 1: how many of %d were lost, the app lived on", b.tries), columns...)
	defer t.print()
	for i, r := range rows {
		t.row(append([]string{r.name}, cells[i]...)...)
	}
	return nil
}

// lostOf shows the number of lost ones, and any end that is neither that nor the app's by TERM.
func lostOf(counts map[int]int) string {
	text := fmt.Sprint(counts[outlived])
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		if code != outlived && code != byTERM {
			text += fmt.Sprintf(" (%d ended %d)", counts[code], code)
		}
	}
	return text
}

// termAfter sends one TERM and gives the exit code. A try in which we ourselves were late says nothing and is repeated.
func (b *bench) termAfter(init contender, delay time.Duration) (code int, err error) {
	const attempts = 100
	for range attempts {
		code, late, err := b.termOnce(init, delay)
		if err != nil || late < mostLate {
			return code, err
		}
	}
	return 0, fmt.Errorf("the machine is too busy to send a TERM %v after an exec", delay)
}

// termOnce also says how late the TERM was, counted from the launcher's last breath before the exec.
func (b *bench) termOnce(init contender, delay time.Duration) (code int, late time.Duration, err error) {
	r, err := b.launch(init.argv, true, "outlive", outlive)
	if err != nil {
		return 0, 0, err
	}
	defer r.kill()
	if err := r.awaitExec(); err != nil {
		return 0, 0, err
	}
	time.Sleep(delay)
	if err := syscall.Kill(r.pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return 0, 0, err
	}
	sent := now()
	end, err := r.wait()
	if err != nil {
		return 0, 0, err
	}
	began, err := r.stamp()
	return end.code, time.Duration(sent-began) - delay, err
}

// awaitExec returns as soon as the init's exec has happened.
func (r *running) awaitExec() error {
	r.execed.SetReadDeadline(time.Now().Add(patience))
	var none [1]byte
	if _, err := r.execed.Read(none[:]); !errors.Is(err, io.EOF) {
		return fmt.Errorf("no exec of the init: %w", err)
	}
	return nil
}

// stop measures how long after a TERM an init with an idle app is gone.
func (b *bench) stop() error {
	const rounds = 30
	rows := b.inits
	took := make([]series, len(rows))
	err := interleave(rounds, len(rows), func(i int) error {
		ms, err := b.stopOnce(rows[i])
		took[i] = append(took[i], ms)
		return err
	})
	if err != nil {
		return err
	}
	var ref series
	for i, r := range rows {
		if r.name == reference {
			ref = took[i]
		}
	}
	t := newTable(fmt.Sprintf("from TERM to the end of an init with an idle app, %d runs each: ms", rounds), "init", "least", "median", "most", "x tini")
	defer t.print()
	for i, r := range rows {
		s := took[i]
		t.row(r.name, fmt.Sprintf("%.2f", s.least()), fmt.Sprintf("%.2f", s.median()), fmt.Sprintf("%.2f", s.at(1)), times(s.median(), ref.median()))
	}
	return nil
}

func (b *bench) stopOnce(init contender) (ms float64, err error) {
	r, err := b.launch(init.argv, true, "herd", "1")
	if err != nil {
		return 0, err
	}
	defer r.kill()
	if err := r.ready(); err != nil {
		return 0, err
	}
	time.Sleep(20 * time.Millisecond) // what an init does after the start of its app is over
	sent := now()
	if err := syscall.Kill(r.pid, syscall.SIGTERM); err != nil {
		return 0, err
	}
	end, err := r.wait()
	if err == nil && end.code != byTERM {
		err = fmt.Errorf("%s ended with %d after TERM, want %d", init.name, end.code, byTERM)
	}
	return float64(end.at-sent) / 1e6, err
}
