package supervisor

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheQuietFileIsMadeAndRemoved(t *testing.T) {
	dir := t.TempDir()
	q := QuietMeans{File: filepath.Join(dir, "quiet")}
	there := func() bool {
		_, err := os.Lstat(q.File)
		return err == nil
	}
	for range 2 { // each is done twice: it is there, or gone, already
		for range 2 {
			if err := q.begin(); err != nil || !there() {
				t.Fatalf("begin: got %v, there %v", err, there())
			}
		}
		for range 2 {
			if err := q.end(); err != nil || there() {
				t.Fatalf("end: got %v, there %v", err, there())
			}
		}
	}
	if err := (QuietMeans{File: dir + "/none/quiet"}).begin(); err == nil {
		t.Error("a directory that is not there: got nil, want an error")
	}
}

// A path that was set by mistake must not cost anybody a file, and a link must not lead us to one.
func TestTheQuietFileOfSomebodyElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	full, empty, link := filepath.Join(dir, "full"), filepath.Join(dir, "empty"), filepath.Join(dir, "link")
	for name, text := range map[string]string{full: "precious", empty: ""} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(empty, link); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{full, link, dir} {
		if err := (QuietMeans{File: file}).end(); err == nil {
			t.Errorf("%s: got nil, want an error", file)
		}
		if err := (QuietMeans{File: file}).begin(); err != nil {
			t.Errorf("%s: got %v, want nothing done to what is there", file, err)
		}
	}
	if text, err := os.ReadFile(full); string(text) != "precious" {
		t.Errorf("got %q (%v), want it as it was", text, err)
	}
	if _, err := os.Stat(empty); err != nil {
		t.Error(err)
	}
}
