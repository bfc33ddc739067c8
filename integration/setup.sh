#!/usr/bin/env bash
# Installs and starts what the tests need on a Debian machine, and only what is missing: packages, a container engine
# and the Ruby image of the container tests. A second run changes nothing and takes a moment.
# Mirrors fail for a while, other people hold apt's locks, an engine may be starting or have been killed: all that is
# waited for and tried again, for a bounded time. What cannot be had is said, with the tests that then cannot run and
# what to do about it; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=(
	make
	gcc libc6-dev                            # the race detector is C
	docker.io mmdebstrap                     # containers, and their image without a registry
	ruby puma ruby-rack                      # make demo-ruby
	busybox-static tini dumb-init catatonit  # a static app; the inits we are compared with
	python3-psutil                           # make bench
	procps util-linux bsdutils python3       # ps; unshare, setpriv, prlimit; script; signal masks
)
untested=()

# lists are the packages of one family of tests, one a line.
lists() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@"; }

# install LABEL OPTION... -- PACKAGE... installs what is missing, without starting services.
install() {
	local label=$1 options=() missing=() package
	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "setup: installing ${missing[*]}"
	if [ ! -e $policy ]; then # the tests start what they need themselves
		policy_is_ours=1
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
	fi
	# Lists that are missing or stale show as a failed install: only then are they fetched.
	apt install "${options[@]}" "${missing[@]}" >"$log" 2>&1 || patiently refresh_and_install "${options[@]}" "${missing[@]}" || {
		tail -n 20 "$log" >&2
		untested+=("$label: apt-get could not install some of ${missing[*]} (see above); when \"apt-get update\" works and nobody holds dpkg's lock, run integration/setup.sh again")
	}
}

# apt waits for dpkg's lock and for slow mirrors, but not for ever.
apt() {
	DEBIAN_FRONTEND=noninteractive timeout --kill-after 30 900 apt-get -y -qq -o DPkg::Lock::Timeout=120 \
		-o Acquire::Retries=3 -o Acquire::http::Timeout=60 -o Acquire::https::Timeout=60 "$@"
}

refresh_and_install() {
	{ dpkg --configure -a; apt update && apt install "$@"; } >"$log" 2>&1 # the first for one that was killed
}

# patiently runs what needs the network, four times at most.
patiently() {
	local pause
	for pause in 5 15 45; do
		"$@" && return
		command -v apt-get >/dev/null || return
		echo "setup: $1 failed, again in $pause s" >&2
		sleep $pause
	done
	"$@"
}

install_packages() {
	install "whatever needs them" -- "${packages[@]}"
	install "real servers" --no-install-recommends -- $(lists servers/packages.txt)
	install "cgroup v2" --no-install-recommends -- $(lists vm/packages.txt)
}

engine_answers() { timeout 20 docker info >/dev/null 2>&1; }

# names FILE PROGRAM says whether a pid file names a living process of that program.
names() { [ "$(cat "/proc/$(cat "$1" 2>/dev/null || echo none)/comm" 2>/dev/null)" = "$2" ]; }

engine_runs() { names /var/run/docker.pid dockerd || { [ -n "$engine" ] && kill -0 "$engine" 2>/dev/null; }; }

# forget_dead_engine removes what a dockerd that was killed has left and a new one would believe: pids that are somebody
# else's by now, and the socket of a containerd that is not there.
forget_dead_engine() {
	local socket=/run/containerd/containerd.sock
	names /var/run/docker.pid dockerd || rm -f /var/run/docker.pid
	names /var/run/docker/containerd/containerd.pid containerd || rm -f /var/run/docker/containerd/containerd.pid
	grep -qsx containerd /proc/[0-9]*/comm || rm -f $socket
}

# start_engine waits for an engine that is starting, and starts one where none is.
start_engine() {
	engine_answers && return
	command -v dockerd >/dev/null || { untested+=("containers: no dockerd; install docker.io"); return; }
	[ "$(id -u)" = 0 ] || { untested+=("containers: no engine answers, and only root can start one"); return; }
	local engine='' starts=0 engine_log=${TMPDIR:-/tmp}/reaperd-test-dockerd.log end=$((SECONDS + 180))
	until engine_answers; do
		if engine_runs && [ $SECONDS -ge $end ]; then
			untested+=("containers: dockerd runs and does not answer; end it (its pid is in /var/run/docker.pid) and run integration/setup.sh again")
			return
		elif ! engine_runs && [ $starts -ge 3 ]; then
			tail -n 20 "$engine_log" >&2
			untested+=("containers: dockerd ended $starts times (see above, all of it in $engine_log); when \"dockerd\" stays up, run integration/setup.sh again")
			return
		elif ! engine_runs; then
			forget_dead_engine
			starts=$((starts + 1))
			echo "setup: starting dockerd, log in $engine_log"
			setsid dockerd </dev/null >"$engine_log" 2>&1 &
			engine=$!
		fi
		sleep 0.5
	done
}

build_guest() { # the kernel of the cgroup v2 machine
	patiently fetch_kernel || {
		tail -n 20 "$log" >&2
		untested+=("cgroup v2: no kernel for the virtual machine (see above); when \"apt-get update\" works, run integration/setup.sh again")
	}
}

fetch_kernel() { timeout --kill-after 10 600 vm/kernel.sh >/dev/null 2>"$log"; }

make_image() { timeout --kill-after 10 900 docker/ruby-image.sh >/dev/null 2>"$log"; }

build_image() {
	engine_answers || return 0
	patiently make_image || {
		tail -n 20 "$log" >&2
		untested+=("Ruby in containers: its image could not be built (see above); when \"apt-get update\" works, run integration/setup.sh again")
	}
}

log=$(mktemp) policy=/usr/sbin/policy-rc.d policy_is_ours=
trap 'rm -f "$log"; [ -z "$policy_is_ours" ] || rm -f $policy' EXIT

command -v go >/dev/null || { echo "setup: no go in PATH; install the version that go.mod names" >&2; exit 1; }
if ! command -v apt-get >/dev/null; then
	untested+=("whatever is not installed already: packages are only installed by apt-get here")
elif [ "$(id -u)" = 0 ]; then
	install_packages
else
	untested+=("whatever is not installed already, and what needs root (PID namespaces, other users)")
fi
start_engine
build_image
build_guest

[ ${#untested[@]} -gt 0 ] || exit 0
{
	echo "setup: ############ NOT EVERYTHING CAN BE TESTED HERE ############"
	printf 'setup: cannot be tested: %s\n' "${untested[@]}"
} >&2
[ "${CI:-}" != true ] || exit 1
