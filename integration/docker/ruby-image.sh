#!/usr/bin/env bash
# Builds the image (Ruby, and Python for gunicorn) of the container tests without a registry, from the packages of this Debian machine, and prints
# its tag. The tag carries a hash of this recipe: built once (about 20 s), then found at once.
set -euo pipefail

tag=reaperd-test/ruby:$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
if docker image inspect "$tag" >/dev/null 2>&1; then
	echo "$tag"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The host knows where its packages come from and how to get there: its own mirrors, proxies and certificates.
# Only the distribution's archives, for a third party's may not be reachable.
# shellcheck disable=SC2016
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT) # $(ORIGIN)' 'Created-By: Packages' |
	sed -nE 's/ # (Debian|Ubuntu)$//p' | sort -u >"$work/sources.list"
if [ ! -s "$work/sources.list" ]; then
	echo "ruby-image.sh: apt knows no package source; run apt-get update first" >&2
	exit 1
fi
apt-config dump Acquire | grep -v '::[^ ]*:: ' >"$work/apt.conf"
keyrings=()
for file in /usr/share/keyrings/*-archive-keyring.gpg; do
	keyrings+=("--keyring=$file")
done

# Services must not start on installation: policy-rc.d says no.
echo "ruby-image.sh: building $tag from $(cut -d' ' -f2 "$work/sources.list" | sort -u | tr '\n' ' ')" >&2
id=$(mmdebstrap --quiet --variant=essential --format=tar "${keyrings[@]}" \
	--include=ruby,puma,ruby-rack,ruby-foreman,procps,gunicorn \
	--aptopt="$work/apt.conf" --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--essential-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"' \
	--customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
	"$(. /etc/os-release && echo "$VERSION_CODENAME")" - "$work/sources.list" |
	docker import --change 'ENV LANG=C.UTF-8' - 2>"$work/import.log") || {
	cat "$work/import.log" >&2
	exit 1
}
docker tag "$id" "$tag"
echo "$tag"
