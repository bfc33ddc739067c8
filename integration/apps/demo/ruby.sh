#!/usr/bin/env bash
# usage: ruby.sh REAPERD
# The demo on a real Puma: four requests a second to an app whose gem forks a child for each and never waits.
set -euo pipefail
reaperd=$(realpath "$1")
demo=$(realpath "$(dirname "$0")")

if ! command -v puma >/dev/null || ! ruby -e 'require "rack"' 2>/dev/null; then
	echo "make demo-ruby needs Ruby, Puma and Rack: apt-get install ruby puma ruby-rack, or gem install puma rack" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'kill "$visitors" 2>/dev/null || true; rm -rf "$work"' EXIT
export BIND=unix://$work/app.sock

# Refused while the app restarts: a visitor just comes back.
ruby -rsocket -e '
  loop do
    sleep 0.25
    UNIXSocket.open(ARGV[0]) { |s| s.write("GET /zombie HTTP/1.0\r\n\r\n"); s.read } rescue SystemCallError
  end' "$work/app.sock" &
visitors=$!

cd "$demo/../rack-leaky"
"$demo/run.sh" "$reaperd" puma -C puma.rb
