package sampler

import (
	"bytes"
	"path/filepath"

	"github.com/prometheus/procfs"
)

// host is what all cgroups share.
type host struct {
	memTotal uint64 // bytes
	hasSwap  bool
	meminfo  file
}

// findHost reads how much memory there is.
func (s *Sampler) findHost() {
	s.host = host{memTotal: noLimit, meminfo: keep(filepath.Join(s.opts.Proc, "meminfo"))}
	procFS, err := procfs.NewFS(s.opts.Proc)
	if err != nil {
		return
	}
	info, err := procFS.Meminfo()
	if err != nil {
		return
	}
	if info.MemTotalBytes != nil {
		s.memTotal = *info.MemTotalBytes
	}
	s.hasSwap = info.SwapTotalBytes != nil && *info.SwapTotalBytes > 0
}

// swapFree is what the machine has left, in bytes.
func (s *Sampler) swapFree() uint64 {
	text, err := s.meminfo.read(s.buf[:])
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nSwapFree:"))
	n, _ := decimal(nextWord(&rest))
	return n * 1024
}
