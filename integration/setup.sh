#!/usr/bin/env bash
# Installs and starts what the tests need on a Debian machine, and only what is missing: packages, a container engine
# and the Ruby image of the container tests. A second run changes nothing and takes a moment.
# What cannot be had is said, with the tests that then cannot run; with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

packages=(
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
	local install=(apt-get install -y -qq "${options[@]}" "${missing[@]}") policy=/usr/sbin/policy-rc.d ours=
	if [ ! -e $policy ]; then # the tests start what they need themselves
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && ours=1
	fi
	export DEBIAN_FRONTEND=noninteractive
	# Lists that are missing or stale show as a failed install: only then are they fetched.
	"${install[@]}" >"$log" 2>&1 || { apt-get update -qq && "${install[@]}"; } >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		untested+=("$label: some of ${missing[*]}")
	}
	[ -z "$ours" ] || rm -f $policy
}

install_packages() {
	install "whatever needs them" -- "${packages[@]}"
	install "real servers" --no-install-recommends -- $(lists servers/packages.txt)
	install "cgroup v2" --no-install-recommends -- $(lists vm/packages.txt)
}

engine_answers() { timeout 10 docker info >/dev/null 2>&1; }

start_engine() {
	engine_answers && return
	command -v dockerd >/dev/null || { untested+=("containers: no dockerd"); return; }
	[ "$(id -u)" = 0 ] || { untested+=("containers: no engine answers, and only root can start one"); return; }
	local engine_log=${TMPDIR:-/tmp}/reaperd-test-dockerd.log end=$((SECONDS + 60))
	echo "setup: starting dockerd, log in $engine_log"
	setsid dockerd </dev/null >"$engine_log" 2>&1 &
	until engine_answers; do
		if [ $SECONDS -ge $end ] || ! kill -0 $! 2>/dev/null; then
			tail -n 20 "$engine_log" >&2
			untested+=("containers: dockerd ended or did not answer within 60 s")
			return
		fi
		sleep 0.2
	done
}

build_guest() { # the kernel of the cgroup v2 machine
	vm/kernel.sh >/dev/null 2>"$log" || {
		tail -n 20 "$log" >&2
		untested+=("cgroup v2: no kernel for the virtual machine")
	}
}

build_image() {
	engine_answers || return 0
	docker/ruby-image.sh >/dev/null 2>"$log" || {
		tail -n 20 "$log" >&2
		untested+=("Ruby in containers: the image could not be built")
	}
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

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
