package main

import "fmt"

// startup is what starting and ending one init took, in µs.
type startup struct{ wall, cpu, delay series }

// start measures an app that ends at once: the whole run from the exec of the init to its wait4, and how much later
// than without an init the app's main begins.
func (b *bench) start() error {
	for _, as := range []struct {
		name string
		pid1 bool
	}{{"as PID 1", true}, {"as a plain child", false}} {
		rows := append([]contender{{name: "the app alone"}}, b.inits...)
		got := make([]startup, len(rows))
		err := interleave(b.runs, len(rows), func(i int) error { return b.startOnce(rows[i], as.pid1, &got[i]) })
		if err != nil {
			return err
		}
		printStart(as.name, b.runs, rows, got)
	}
	return nil
}

func (b *bench) startOnce(init contender, pid1 bool, s *startup) error {
	r, err := b.launch(init.argv, pid1, "stamp")
	if err != nil {
		return err
	}
	defer r.kill()
	end, err := r.wait()
	if err != nil {
		return err
	}
	if end.code != 0 {
		return fmt.Errorf("%s ended with %d", init.name, end.code)
	}
	began, err := r.stamp()
	if err != nil {
		return err
	}
	main, err := r.stamp()
	if err != nil {
		return err
	}
	s.wall = append(s.wall, float64(end.at-began)/1e3)
	s.cpu = append(s.cpu, float64(end.cpu)/1e3)
	s.delay = append(s.delay, float64(main-began)/1e3)
	return nil
}

func printStart(as string, runs int, rows []contender, got []startup) {
	bare, ref := got[0], startup{}
	for i, r := range rows {
		if r.name == reference {
			ref = got[i]
		}
	}
	t := newTable(fmt.Sprintf("start and exit %s, %d runs each: µs more than the app alone (wall %.0f, CPU %.0f, its main after %.0f); least/median, ratio of medians",
		as, runs, bare.wall.median(), bare.cpu.median(), bare.delay.median()),
		"init", "wall", "x tini", "CPU", "x tini", "app's main later by", "x tini")
	defer t.print()
	over := func(s, bare series) string {
		return fmt.Sprintf("%.0f/%.0f", s.least()-bare.least(), s.median()-bare.median())
	}
	ratio := func(s, ref, bare series) string {
		return times(s.median()-bare.median(), ref.median()-bare.median())
	}
	for i, r := range rows[1:] {
		s := got[i+1]
		t.row(r.name, over(s.wall, bare.wall), ratio(s.wall, ref.wall, bare.wall),
			over(s.cpu, bare.cpu), ratio(s.cpu, ref.cpu, bare.cpu),
			over(s.delay, bare.delay), ratio(s.delay, ref.delay, bare.delay))
	}
}
