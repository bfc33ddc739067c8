package sockstat

import (
	"fmt"
	"testing"
)

func TestUnixSockets(t *testing.T) {
	got := Unix([]byte(`Num       RefCount Protocol Flags    Type St Inode Path
00000000a1: 00000002 00000000 00010000 0001 01 11 /run/a b.sock
00000000a2: 00000003 00000000 00000000 0001 03    12 /run/a b.sock
00000000a3: 00000003 00000000 00000000 0001 03 13
00000000a4: 00000002 00000000 00000000 0002 01 14 /run/datagrams
00000000a5: 00000002 00000000 00010000 0001 01 15 @abstract
00000000a6: cut off`))
	want := []string{"11 true /run/a b.sock", "12 false /run/a b.sock", "15 true @abstract"}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i, s := range got {
		if line := fmt.Sprintf("%d %v %v", s.Inode, s.Listening, s.Local); line != want[i] {
			t.Errorf("got %q, want %q", line, want[i])
		}
	}
}

func FuzzKernelText(f *testing.F) {
	f.Add([]byte("00000000a2: 00000003 00000000 00000000 0001 03    12 /run/a\n"))
	f.Add(make([]byte, messageSize+8))
	f.Fuzz(func(_ *testing.T, text []byte) {
		Unix(text)
		parseDiag(text)
		attribute(text, inetDiagInfo)
	})
}
