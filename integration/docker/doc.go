// Package docker tests the real binary in real containers, as users have them: real Puma with a gem that never waits,
// a Procfile runner, a thread leaker under RLIMIT_NPROC, docker stop, docker exec, cgroup ceilings, locked-down
// containers. The images are built here: nothing is pulled, no container has a network.
package docker
