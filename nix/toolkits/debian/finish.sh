#!/bin/bash
# shellcheck disable=SC2016 # the braces are for dpkg and apt to expand
# mmdebstrap's customize hook: finish.sh ROOT APT gives the root what it needs to be entered read-only, and to say what it is.
set -euo pipefail
root=$1 apt=$2 here=$(dirname "$0")
mkdir -p "$root/etc/nix" "$root/etc/containers"
cp "$here/nix.conf" "$root/etc/nix/nix.conf"
cp "$here/containers.conf" "$root/etc/containers/containers.conf"
# mount points for the host's files
for file in resolv.conf hosts pip.conf gitconfig; do
  rm -f "$root/etc/$file"
  : >"$root/etc/$file"
done
cp "$apt/mirror" "$root/etc/nanna-ci-mirror"
cp "$apt/root.json" "$root/etc/nanna-ci-root.json"
cp "$apt/plan.txt" "$root/etc/nanna-ci-versions"
chroot "$root" dpkg-query --show --showformat '${Package}:${Architecture} ${Version}\n' | LC_ALL=C sort >>"$root/etc/nanna-ci-versions"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
