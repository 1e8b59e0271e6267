#!/usr/bin/env bash
# Print the Python to make .venv with: $PYTHON, or the first of the usual names that is 3.11 to 3.13.
set -euo pipefail

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
  if supported "$python"; then
    command -v "$python"
    exit
  fi
done

{
  echo "napari-convnet needs Python 3.11, 3.12 or 3.13; ${PYTHON:-python3} is" \
    "$("${PYTHON:-python3}" --version 2>/dev/null || echo 'not there')."
  echo "Install one of them, or name it: make setup PYTHON=/path/to/python3.12"
} >&2
exit 1
