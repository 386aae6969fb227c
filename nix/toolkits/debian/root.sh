#!/bin/bash
# shellcheck disable=SC2016 # the braces are for dpkg and apt to expand
# Makes the Debian root: root.sh FOLDER. The folder appears whole or not at all.
# The recipe is part of the root's key (see nixw), so a change here makes a new root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
suite=trixie
needed_mb=4500

say() { printf 'nixw: %s\n' "$*" >&2; }
fail() {
  say "error: $1"
  say "hint: $2"
  exit 3
}

free_mb=$(($(df --output=avail -B 1000000 "$(dirname "$folder")" | tail -n 1)))
((free_mb >= needed_mb)) || fail "$(dirname "$folder") has $free_mb MB free, the Debian root needs $needed_mb" \
  "free some room, or set XDG_CACHE_HOME to a folder on a larger disk"

missing=()
for program in mmdebstrap bwrap; do
  command -v "$program" >/dev/null || missing+=("${program/bwrap/bubblewrap}")
done
work=$(mktemp -d)
log=$work/log
partial=$folder.partial
beat=
clean() {
  [[ -z $beat ]] || kill "$beat" 2>/dev/null || true
  # never into something that is still mounted
  rm -rf --one-file-system "$partial" "$work"
}
trap clean EXIT
trap 'say "stopped; nothing is left half made"; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

explain() {
  if grep -q 'No space left' "$log"; then
    fail "the disk is full: $1" "free $needed_mb MB below $(dirname "$folder"), or set XDG_CACHE_HOME"
  elif grep -qE 'Could not resolve|Temporary failure|Unable to connect|Could not connect|Failed to fetch|Connection (refused|timed out)' "$log"; then
    fail "no Debian mirror can be reached: $1" "check the network, and the mirror and proxy in /etc/apt"
  fi
  tail -n 15 "$log" >&2
  fail "$1" "the lines above say why"
}

if ((${#missing[@]})); then
  say "installing ${missing[*]} with apt-get: the only change to this machine outside $(dirname "$folder")"
  { apt-get update -q && apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
    explain "apt-get could not install ${missing[*]}"
fi

# The mirror, proxy and certificates that this machine's apt is configured with serve the root too.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
  awk '$2 == "Debian" || ($2 == "" && $1 !~ /security/) { print $1; exit }')
rm -rf --one-file-system "$partial"
mkdir -p "$partial"
apt-config dump Acquire | grep -v '::$\|""' >"$work/apt.conf" || true
echo 'Acquire::Languages "none";' >>"$work/apt.conf"
packages=$(sed 's/#.*//' "$here/packages.txt" | tr -s '[:space:]' ',')

say "making the Debian root in $folder (once; about 3 GB and two minutes)"
(
  # ends with its sleep: an orphan would keep the caller's pipes open
  trap 'kill $!; exit' TERM
  while sleep 15 & wait $!; do say "… $(du -sm "$partial" 2>/dev/null | cut -f1) MB after $SECONDS s"; done
) &
beat=$!
mmdebstrap --mode=root --variant=minbase --architectures=amd64,arm64 --include="${packages#,}" \
  --aptopt="$work/apt.conf" --dpkgopt="$here/dpkg.cfg" \
  --setup-hook="$here/backports.sh \"\$1\"" --customize-hook="$here/finish.sh \"\$1\"" \
  "$suite" "$partial" ${mirror:+"$mirror"} 2>&1 >>"$work/output" | tee "$log" | { grep --line-buffered '^I: ' >&2 || true; } ||
  explain "mmdebstrap could not make the root"
mv -T "$partial" "$folder"
say "the Debian root is made ($SECONDS s)"
