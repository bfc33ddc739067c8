#!/usr/bin/env bash
# usage: run.sh REAPERD COMMAND [ARG...]
# Runs the command, which leaks zombies, under reaperd; says before and after what there is to see.
set -euo pipefail
reaperd=$1
shift

cat <<END
--- $* leaks zombies: children that it never waits for. Nobody else can reap them.
--- reaperd names the leak at 10, drains the app at 20 and restarts it, once: see $(dirname "$0")/demo.toml
END
code=0
timeout -k 5 60 "$reaperd" -c "$(dirname "$0")/demo.toml" -- "$@" || code=$?
if [ "$code" != 75 ]; then
	echo "--- ended with $code, which is not what this demo is about" >&2
	exit 1
fi
echo "--- The second time was one too many for burst = 1: reaperd gave up with exit code 75, so that the platform"
echo "--- knows that a limit ended the app. With the default burst of 5 in 10 minutes it would have gone on."
