package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reaperd/reaperd/policy"
)

// stopSteps is a list such as ["QUIT:20s", "TERM:5s"].
func stopSteps() kind[[]policy.StopStep] {
	return kind[[]policy.StopStep]{
		noun: "a list of signals with their time", example: `["QUIT:20s", "TERM:5s"]`, form: asList,
		parse: func(raw any) ([]policy.StopStep, error) {
			list, ok := raw.([]any)
			if !ok {
				return nil, errKind
			}
			var steps []policy.StopStep
			for _, item := range list {
				step, err := parseStep(item)
				if errors.Is(err, errKind) {
					err = fmt.Errorf("%s is not a signal with its time (want e.g. \"QUIT:20s\")", show(item))
				}
				if err != nil {
					return nil, err
				}
				steps = append(steps, step)
			}
			return steps, nil
		},
		print: func(steps []policy.StopStep) string {
			quoted := make([]string, len(steps))
			for i, s := range steps {
				quoted[i] = strconv.Quote(s.Signal.String() + ":" + formatDuration(s.Wait))
			}
			return "[" + strings.Join(quoted, ", ") + "]"
		},
		unset: func(steps []policy.StopStep) bool { return len(steps) == 0 },
	}
}

func parseStep(raw any) (policy.StopStep, error) {
	text, _ := raw.(string)
	name, wait, ok := strings.Cut(text, ":")
	if !ok {
		return policy.StopStep{}, errKind
	}
	sig, err := parseSignal(name, stopSignal)
	if err == nil && sig == policy.SIGKILL {
		err = fmt.Errorf("%s: KILL always comes last by itself and is not written", show(raw))
	}
	if err != nil {
		return policy.StopStep{}, err
	}
	d, err := parseDuration(wait, shortest, week)
	return policy.StopStep{Signal: sig, Wait: d}, err
}

// stopSequence makes one whole of stop_sequence, stop_signal and timeout. In one layer they contradict each other; of
// two layers the higher wins, and its timeout shortens or stretches the sequence.
func (l *loader) stopSequence() {
	d := &l.config.Drain
	if len(d.StopSequence) == 0 {
		return
	}
	at := l.at("drain.stop_sequence")
	for _, key := range []string{"drain.stop_signal", "drain.timeout"} {
		if other := l.at(key); l.isSet(key) && other.layer == at.layer {
			l.wrong(other, key, "stands beside stop_sequence (%s), which says both the signals and their times: keep one of them", at.name)
		}
	}
	if l.at("drain.stop_signal").layer > at.layer {
		d.StopSequence = nil
		return
	}
	d.StopSignal = 0
	var total time.Duration
	for _, s := range d.StopSequence {
		total += s.Wait
	}
	if l.at("drain.timeout").layer <= at.layer {
		d.Timeout = total
		return
	}
	for i, s := range d.StopSequence {
		d.StopSequence[i].Wait = time.Duration(float64(s.Wait) * float64(d.Timeout) / float64(total)).Round(time.Millisecond)
	}
}
