#!/bin/bash
# Enters the Debian root: enter.sh ROOT STORE SEARCH-PATH COMMAND…, with the host's folders at their own paths and a /nix of its own.
set -euo pipefail
root=$1 store=$2 path=$3
shift 3
binds=()
for folder in /*; do
  case $folder in
    /bin | /boot | /dev | /etc | /lib* | /nix | /proc | /run | /sbin | /sys | /usr | /var) continue ;;
  esac
  [[ -d $folder && ! -L $folder ]] && binds+=(--bind "$folder" "$folder")
done
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [[ -e $file ]] && binds+=(--ro-bind "$(readlink -f "$file")" "$file")
done
# a company's certificates: the files that the environment names, wherever they are
for name in SSL_CERT_FILE NIX_SSL_CERT_FILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO CARGO_HTTP_CAINFO; do
  file=${!name:-}
  [[ -n $file && -f $file ]] && binds+=(--ro-bind "$(readlink -f "$file")" "/run/certificates/$name" --setenv "$name" "/run/certificates/$name")
done
# cargo looks for its subcommands there first: the host's would come before the root's
[[ -d ${CARGO_HOME:-$HOME/.cargo}/bin ]] && binds+=(--tmpfs "${CARGO_HOME:-$HOME/.cargo}/bin")
# The host's interpreters and toolchains must not leak in by their variables.
for name in PYTHONHOME PYTHONPATH PYENV_ROOT PYENV_VERSION VIRTUAL_ENV RUSTUP_HOME RUSTUP_TOOLCHAIN RUSTC RUSTFLAGS SSL_CERT_DIR NIX_PATH NIX_REMOTE LD_PRELOAD LD_LIBRARY_PATH; do
  binds+=(--unsetenv "$name")
done
# A checkout that another user owns: who starts nixw in it trusts it already, and git is configured so for this one.
checkout=$PWD
while [[ $checkout != / && ! -e $checkout/.git ]]; do checkout=$(dirname "$checkout"); done
exec 8< <(printf '[safe]\n\tdirectory = %s\n' "$checkout")
# bwrap stays and waits: it must not die of a Ctrl-C before the program inside has cleaned up. Should it be killed all the
# same, setpriv has the kernel tell the program. /proc is the host's, since Nix's sandbox refuses one with covered parts.
trap '' INT
exec bwrap --ro-bind "$root/usr" /usr --symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
  --ro-bind "$root/etc" /etc --tmpfs /var --ro-bind "$root/var/lib" /var/lib --bind /var/tmp /var/tmp --tmpfs /run \
  --dev-bind /proc /proc --dev-bind /dev /dev --bind /sys /sys --bind "$store" /nix --ro-bind-data 8 /etc/gitconfig "${binds[@]}" \
  --setenv PATH "$path" --setenv NANNA_CI_ROOT "$root" --cap-add ALL --chdir "$PWD" \
  setpriv --pdeathsig TERM env --default-signal=INT "$@"
