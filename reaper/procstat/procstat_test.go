package procstat

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

func line(pid int, comm, state string, ppid, threads int, start uint64) []byte {
	return fmt.Appendf(nil, "%d (%s) %s %d 9 9 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 %d 0 %d 1 2 3\n", pid, comm, state, ppid, threads, start)
}

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		text []byte
		want Stat
		ok   bool
	}{
		{"an ordinary process", line(7, "ruby", "S", 1, 5, 4242), Stat{7, 1, 9, 9, 'S', 5, 4242}, true},
		{"a command that imitates the fields", line(8, "a) R 1 (b", "Z", 7, 1, 9), Stat{8, 7, 9, 9, 'Z', 1, 9}, true},
		{"a command with a newline", line(9, "x\ny", "R", 1, 1, 1), Stat{9, 1, 9, 9, 'R', 1, 1}, true},
		{"an empty command", line(10, "", "T", 1, 1, 1), Stat{10, 1, 9, 9, 'T', 1, 1}, true},
		{"cut off", []byte("11 (sh) S 1 2 3"), Stat{}, false},
		{"no command", []byte("11 sh S 1 2 3"), Stat{}, false},
		{"empty", nil, Stat{}, false},
		{"a parent that is no number", bytes.Replace(line(7, "sh", "S", 1, 1, 1), []byte("S 1 "), []byte("S x "), 1), Stat{}, false},
	}
	for _, tt := range tests {
		if got, ok := Parse(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %v %v, want %v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParseReadsTheKernelsOwnFile(t *testing.T) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	s, ok := Parse(text)
	if !ok || s.PID != os.Getpid() || s.PPID != os.Getppid() || s.Threads < 2 || s.Start == 0 {
		t.Errorf("got %+v %v for %s", s, ok, text)
	}
}

func TestZombie(t *testing.T) {
	if !(Stat{State: 'Z', Threads: 1}).Zombie() {
		t.Error("Z with no live thread must be a zombie")
	}
	if (Stat{State: 'Z', Threads: 2}).Zombie() {
		t.Error("a leader that exited before its threads is not a zombie")
	}
}

func TestMask(t *testing.T) {
	status := []byte("Name:\tSigCgt: 1\nSigQ:\t1/2\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180300002\n")
	tests := []struct {
		name string
		want uint64
		ok   bool
	}{{"SigCgt", 0x180300002, true}, {"SigIgn", 0x1000, true}, {"SigBlk", 0, false}, {"SigQ", 0, false}}
	for _, tt := range tests {
		if got, ok := Mask(status, tt.name); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %x %v, want %x %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(line(7, "ruby", "S", 1, 5, 4242))
	f.Add(line(8, "a) R 1 (b", "Z", 7, 1, 9))
	f.Add([]byte("1 ("))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := Parse(text)
		if ok && (s.PID < 0 || s.PPID < 0 || s.Threads < 0) {
			t.Errorf("negative number from %q: %+v", text, s)
		}
		Mask(text, "SigCgt")
	})
}
