// Package vm tests the real binary on a kernel of its own: a small virtual machine without hardware virtualization, whose
// Linux has what the test machine's may not have: cgroup v2 with its controllers, v1 that can be written, PSI, and memory
// that runs out.
package vm
