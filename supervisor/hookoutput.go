package supervisor

import (
	"bytes"
	"io"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
)

const (
	mostOfLine     = 1000 // bytes of a line of a hook's output; the rest is cut
	linesPerSecond = 50   // of one hook; the rest is dropped
	// slowDown is a pause after each piece of output beyond that: a hook that never stops writing must not cost a core.
	slowDown = 10 * time.Millisecond
)

// hookOutput makes log lines of what a hook writes.
type hookOutput struct {
	line    []byte
	second  time.Time // when the second began that lines are counted in
	lines   int       // in it
	dropped int
}

// logOutput logs what a hook writes until its end.
func logOutput(from io.Reader, log hclog.Logger) {
	var o hookOutput
	buf := make([]byte, 8<<10)
	say := func(lines []string) {
		for _, line := range lines {
			log.Info("hook output", "line", line)
		}
	}
	for {
		n, err := from.Read(buf)
		lines, crowded := o.take(time.Now(), buf[:n])
		say(lines)
		if err != nil {
			break
		}
		if crowded {
			time.Sleep(slowDown)
		}
	}
	say(o.end(time.Now()))
	if o.dropped > 0 {
		log.Warn("hook output was dropped: too many lines", "lines", o.dropped)
	}
}

// take gives the lines that are complete, and says whether there are too many.
func (o *hookOutput) take(now time.Time, text []byte) (lines []string, crowded bool) {
	before := o.dropped
	for len(text) > 0 {
		part, rest, complete := bytes.Cut(text, []byte("\n"))
		text = rest
		o.line = append(o.line, part[:min(len(part), mostOfLine+1-min(len(o.line), mostOfLine+1))]...)
		if complete {
			lines = append(lines, o.end(now)...)
		}
	}
	return lines, o.dropped > before
}

// end ends a line.
func (o *hookOutput) end(now time.Time) []string {
	line := bytes.TrimSpace(o.line)
	cut := len(o.line) > mostOfLine
	o.line = o.line[:0]
	if len(line) == 0 {
		return nil
	}
	if now.Sub(o.second) >= time.Second {
		o.second, o.lines = now, 0
	}
	if o.lines++; o.lines > linesPerSecond {
		o.dropped++
		return nil
	}
	if !cut {
		return []string{Printable(string(line))}
	}
	return []string{Printable(string(whole(line[:min(len(line), mostOfLine)]))) + "..."}
}

// whole drops the beginning of a character whose end was cut off.
func whole(text []byte) []byte {
	for i := len(text) - 1; i >= 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return text[:i]
			}
			break
		}
	}
	return text
}
