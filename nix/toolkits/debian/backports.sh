#!/bin/bash
# mmdebstrap's setup hook: the suites beside the main one, and Rust from backports (locks of real workspaces ask for new compilers).
set -euo pipefail
root=$1
sources=$root/etc/apt/sources.list
base=$(grep -m 1 '^deb .* trixie main' "$sources")
for suite in trixie-updates trixie-backports; do
  grep -q " $suite " "$sources" || echo "${base/ trixie / $suite }" >>"$sources"
done
mkdir -p "$root/etc/apt/preferences.d"
printf 'Package: src:rustc:any\nPin: release n=trixie-backports\nPin-Priority: 600\n' >"$root/etc/apt/preferences.d/rust"
