#!/bin/bash
# shellcheck disable=SC2016 # the braces are for dpkg and apt to expand
# mmdebstrap's customize hook: what the root needs to be entered read-only, and to say what it is.
set -euo pipefail
root=$1
mkdir -p "$root/etc/nix"
cp "$(dirname "$0")/nix.conf" "$root/etc/nix/nix.conf"
cp "$(dirname "$0")/containers.conf" "$root/etc/containers/containers.conf"
# mount points for the host's files
for file in resolv.conf hosts pip.conf gitconfig; do
  rm -f "$root/etc/$file"
  : >"$root/etc/$file"
done
chroot "$root" dpkg-query --show --showformat '${Package}:${Architecture} ${Version}\n' | LC_ALL=C sort >"$root/etc/nanna-ci-versions"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
