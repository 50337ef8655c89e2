#!/bin/sh
# Builds both plugins by their own tools, and tries the cases that they carry in the cage of `1claw`, which has to be in PATH:
# a release build, for a debug build takes minutes to compile components of this size.
set -eu
cd "$(dirname "$0")"
room='--component-mib 32 --memory-mib 64 --configure-fuel 4000000000'

(cd javascript && npm install --no-audit --no-fund && npm run build)
# shellcheck disable=SC2086 # several options
1claw plugin test javascript/change-freeze.wasm $room

python3 -m venv python/build/venv
(
  . python/build/venv/bin/activate
  pip install -q -r python/requirements.txt
  sh python/build.sh
)
# shellcheck disable=SC2086
1claw plugin test python/change-freeze.wasm $room
