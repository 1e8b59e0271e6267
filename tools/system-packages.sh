#!/usr/bin/env bash
# The system packages that Qt, OpenGL and a virtual display need on Debian and Ubuntu: installed with
# apt where that is allowed, otherwise named. Elsewhere this does nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

needed=(
  xvfb xauth fonts-dejavu-core
  libgl1 libgl1-mesa-dri libglx-mesa0 libegl1
  libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
  libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1
  libdbus-1-3 libfontconfig1 libglib2.0-0 libgssapi-krb5-2
)
# Debian packs the part of Python that makes virtual environments by itself.
if [[ ! -x .venv/bin/python ]]; then
  python=$(tools/python.sh)
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    needed+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
  fi
fi

# What is installed, by its name and by the names it stands in for (libglib2.0-0t64 for libglib2.0-0).
present=$(dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides}\n' |
  sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//' | sort -u)
missing=()
for package in "${needed[@]}"; do
  grep -qxF "$package" <<<"$present" || missing+=("$package")
done
((${#missing[@]})) || exit 0

install() {
  echo "Installing system packages: ${missing[*]}"
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 \
      --no-install-recommends "${missing[@]}"
}

if ((EUID != 0)) || ! install; then
  {
    echo "These system packages are missing: ${missing[*]}"
    echo "Windows or pictures may fail without them. To install them:"
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}"
  } >&2
fi
