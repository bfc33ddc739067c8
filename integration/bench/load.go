package main

import (
	"fmt"
	"strconv"
	"syscall"
	"time"
)

const (
	loadRounds = 5
	pace       = 500 * time.Microsecond // between two orphans or two signals
)

// orphans measures the CPU time of the init itself for each orphan, when many die at once and when they come one by one.
func (b *bench) orphans() error {
	rows := b.pick("C floor", reference, "catatonit", "dumb-init", ours)
	bulk, paced := make([]series, len(rows)), make([]series, len(rows))
	err := interleave(loadRounds, len(rows), func(i int) error {
		us, err := b.reap(rows[i], 0)
		if err != nil {
			return err
		}
		bulk[i] = append(bulk[i], us)
		us, err = b.reap(rows[i], pace)
		paced[i] = append(paced[i], us)
		return err
	})
	if err != nil {
		return err
	}
	refBulk, refPaced := referenceOf(rows, bulk), referenceOf(rows, paced)
	t := newTable(fmt.Sprintf("reaping, %d rounds of %d orphans: the init's own CPU µs for each; least/median, ratio of medians", loadRounds, b.options.orphans),
		"init", "all at once", "x tini", fmt.Sprintf("one every %v", pace), "x tini")
	defer t.print()
	for i, r := range rows {
		t.row(r.name, leastMedian(bulk[i]), times(bulk[i].median(), refBulk.median()),
			leastMedian(paced[i]), times(paced[i].median(), refPaced.median()))
	}
	return nil
}

func referenceOf(rows []contender, all []series) series {
	for i, r := range rows {
		if r.name == reference {
			return all[i]
		}
	}
	return nil
}

func leastMedian(s series) string { return fmt.Sprintf("%.1f/%.1f", s.least(), s.median()) }

// reap gives the µs of one round. It ends when the app is the init's only child.
func (b *bench) reap(init contender, pace time.Duration) (us float64, err error) {
	n := b.options.orphans
	r, err := b.launch(init.argv, true, "orphans", strconv.Itoa(n), strconv.FormatInt(pace.Microseconds(), 10))
	if err != nil {
		return 0, err
	}
	defer r.kill()
	if err := r.ready(); err != nil {
		return 0, err
	}
	time.Sleep(50 * time.Millisecond)
	before := r.cpu()
	r.begin.Close()
	if _, err := r.stamp(); err != nil {
		return 0, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		left, err := r.children()
		if err != nil {
			return 0, err
		}
		if left == 1 {
			break
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("%s has left %d orphans unreaped", init.name, left-1)
		}
	}
	time.Sleep(10 * time.Millisecond)
	return (r.cpu() - before).Seconds() * 1e6 / float64(n), nil
}

// forwarding is one round of signals to one init, in µs.
type forwarding struct{ p50, p99, cpu series }

// signals measures how long a forwarded signal takes, and what it costs the init.
func (b *bench) signals() error {
	rows := append([]contender{{name: "no init"}}, b.pick("C floor", reference, "catatonit", "dumb-init", ours)...)
	got := make([]forwarding, len(rows))
	err := interleave(loadRounds, len(rows), func(i int) error { return b.forward(rows[i], &got[i]) })
	if err != nil {
		return err
	}
	var ref forwarding
	for i, r := range rows {
		if r.name == reference {
			ref = got[i]
		}
	}
	t := newTable(fmt.Sprintf("forwarding, %d rounds of %d signals, one every %v: µs; least/median of the rounds, ratio of medians", loadRounds, b.options.signals, pace),
		"init", "p50", "x tini", "p99", "x tini", "CPU per signal", "x tini")
	defer t.print()
	for i, r := range rows {
		f := got[i]
		t.row(r.name, leastMedian(f.p50), times(f.p50.median(), ref.p50.median()), leastMedian(f.p99), times(f.p99.median(), ref.p99.median()),
			leastMedian(f.cpu), times(f.cpu.median(), ref.cpu.median()))
	}
	return nil
}

func (b *bench) forward(init contender, f *forwarding) error {
	r, err := b.launch(init.argv, true, "signals")
	if err != nil {
		return err
	}
	defer r.kill()
	if err := r.ready(); err != nil {
		return err
	}
	time.Sleep(50 * time.Millisecond)
	before := r.cpu()
	var took series
	for range b.options.signals {
		sent := now()
		if err := syscall.Kill(r.pid, syscall.SIGUSR1); err != nil {
			return err
		}
		got, err := r.stamp()
		if err != nil {
			return fmt.Errorf("%s lost a signal: %w", init.name, err)
		}
		took = append(took, float64(got-sent)/1e3)
		time.Sleep(pace)
	}
	f.p50, f.p99 = append(f.p50, took.median()), append(f.p99, took.at(0.99))
	f.cpu = append(f.cpu, (r.cpu()-before).Seconds()*1e6/float64(len(took)))
	return nil
}

// scan measures what one look at a large tree costs. With an interval of 1 s there is one look a second.
func (b *bench) scan() error {
	const looks = 10
	for _, init := range b.pick(limited) {
		r, err := b.launch(init.argv, true, "herd", strconv.Itoa(b.herd))
		if err != nil {
			return err
		}
		defer r.kill()
		if err := r.ready(); err != nil {
			return err
		}
		time.Sleep(settling)
		before := r.cpu()
		time.Sleep(looks * time.Second)
		each := (r.cpu() - before) / looks
		held, err := r.footprint()
		if err != nil {
			return err
		}
		fmt.Printf("\none look at %d processes: %.1f ms of CPU, %.1f µs for each process (mean of %d); private dirty then %d kB\n",
			b.herd, each.Seconds()*1e3, each.Seconds()*1e6/float64(b.herd), looks, held.anon)
	}
	return nil
}
