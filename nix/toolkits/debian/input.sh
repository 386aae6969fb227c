#!/bin/bash
# Inside the root: adds one input of the Debian toolkit to the store and prints its path.
#   input.sh root | tools [CARGO-NEXTEST] | crates SOURCE | server
# What cannot be had leaves a file missing/NAME with the reason, in one line: it costs the jobs that need it and no others.
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
# lack NAME REASON: the full output is in $work/log, and kept
lack() {
  local log
  log=$(mktemp --tmpdir nixw-XXXXXX.log)
  cp "$work/log" "$log"
  mkdir -p "$made/missing"
  printf '%s' "$2" >"$made/missing/$1"
  say "going on without $1: $2"
  say "the full log: $log"
}
# Why a program failed, in one line: cargo's innermost cause, or the last error that cargo, pip or we ourselves printed.
reason() {
  awk '/^Caused by:/ { inside = 1; next }
    inside && NF { cause = $0; inside = 0 }
    /^(nixw: )?(error|ERROR):/ { cause = ""; error = $0 }
    NF { last = $0 }
    END { print cause != "" ? cause : error != "" ? error : last }' "$work/log" | sed -E 's/^(nixw: )?(error|ERROR): *//; s/^ +//' | cut -c1-300
}

case $1 in
  root)
    cp /etc/nanna-ci-versions "$made/versions.txt"
    cp /etc/nanna-ci-root.json "$made/root.json"
    ;;
  tools)
    mkdir "$made/bin"
    for list in "$here"/wheels/*.txt; do
      group=$(basename "$list" .txt)
      say "installing the wheels of wheels/$group.txt"
      if python3 -m pip install --quiet --no-deps --only-binary :all: --require-hashes --no-compile --disable-pip-version-check \
        --root-user-action ignore --target "$work/$group" --requirement "$list" >"$work/log" 2>&1; then
        mkdir -p "$made/python"
        cp -a "$work/$group/." "$made/python/"
      elif [[ $group == nextest && -n ${2:-} ]] && "$2" --version >/dev/null 2>&1; then
        say "the pinned cargo-nextest cannot be had ($(reason)): taking this machine's"
        cp "$2" "$made/bin/cargo-nextest"
      else
        lack "$group" "pip could not install wheels/$group.txt: $(reason)"
      fi
    done
    for program in "$made"/python/bin/*; do
      [[ ! -e $program ]] || ln -s "../python/bin/${program##*/}" "$made/bin/${program##*/}"
    done
    # pip's scripts look for their packages beside the interpreter
    [[ ! -d $made/python/bin ]] || python3 -I "$here/relocate.py" "$made"
    ;;
  crates)
    say "vendoring the crates of $2/Cargo.lock"
    if (cd "$2" && cargo vendor --locked --versioned-dirs --respect-source-config "$made/vendor") >"$work/config" 2>"$work/log"; then
      mkdir -p "$made/vendor"
      sed "s#$made#@crates@#" "$work/config" >"$made/config.toml"
    else
      rm -rf "$made/vendor"
      lack crates "cargo could not vendor the crates of $2: $(reason)"
    fi
    ;;
  server)
    say "fetching a model server for container images"
    python3 -I -B "$here/root" server "$made" >"$work/log" 2>&1 || lack server "no model server from Debian's next release: $(reason)"
    ;;
esac
nix store add --name source "$made"
