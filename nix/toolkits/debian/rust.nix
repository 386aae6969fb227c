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
  # names of pipeline.toml's packages -> why they cannot be had, or null
  packagesReason,
}:
{
  channel,
  src,
  name,
  binaries,
  libraries,
  packages,
  folder,
  cargo,
  doc,
  nextest,
}:
let
  here = "x86_64-linux";

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

  source = import ./work-tree.nix src;
  manifests = import ./manifests.nix src;

  common = {
    crates = need "crates" inputs.crates;
    modules = map (library: modules.${library}) libraries;
    inherit folder;
    inherit (cargo) environment flags;
  };
  cargoStep =
    label: step: values:
    derive "${name}-${label}" step (common // values);
  on = target: profile: {
    inherit profile;
    triple = triples.${target};
    cross = target != here;
  };

  # Layers are what was built before, each on top of those before it. For another machine, programs that run on this one
  # (build scripts, procedural macros) are those of this machine's dependencies.
  depsFor =
    profile: target:
    cargoStep "deps-${profile}-${target}" "shared.dependencies" (
      on target profile
      // {
        src = manifests.path;
        inherit (manifests) targets;
        warms = profile;
        layers =
          if profile == "bench" then
            [ (depsFor "release" here) ]
          else if target == here then
            [ ]
          else
            [ (depsFor profile here) ];
      }
    );
  deps = depsFor "dev" here;
  # for clippy and rustdoc; tests need not wait for it
  lintDeps = cargoStep "deps-lint-${here}" "shared.dependencies" (
    on here "dev"
    // {
      src = manifests.path;
      inherit (manifests) targets;
      warms = "lint";
      layers = [ deps ];
    }
  );

  check =
    label: step: values:
    cargoStep label step (
      on here "dev"
      // {
        src = "${source}";
        layers = [ deps ];
      }
      // values
    );
  tests = check "tests" "shared.tests" { };
  scanners = import ./scanners.nix {
    inherit
      check
      tools
      src
      folder
      ;
    inherit (cargo) defaultPolicy;
    manifests = manifests.path;
  };
in
if channel != "stable" then
  unavailable "the Debian toolkit has Rust stable only, not ${channel}"
else if unknown != [ ] then
  unavailable "the Debian toolkit does not know the libraries ${builtins.concatStringsSep ", " unknown} (nix/toolkits/debian/rust.nix has the table)"
else if packagesReason packages != null then
  unavailable (packagesReason packages)
else if cratesReason != null then
  unavailable cratesReason
else
  {
    inherit deps;
    build =
      {
        target ? here,
      }:
      if target != here && crossReason != null then
        unavailable crossReason
      else
        cargoStep (if target == here then "build" else "build-${target}") "checks.build" (
          on target "release"
          // {
            src = "${source}";
            layers = (if target == here then [ ] else [ (depsFor "release" here) ]) ++ [ (depsFor "release" target) ];
            inherit binaries;
            # a build goes on without it
            auditable =
              if tools.cargo-auditable ? reason then
                { inherit (tools.cargo-auditable) reason; }
              else
                { program = "${tools.cargo-auditable}"; };
          }
        );
    benchmarks = cargoStep "benchmarks" "benches.programs" (
      on here "bench"
      // {
        src = "${source}";
        layers = [
          (depsFor "release" here)
          (depsFor "bench" here)
        ];
      }
    );
    crateFacts =
      { system, triple }:
      cargoStep "crate-facts-${system}" "facts.crates" {
        src = "${source}";
        layers = [ ];
        # asks cargo, and compiles nothing: no linker, and no standard library but its names
        profile = "release";
        cross = false;
        inherit binaries triple;
        target = { inherit system triple; };
      };
    nextest =
      { kind }:
      if tools.cargo-nextest ? reason then
        tools.cargo-nextest
      else
        check kind "checks.check" {
          run = "nextest";
          layers = [
            deps
            tests
          ];
          filter = cargo.testFilters.${kind};
          inherit (nextest) arguments;
          inherit (cargo) testProfile;
          nextest = "${tools.cargo-nextest}";
        };
    clippy = check "clippy" "checks.check" {
      run = "clippy";
      layers = [
        deps
        lintDeps
      ];
      inherit (cargo) lints;
    };
    fmt = check "fmt" "checks.check" {
      run = "fmt";
      # reads the sources alone
      layers = [ ];
      modules = [ ];
      flags = [ ];
    };
    doc = check "doc" "checks.check" {
      run = "doc";
      layers = [
        deps
        lintDeps
      ];
      inherit (cargo) rustdocFlags;
      inherit (doc) tests;
    };
    coverage =
      let
        missing = builtins.filter (tool: tool ? reason) [
          tools.cargo-llvm-cov
          tools.cargo-nextest
          tools.llvm
        ];
      in
      if missing != [ ] then
        builtins.head missing
      else
        check "coverage" "measure.coverage" {
          inherit (nextest) filter arguments;
          inherit (cargo) testProfile;
          nextest = "${tools.cargo-nextest}";
          llvmCov = "${tools.cargo-llvm-cov}";
          llvm = "${tools.llvm}";
        };
    inherit (scanners) audit deny;
  }
