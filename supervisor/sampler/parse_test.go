package sampler

import (
	"path"
	"strings"
	"testing"
)

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`/plain`: `/plain`, `/a\040b\011c\134d`: "/a b\tc\\d", `/\04`: `/\04`, `/\999`: `/\999`, `\0401`: ` 1`, `\777`: `\777`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q): got %q, want %q", in, got, want)
		}
	}
}

func FuzzParsers(f *testing.F) {
	f.Add(v2Mount+v1Memory, "4:memory:/docker/ab\n0::/\n", v1Stat)
	f.Add("50 23 0:27 /x\\040 /sys/fs/cgroup/my\\040v2 rw shared:3 - cgroup2 none rw\n", "0::/../x\n1:a,b:/:\n", "anon 18446744073709551616\nUid:\t1\n")
	f.Fuzz(func(t *testing.T, mountinfo, membership, keyed string) {
		paths := parsePaths(membership)
		mounts := parseMounts(mountinfo)
		hidepid(mounts)
		for _, m := range mounts {
			for _, own := range paths {
				rest, ok := below(m.root, own)
				if ok && (!path.IsAbs(rest) || path.Clean(rest) != rest || strings.HasPrefix(rest, "/..")) {
					t.Errorf("below(%q, %q) = %q leads out of the mount", m.root, own, rest)
				}
			}
		}
		for _, v2 := range []bool{true, false} {
			var m memoryStat
			if m.parse([]byte(keyed), v2); m.hasAnon && !strings.Contains(keyed, "anon") && !strings.Contains(keyed, "rss") {
				t.Errorf("made up anon = %d", m.anon)
			}
		}
		statusField([]byte(keyed), "Uid:")
		softLimit([]byte(keyed), "Max open files")
		parseNumber([]byte(keyed))
		parseStat([]byte(keyed))
		parseStatm([]byte(keyed))
		parseLoadavg([]byte(keyed))
	})
}
