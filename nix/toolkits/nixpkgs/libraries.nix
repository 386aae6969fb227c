# The libraries of pipeline.toml -> { inputs = package set -> packages; environment }.
{ lib, pkgs }:
libraries:
let
  # for crates that would else build, or download, a copy of their own
  variables = {
    libgit2.LIBGIT2_NO_VENDOR = "1";
    libsodium.SODIUM_USE_PKG_CONFIG = "1";
    libssh2.LIBSSH2_SYS_USE_PKG_CONFIG = "1";
    oniguruma.RUSTONIG_SYSTEM_LIBONIG = "1";
    openssl.OPENSSL_NO_VENDOR = "1";
    sqlite.LIBSQLITE3_SYS_USE_PKG_CONFIG = "1";
    zstd.ZSTD_SYS_USE_PKG_CONFIG = "1";
  };
  unknown = builtins.filter (library: !(pkgs ? ${library})) libraries;
in
if unknown != [ ] then
  throw "pipeline.toml: [workspace] libraries: nixpkgs has no package ${lib.concatStringsSep ", " unknown}"
else
  {
    inputs = packages: map (library: packages.${library}) libraries;
    environment = lib.mergeAttrsList (map (library: variables.${library} or { }) libraries);
  }
