#!/usr/bin/env bash
# Prints the path of a kernel for the virtual machine, from the packages of this Debian machine. It is taken out of its
# package, never installed: no boot loader of a developer shall find it. Fetched once (27 MB, a few seconds).
# REAPERD_TEST_KERNEL names another one to use: cgroup v2 and v1, PSI and the serial port must be built in.
set -euo pipefail

if [ -n "${REAPERD_TEST_KERNEL:-}" ]; then
	echo "$REAPERD_TEST_KERNEL"
	exit
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/reaperd-test
kernel=$cache/vmlinuz
if [ ! -s "$kernel" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work"
	mkdir -p "$cache"
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$package" ] || { echo "kernel.sh: apt knows no linux-image-cloud-amd64; run apt-get update first, or set REAPERD_TEST_KERNEL" >&2; exit 1; }
	(cd "$work" && apt-get -o APT::Sandbox::User="$(id -un)" download -qq "$package" >&2)
	dpkg-deb --fsys-tarfile "$work"/*.deb | tar -xO --wildcards './boot/vmlinuz-*' >"$kernel.$$"
	mv "$kernel.$$" "$kernel" # whole or not at all
fi
echo "$kernel"
