#!/bin/bash
# Inside the root: puts llama.cpp's server and its libraries into FOLDER/SYSTEM, for both Linux systems: server.sh FOLDER WORK.
# Only Debian's next release has it, so it is unpacked beside the root and not installed in it: no suite is mixed with another.
set -euo pipefail
folder=$1 work=$2
suite=forky
declare -A systems=([amd64]=x86_64-linux [arm64]=aarch64-linux)

for architecture in "${!systems[@]}"; do
  # an apt of its own, that knows this suite and no installed package; the root's mirror, proxy and certificates still count
  apt=$work/$architecture tree=$folder/${systems[$architecture]}
  mkdir -p "$apt"/{lists,archives}/partial "$tree/var/lib/dpkg/info"
  : >"$apt/status"
  sed -n "s/ trixie main/ $suite main/p" /etc/apt/sources.list >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONFIGURATION
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
# a mirror may hold an older state of the suite; its signature is checked all the same
Acquire::Check-Valid-Until "false";
CONFIGURATION
  APT_CONFIG=$apt/apt.conf apt-get update -q
  APT_CONFIG=$apt/apt.conf apt-get install -qy --download-only base-files ca-certificates llama.cpp-tools
  for package in "$apt"/archives/*.deb; do
    name=$(dpkg-deb --field "$package" Package)
    { dpkg-deb --field "$package" && echo; } >>"$tree/var/lib/dpkg/status"
    dpkg-deb --fsys-tarfile "$package" | tar --list | sed 's#^\.##; s#/$##' >"$tree/var/lib/dpkg/info/$name.list"
    dpkg-deb --extract "$package" "$apt/all"
  done
  # what an image may need; the rest are pages, scripts and other programs
  for part in bin/llama-server lib lib64 share/ca-certificates; do
    [[ ! -e $apt/all/usr/$part ]] || { mkdir -p "$(dirname "$tree/usr/$part")" && mv "$apt/all/usr/$part" "$tree/usr/$part"; }
  done
  rm -r "$tree"/usr/lib/*-linux-gnu/gconv
done
