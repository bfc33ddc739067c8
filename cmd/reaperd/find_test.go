package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCommandsAreFoundAtStartAndForGood(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", "bin:/nowhere")
	if err := os.Mkdir("bin", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"bin/ask": 0o755, "bin/notes": 0o644} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	ask := filepath.Join(dir, "bin/ask")
	for _, tt := range []struct{ name, command, want string }{
		{"by name, in a relative part of PATH", "ask", ask},
		{"a relative path, for reaperd moves to /", "./bin/ask", ask},
		{"an absolute path", ask, ask},
		{"a name that is not there", "no-such-command", ""},
		{"a path that is not there", "./no-such-command", ""},
		{"a file that cannot be executed, by name", "notes", ""},
		{"a file that cannot be executed, by path", "bin/notes", ""},
		{"a directory", "./bin", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := find(tt.command)
			if tt.want == "" && err == nil {
				t.Errorf("got %q, want a mistake", got)
			}
			if tt.want != "" && (err != nil || got != tt.want) {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
