package sampler

import (
	"bytes"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/reaperd/reaperd/policy"
)

// OOMKills counts what the kernel has OOM-killed in our own memory cgroup and below: oom_kill of memory.events (v2) or of
// memory.oom_control (v1; its failcnt stays 0 on some kernels). It is safe for use by several goroutines.
type OOMKills struct {
	mu         sync.Mutex
	opts       Options
	file       file
	sought     bool
	generation uint64
	before     uint64 // kills when this generation was first asked about
	buf        [4096]byte
}

// NewOOMKills makes a counter. It reads nothing.
func NewOOMKills(opts Options) *OOMKills { return &OOMKills{opts: opts} }

// Since is the number of kills since a generation of the app was first asked about; of one that overlaps with the next,
// since that one was.
func (o *OOMKills) Since(generation uint64) policy.Reading {
	o.mu.Lock()
	defer o.mu.Unlock()
	total := o.read()
	if !total.Known {
		return policy.Reading{}
	}
	if generation > o.generation || total.Value < o.before {
		o.generation, o.before = max(generation, o.generation), total.Value
	}
	return policy.Known(total.Value - o.before)
}

func (o *OOMKills) read() policy.Reading {
	if !o.sought {
		o.sought = true
		o.file = findOOMKills(o.opts)
	}
	text, _ := o.file.read(o.buf[:])
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			v, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
			return policy.Reading{Value: v, Known: err == nil}
		}
	}
	return policy.Reading{}
}

func findOOMKills(opts Options) file {
	memory, _, _ := New(opts).findCgroups()
	if len(memory.levels) == 0 {
		return file{}
	}
	name := "memory.oom_control"
	if memory.v2 {
		name = "memory.events"
	}
	return keep(filepath.Join(memory.levels[0].dir, name))
}
