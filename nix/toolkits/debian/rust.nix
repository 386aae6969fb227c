# Rust on the Debian root: one toolchain (stable), dependencies built once a profile, true cross builds for aarch64.
{
  derive,
  unavailable,
  tools,
  need,
  inputs,
  # why there are no crates, and no cross builds; or null
  cratesReason,
  crossReason,
}:
{
  channel,
  src,
  name,
  binaries,
  libraries,
}:
let
  # pipeline.toml's library names (nixpkgs attributes) -> pkg-config modules that packages.txt brings for both architectures
  modules = {
    openssl = "openssl";
    libssh2 = "libssh2";
    zlib = "zlib";
    sqlite = "sqlite3";
  };
  unknown = builtins.filter (library: !(modules ? ${library})) libraries;

  triples = {
    x86_64-linux = "x86_64-unknown-linux-gnu";
    aarch64-linux = "aarch64-unknown-linux-gnu";
  };

  # What decides which dependencies there are: manifests, the lock, cargo's configuration. A change of code leaves it alone.
  manifests = builtins.path {
    path = src;
    name = "manifests";
    filter =
      path: type:
      let
        base = baseNameOf path;
      in
      if type == "directory" then
        base != ".git"
      else
        builtins.elem base [
          "Cargo.toml"
          "Cargo.lock"
          "config.toml"
        ];
  };

  common = {
    crates = need "crates" inputs.crates;
    modules = map (library: modules.${library}) libraries;
  };
  cargo =
    label: step: values:
    derive "${name}-${label}" step (common // values);

  depsFor =
    profile: target:
    cargo "deps-${profile}-${target}" "cargo.deps" {
      src = manifests;
      inherit profile;
      triple = triples.${target};
      cross = target != "x86_64-linux";
    };
  deps = depsFor "dev" "x86_64-linux";

  check =
    label: values:
    cargo label "cargo.check" (
      {
        src = "${src}";
        inherit deps;
        profile = "dev";
        triple = triples.x86_64-linux;
        cross = false;
      }
      // values
    );
in
if channel != "stable" then
  unavailable "the Debian toolkit has Rust stable only, not ${channel}"
else if unknown != [ ] then
  unavailable "the Debian toolkit does not know the libraries ${builtins.concatStringsSep ", " unknown} (nix/toolkits/debian/rust.nix has the table)"
else if cratesReason != null then
  unavailable cratesReason
else
  {
    inherit deps;
    build =
      {
        target ? "x86_64-linux",
      }:
      if target != "x86_64-linux" && crossReason != null then
        unavailable crossReason
      else
        cargo (if target == "x86_64-linux" then "build" else "build-${target}") "cargo.build" {
        src = "${src}";
        deps = depsFor "release" target;
        profile = "release";
        triple = triples.${target};
        cross = target != "x86_64-linux";
        inherit binaries;
      };
    nextest =
      { kind }:
      if tools.cargo-nextest ? reason then
        tools.cargo-nextest
      else
        check kind {
          run = "nextest";
          inherit kind;
          nextest = "${tools.cargo-nextest}";
        };
    clippy = check "clippy" { run = "clippy"; };
    fmt = check "fmt" {
      run = "fmt";
      # reads the sources alone
      deps = null;
      modules = [ ];
    };
    doc = check "doc" { run = "doc"; };
    audit = _: tools.cargo-audit;
    deny = _: tools.cargo-deny;
  }
