#!/bin/bash
# mmdebstrap's setup hook: the suites beside the main one.
set -euo pipefail
root=$1
sources=$root/etc/apt/sources.list
base=$(grep -m 1 '^deb .* trixie main' "$sources")
for suite in trixie-updates trixie-backports; do
  grep -q " $suite " "$sources" || echo "${base/ trixie / $suite }" >>"$sources"
done
