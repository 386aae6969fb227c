#!/bin/bash
# mmdebstrap's setup hook: handover.sh ROOT APT gives the root the indices and packages that were fetched and verified before
# (root/mirror.py), so that it is made of exactly what was planned, and nothing is fetched twice.
set -euo pipefail
root=$1 apt=$2
mkdir -p "$root"/etc/apt/{preferences.d,trusted.gpg.d,apt.conf.d} "$root"/var/lib/apt/lists/{partial,auxfiles} "$root/var/cache/apt/archives/partial"
cp "$apt/preferences" "$root/etc/apt/preferences.d/nanna-ci"
cp "$apt"/keys/* "$root/etc/apt/trusted.gpg.d/"
grep '^Acquire' "$apt/apt.conf" >"$root/etc/apt/apt.conf.d/90nanna-ci"
cp -a "$apt/lists/." "$root/var/lib/apt/lists/"
cp -l "$apt"/archives/*.deb "$root/var/cache/apt/archives/"
# mmdebstrap asks for the indices anew unless these are there
touch "$root"/var/lib/apt/lists/lock "$root"/var/cache/apt/{pkgcache,srcpkgcache}.bin
