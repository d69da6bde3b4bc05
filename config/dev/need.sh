#!/usr/bin/env bash
# Installs what is missing to build (`need.sh build`), to test (`need.sh test`) or to measure media (`need.sh bench`), and
# nothing that is there.
set -euo pipefail

fail() { echo "error: $*" >&2; exit 1; }

command -v cargo >/dev/null || fail "Rust is missing: install it from https://rustup.rs, then run this again."
command -v node >/dev/null && command -v npm >/dev/null ||
  fail "Node.js is missing: install version 20.19 or newer from https://nodejs.org, then run this again."
node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)' ||
  fail "Node.js $(node --version) is too old: 20.19 or newer is needed."

# command -> Debian package. cmake and g++ compile Opus and whisper.cpp; the rest runs the tests in a browser.
wanted=(cmake:cmake g++:g++ git:git)
[[ ${1:-build} == test ]] && wanted+=(chromium:chromium firefox-esr:firefox-esr ffmpeg:ffmpeg sqlite3:sqlite3)
[[ ${1:-build} == bench ]] && wanted+=(janus:janus ip:iproute2 unshare:util-linux)

missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
# Its programs are not on the PATH; the tests start a cluster of their own.
[[ ${1:-build} == test ]] && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && missing+=(postgresql)
[[ ${#missing[@]} -eq 0 ]] && exit 0

command -v apt-get >/dev/null || fail "please install these and run this again: ${missing[*]}"
sudo=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || fail "please install these as root and run this again: ${missing[*]}"
  sudo=(sudo)
fi
echo "Installing ${missing[*]} …"
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
apt install --no-install-recommends -y "${missing[@]}" 2>/dev/null || {
  apt update
  apt install --no-install-recommends -y "${missing[@]}"
}
