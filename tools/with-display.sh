#!/usr/bin/env bash
# Run a command where it can open windows: on the display there is, or else on a virtual one.
set -euo pipefail

if [[ $(uname -s) != Linux || -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]]; then
  exec "$@"
fi
if ! command -v xvfb-run >/dev/null; then
  echo "There is no display here, and no xvfb-run to make a virtual one: install xvfb and xauth." >&2
  exit 1
fi
exec xvfb-run -a -s "-screen 0 1920x1200x24" "$@"
