package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// find is the file of a command of the configuration by its absolute path, for reaperd may move to /: reaperd-net may
// lie beside reaperd, anything else is in PATH.
func find(name string) (string, error) {
	if strings.Contains(name, "/") {
		if file, ok := executable(name); ok {
			return file, nil
		}
		return "", fmt.Errorf("%q is no file that can be executed", name)
	}
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if self, err := os.Executable(); err == nil {
		dirs = append([]string{filepath.Dir(self)}, dirs...)
	}
	for _, dir := range dirs {
		if file, ok := executable(filepath.Join(dir, name)); ok {
			return file, nil
		}
	}
	return "", fmt.Errorf("%q is neither beside reaperd nor in PATH", name)
}

// executable is the absolute path of a file that can be executed.
func executable(path string) (string, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", false
	}
	path, err = filepath.Abs(path)
	return path, err == nil
}
