#!/bin/bash
# Inside the root: adds one input of the Debian toolkit to the store and prints its path.
#   ground.sh root | tools STAGED-FOLDER | crates SOURCE | server
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
made=$work/source
mkdir "$made"
: >"$made/.nanna-ci"

say() { printf 'nixw: %s\n' "$*" >&2; }
fail() {
  tail -n 15 "$work/log" >&2
  say "error: $1"
  say "hint: $2"
  exit 3
}

case $1 in
  root)
    cp /etc/nanna-ci-versions "$made/versions.txt"
    ;;
  tools)
    mkdir "$made/bin"
    if [[ -x ${2:-}/cargo-nextest ]] && "$2/cargo-nextest" --version >/dev/null 2>&1; then
      say "lending this machine's cargo-nextest to the root"
      cp "$2/cargo-nextest" "$made/bin/"
    else
      say "building cargo-nextest from its crate (once; several minutes on two cores)"
      CARGO_TARGET_DIR=$work/target cargo install --quiet --locked --root "$work/nextest" cargo-nextest 2>"$work/log" ||
        fail "cargo could not build cargo-nextest" "check the network and cargo's configuration, then start again"
      cp "$work/nextest/bin/cargo-nextest" "$made/bin/"
    fi
    say "installing the wheels of wheels.txt"
    python3 -m pip install --quiet --no-deps --only-binary :all: --require-hashes --no-compile --disable-pip-version-check \
      --root-user-action ignore --target "$made/python" --requirement "$here/wheels.txt" 2>"$work/log" ||
      fail "pip could not install the wheels of wheels.txt" "check the network and pip's configuration, then start again"
    for program in "$made"/python/bin/*; do
      ln -s "../python/bin/${program##*/}" "$made/bin/${program##*/}"
    done
    # pip's scripts look for their packages beside the interpreter
    python3 -I "$here/relocate.py" "$made"
    ;;
  crates)
    say "vendoring the crates of $2/Cargo.lock"
    (cd "$2" && cargo vendor --locked --versioned-dirs "$made/vendor") >"$work/config" 2>"$work/log" ||
      fail "cargo could not vendor the crates of $2" "check the network, cargo's configuration, and that Cargo.lock fits Cargo.toml"
    mkdir -p "$made/vendor"
    sed "s#$made#@crates@#" "$work/config" >"$made/config.toml"
    ;;
  server)
    say "fetching a model server for container images"
    "$here/server.sh" "$made" "$work" >"$work/log" 2>&1 ||
      fail "apt could not fetch llama.cpp" "the mirror must have Debian's next release, forky; only images with a model server need it"
    ;;
esac
nix store add --name source "$made"
