# What pipeline.toml says of the workspace -> the Rust functions of a toolkit (../nixpkgs.nix), over crane.
{
  crane,
  packagesFor,
  pkgs,
  system,
  toolchain,
  unavailable,
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
  inherit (pkgs) lib;
  source = import ./source.nix { inherit lib; } src folder;
  programs = import ./packages.nix { inherit lib; } packages;
  linked = import ./libraries.nix { inherit lib pkgs; } libraries;
  compiler = toolchain { inherit channel; };

  craneFor = packages: (crane.mkLib packages).overrideToolchain compiler;
  craneLib = craneFor pkgs;

  # what every derivation has, and dependencies must have too, or cargo builds them again
  common = packages: {
    pname = name;
    inherit (source) version;
    src = source.path;
    strictDeps = true;
    cargoVendorDir = craneLib.vendorCargoDeps { src = source.manifests; };
    cargoExtraArgs = lib.escapeShellArgs cargo.flags;
    nativeBuildInputs = [ packages.buildPackages.pkg-config ] ++ programs.from packages.buildPackages;
    buildInputs = linked.inputs packages;
    env = linked.environment // cargo.environment;
  }
  // programs.settings
  // lib.optionalAttrs (folder != ".") {
    postUnpack = "cd $sourceRoot/${folder} && sourceRoot=.";
  };

  # Checks use the dev profile, as cargo's own commands do: overflow checks and debug assertions are on.
  checked = lib.recursiveUpdate (common pkgs) {
    doInstallCargoArtifacts = false;
    env = {
      # crane's default is release; empty is each cargo command's own default
      CARGO_PROFILE = "";
      # backtraces keep their lines; full debug information doubles the time to compile, pack and link
      CARGO_PROFILE_DEV_DEBUG = "line-tables-only";
      RUST_BACKTRACE = "1";
    };
  };
  sharedBy =
    craneLib:
    import ./rust-shared.nix {
      inherit
        craneLib
        folder
        pkgs
        src
        ;
      inherit (cargo) flags;
    };
  shared = sharedBy craneLib;
  deps = shared.dependencies checked [ ] "dev";
  # tests need not wait for what clippy and rustdoc read
  check = shared.over checked [
    deps
    (shared.dependencies checked [ deps ] "lint")
  ];
  tests = shared.tests checked [ deps ];
  benchmarks =
    let
      arguments = common pkgs;
      # as the programs, whose dependencies these are too
      release = shared.dependencies arguments [ ] "release";
    in
    shared.benchmarks arguments [
      release
      (shared.dependencies arguments [ release ] "bench")
    ];
  scans = import ./rust-scans.nix {
    inherit
      checked
      pkgs
      shared
      source
      ;
    inherit (cargo) defaultPolicy;
  };
in
if compiler == null then
  unavailable "the nixpkgs toolkit has Rust stable, beta and nightly, not ${channel}"
else
  {
    inherit benchmarks deps;

    build =
      {
        target ? system,
      }:
      import ./rust-build.nix {
        inherit binaries;
        auditable = "${pkgs.cargo-auditable}/bin/cargo-auditable";
        craneLib = craneFor (packagesFor target);
        common = common (packagesFor target);
        shared = sharedBy (craneFor (packagesFor target));
      };

    crateFacts = shared.facts (common pkgs) binaries;

    nextest =
      { kind }:
      import ./rust-nextest.nix {
        inherit craneLib pkgs nextest;
        inherit (cargo) testFilters testProfile;
        refuseAlias = shared.refuseAlias "nextest";
        check = shared.over checked [
          deps
          tests
        ];
      } kind;

    clippy = craneLib.cargoClippy (
      check
      // {
        preBuild = shared.refuseAlias "clippy";
        cargoClippyExtraArgs = lib.escapeShellArgs (
          [
            "--all-targets"
            "--"
          ]
          ++ cargo.lints
        );
      }
    );

    fmt = craneLib.cargoFmt {
      inherit (checked)
        pname
        version
        src
        doInstallCargoArtifacts
        ;
      postUnpack = checked.postUnpack or "";
      preBuild = shared.refuseAlias "fmt";
      # without --all: that goes on to whatever else is there by path
      cargoExtraArgs = "";
    };

    doc = craneLib.cargoDoc (
      lib.recursiveUpdate check {
        env.RUSTDOCFLAGS = cargo.rustdocFlags;
        doCheck = doc.tests;
        # without what was denied: an example is not documentation
        checkPhaseCargoCommand = ''
          export HOME=$(mktemp -d) XDG_RUNTIME_DIR=$(mktemp -d) USER=nixbld LOGNAME=nixbld TZ=UTC TERM=dumb
          export RUSTDOCFLAGS=${lib.escapeShellArg (cargo.environment.RUSTDOCFLAGS or "")}
          ${shared.doctests}
        '';
      }
    );

    coverage = import ./rust-coverage.nix {
      inherit
        checked
        deps
        nextest
        pkgs
        ;
      inherit (cargo) flags testProfile;
      toolchainShared = sharedBy (
        (crane.mkLib pkgs).overrideToolchain (toolchain {
          inherit channel;
          extensions = [ "llvm-tools" ];
        })
      );
    };

    inherit (scans) audit deny;
  }
