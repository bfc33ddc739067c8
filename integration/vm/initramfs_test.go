package vm

import (
	"bytes"
	"fmt"
	"os"
)

// initramfs writes a cpio archive (newc, Documentation/driver-api/early-userspace/buffer-format.rst) of directories,
// then of executables: their name in the machine, and the file here. The kernel wants nothing more of a root.
func initramfs(name string, dirs []string, executables [][2]string) error {
	var b bytes.Buffer
	inode := 0
	entry := func(name string, mode int, body []byte) {
		inode++
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			inode, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name)+1, 0, name)
		pad(&b)
		b.Write(body)
		pad(&b)
	}
	for _, dir := range dirs {
		entry(dir, 0o40755, nil)
	}
	for _, e := range executables {
		body, err := os.ReadFile(e[1])
		if err != nil {
			return err
		}
		entry(e[0], 0o100755, body)
	}
	entry("TRAILER!!!", 0, nil)
	return os.WriteFile(name, b.Bytes(), 0o644)
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 > 0 {
		b.WriteByte(0)
	}
}
