package integration

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// output collects what is written to one end of a pipe or terminal and lets a test wait for it.
type output struct {
	mu   sync.Mutex
	data []byte
	grew chan struct{} // closed and replaced when there is more
	eof  chan struct{} // closed at the end of the pipe; nil if nothing is collected
}

func newOutput() *output { return &output{grew: make(chan struct{})} }

// pipe starts collecting and returns the end to write to; ours collects what the test has to close after the start.
func (o *output) pipe(t *testing.T, ours *[]*os.File) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	*ours = append(*ours, w)
	o.collect(r)
	return w
}

func (o *output) collect(r *os.File) {
	eof := make(chan struct{})
	o.eof = eof
	go func() {
		defer close(eof)
		defer r.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			o.mu.Lock()
			o.data = append(o.data, buf[:n]...)
			close(o.grew)
			o.grew = make(chan struct{})
			o.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

// closed waits for the end of the pipe, so that what was written last is there.
func (o *output) closed(t *testing.T) {
	t.Helper()
	if o.eof == nil {
		return
	}
	select {
	case <-o.eof:
	case <-time.After(patience):
		t.Fatal("output still open after the end")
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.data)
}

func (o *output) lines() []string {
	return strings.FieldsFunc(o.String(), func(c rune) bool { return c == '\n' || c == '\r' })
}

// count is how many lines hold every one of the words.
func (o *output) count(words ...string) int {
	n := 0
	for _, line := range o.lines() {
		if holds(line, words) {
			n++
		}
	}
	return n
}

// line is the first line that holds every one of the words, or "". Of a line that is not whole yet the last number is
// not known.
func (o *output) line(words ...string) string {
	lines := o.lines()
	for i, line := range lines {
		if holds(line, words) && (i < len(lines)-1 || o.whole() || holds(line+"0", words)) {
			return line
		}
	}
	return ""
}

// whole says whether the last line has its end.
func (o *output) whole() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.eof:
		return true
	default:
		return len(o.data) > 0 && o.data[len(o.data)-1] == '\n'
	}
}

// holds says whether a line has every one of the words. A number at a word's end is meant whole: "signal 2" is not in
// "signal 24".
func holds(line string, words []string) bool {
	for _, w := range words {
		if !has(line, w) {
			return false
		}
	}
	return true
}

func has(line, word string) bool {
	for {
		before, after, found := strings.Cut(line, word)
		if !found || !endsInDigit(word) || after == "" || !isDigit(after[0]) {
			return found
		}
		line = line[len(before)+1:]
	}
}

func endsInDigit(word string) bool { return word != "" && isDigit(word[len(word)-1]) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// await waits until a line holds every one of the words.
func (r *running) await(o *output, words ...string) string {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		grew := o.grew
		o.mu.Unlock()
		if line := o.line(words...); line != "" {
			return line
		}
		ended := o.eof
		select {
		case <-grew:
		case <-ended:
			if line := o.line(words...); line != "" {
				return line
			}
			r.t.Fatalf("output ended without a line with %q", words)
		case <-deadline:
			r.t.Fatalf("no line with %q after %v", words, patience)
		}
	}
}

// says waits for a line of the app, logs for one of reaperd.
func (r *running) says(words ...string) string { r.t.Helper(); return r.await(r.out, words...) }
func (r *running) logs(words ...string) string { r.t.Helper(); return r.await(r.err, words...) }

// order fails unless the words appear in lines of the output in this order.
func (r *running) order(o *output, words ...string) {
	r.t.Helper()
	at, lines := 0, o.lines()
	for _, line := range lines {
		if at < len(words) && has(line, words[at]) {
			at++
		}
	}
	if at < len(words) {
		r.t.Errorf("got %q, want %q in this order (no %q)", lines, words, words[at])
	}
}

// silent fails if reaperd has said anything: the app has ended by itself and there was nothing to say.
func (r *running) silent() { r.t.Helper(); r.saysAtMost(0) }

// saysAtMost bounds the lines of reaperd itself; an end that was not the app's own is one.
func (r *running) saysAtMost(lines int) {
	r.t.Helper()
	if got := r.err.lines(); len(got) > lines {
		r.t.Errorf("got %q on stderr, want at most %d lines", got, lines)
	}
}
