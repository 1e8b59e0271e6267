#!/usr/bin/env bash
# Make .venv and install the package with its window and its tools, in the versions of constraints.txt.
# The stamp named as the first argument records that it is done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
stamp=$1

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(tools/python.sh)
  echo "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi

echo "Installing napari-convnet and what it needs into .venv (some minutes, once)"
# Torch by its exact version, so that pip settles the largest download first and tries no other.
torch=$(grep '^torch==' constraints.txt)
.venv/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt \
  "$torch" -e '.[all,dev]'
# Small pretrained networks that tests look into. Of its dependencies, which are pinned to old versions,
# the networks need torch alone.
.venv/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt --no-deps \
  facenet-pytorch
touch "$stamp"
