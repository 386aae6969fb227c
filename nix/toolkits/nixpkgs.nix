# The toolkit over nixpkgs, crane and rust-overlay: what users get, with a binary cache behind it.
#
# `inputs: system: toolkit`. A toolkit is all that the rest of this flake builds with. toolkits/debian gives the same
# attributes over another package set, and nothing outside of toolkits/ depends on which one it is:
#
#   name                the toolkit's, for messages
#   system              the system double that its derivations are built on
#   crossSystems        Linux systems that rust.build can target from here, besides `system`
#   unavailable         reason -> { type = "unavailable"; inherit reason; }
#                       may stand in place of any derivation below: what a toolkit cannot make is said, never left out
#   tools               program -> package with bin/: nix, git, cachix, cargo-nextest, cargo-audit, cargo-auditable, …
#   programs            program -> its path, for commands that must have this very one: skopeo reads what `image` gives; cosign;
#                       cargo-audit and cargo-deny, both or neither; trivy and valgrind where there is one
#   pythonApplication   { src, runtimeTools ? [ ] } -> derivation
#                       bin/nanna-ci over src/nanna_ci, with runtimeTools where the caller's PATH has none
#   command             { name, application, environment ? { } } -> derivation
#                       bin/NAME runs `nanna-ci NAME "$@"`, with each variable that the caller has not set
#   server              { name, system, port, models } -> how images run a program that the workspace does not build:
#                       { package; models; command; environment; description; standIn ? what it is in the place of another program }
#       name            by its nixpkgs name; Debian has something in the place of a few
#       port            that it shall serve; null if it is in an image beside a program and is not a server there
#       models          [ { name, lock } ] that it shall serve: a name with tag, its entry in models.lock.json or null;
#                       in the answer a derivation for each, with files for the image's root
#   image               { name, system, packages, models ? [ ], command, environment ? { }, port ? null, labels } -> derivation
#       the image for one Linux system: an OCI layout, or what programs.skopeo makes one of by `copy nix:FILE oci:FOLDER`
#       packages        derivations that stand at the image's root, with their libraries; no shell, no package manager
#       layers          runtime (libraries, CA certificates, users), a model each, application: what code changes comes last
#       command         argv of the container's program, which is not root
#       port            that it serves; null: it serves none
#   pythonTests         { src } -> derivation
#                       those tests of src that need no Nix, no network and no container, run; $out/junit.xml
#   workflowCheck       { name, application, src, config } -> derivation: `workflow check` of the application over src
#   testPath            what the command `test` searches for programs before its caller's PATH; empty: nothing
#   binary              { package, name } -> derivation with only bin/NAME of the package
#   shell               { channel, libraries, packages, workspace, commands } -> derivation, for devShells
#       workspace       what NANNA_CI_WORKSPACE names in it: the workspace under CI; null: none
#       commands        a folder with bin/ that comes first on its PATH
#   formatter           derivation, for `nix fmt`; left out if there is none
#   rust                { channel, src, folder, name, binaries, libraries, packages, cargo, doc, nextest } -> {
#       deps            the workspace's dependencies in the dev profile, built once, shared by the checks below;
#                       a change of the workspace's own code leaves it alone
#       build           { target ? system } -> derivation with the workspace's binaries in bin/, in the release profile;
#                       for another system than this one a true cross build: it runs here, its result runs there;
#                       each binary has the list of its crates, in the section .dep-v0 (cargo-auditable)
#       benchmarks      derivation: the benchmark targets' programs, in the bench profile, not run: bin/CRATE--BENCH, and
#                       benchmarks.json: toolchain, source (its store path), programs[]{name, crate, target, folder below it}
#       crateFacts      { system, triple } -> derivation: which crates the release build for a system compiles, as cargo says:
#                       metadata.json, units.json (its unit graph), Cargo.lock, target.json
#       nextest         { kind = "unit" | "integration" } -> derivation; $out/junit.xml; finding no test passes
#       clippy          clippy --all-targets
#       fmt             fmt -- --check
#       doc             doc --no-deps, and test --doc
#       coverage        derivation: all tests, instrumented; junit.xml, lcov.info, coverage.json (llvm-cov's summary), crates.json
#       audit           { advisoryDb } -> derivation: cargo-audit over Cargo.lock; audit.json, and scan.json (what it rests on)
#       deny            { advisoryDb } -> derivation: cargo-deny by the workspace's deny.toml, or nix/deny.toml; deny.json, scan.json
#     }
#       channel         stable, beta or nightly: the newest that the toolkit's inputs know
#       src             a folder with Cargo.toml and Cargo.lock: a path, a flake input or a store path, git or not
#       name            what derivations are called after: NAME-deps, NAME-clippy, …
#       binaries        executables that `build` must make, or it fails
#       folder          where the workspace's manifest is, below src; "." is src itself
#       libraries       C libraries by their nixpkgs attributes, found through pkg-config
#       packages        programs that build scripts and tests call, by their nixpkgs attributes
#       cargo           words and variables for cargo (../cargo-words.nix)
#       doc, nextest    those tables of pipeline.toml: whether examples are tested, which tests run
#       advisoryDb      a checkout of the RustSec advisory database, as a flake input: lastModified is its date, where it is a commit
#
# Evaluation fetches flake inputs and nothing else (but for crates that a Cargo.lock takes from git repositories), and
# imports nothing from derivations.
inputs: system:
let
  unavailable = reason: {
    type = "unavailable";
    inherit reason;
  };

  pkgs = import inputs.nixpkgs {
    inherit system;
    overlays = [ inputs.rust-overlay.overlays.default ];
  };
  inherit (pkgs) lib;

  # system -> its name in pkgsCross, the package sets that cross-compile from here with the same overlays
  linux = {
    x86_64-linux = "gnu64";
    aarch64-linux = "aarch64-multiplatform";
  };
  crossSystems = lib.optionals (linux ? ${system}) (lib.remove system (lib.attrNames linux));
  packagesOf = target: if target == system then pkgs else import inputs.nixpkgs { system = target; };
  packagesFor = target: if target == system then pkgs else pkgs.pkgsCross.${linux.${target}};

  inherit (import inputs.nix2container { inherit pkgs; }) nix2container skopeo-nix2container;

  tool = import ./nixpkgs/tool.nix { inherit pkgs unavailable; };
  toolchain = import ./nixpkgs/toolchain.nix;
  testPrograms = import ./nixpkgs/test-programs.nix { inherit pkgs tool; };
in
{
  name = "nixpkgs";
  inherit system crossSystems unavailable;

  tools = lib.genAttrs [
    "actionlint"
    "cachix"
    "cargo-audit"
    "cargo-auditable"
    "cargo-deny"
    "cargo-llvm-cov"
    "valgrind"
    "cargo-nextest"
    "check-jsonschema"
    "git"
    "mypy"
    "nix"
    "qemu-user"
    "ruff"
    "shellcheck"
    "trivy"
    "zizmor"
  ] tool;
  programs = {
    cosign = "${pkgs.cosign}/bin/cosign";
    skopeo = "${skopeo-nix2container}/bin/skopeo";
    cargo-audit = "${pkgs.cargo-audit}/bin/cargo-audit";
    cargo-deny = "${pkgs.cargo-deny}/bin/cargo-deny";
    trivy = "${pkgs.trivy}/bin/trivy";
  }
  // (
    let
      valgrind = tool "valgrind";
    in
    lib.optionalAttrs (!valgrind ? reason) { valgrind = "${valgrind}/bin/valgrind"; }
  );

  pythonApplication = import ./nixpkgs/python-application.nix pkgs;
  command = import ./nixpkgs/command.nix pkgs;
  pythonTests = import ./nixpkgs/python-tests.nix {
    inherit pkgs;
    programs = testPrograms;
  };
  workflowCheck = import ./nixpkgs/workflow-check.nix pkgs;
  testPath = lib.makeBinPath testPrograms;
  server = import ./nixpkgs/server.nix { inherit packagesOf pkgs unavailable; };
  image = import ./nixpkgs/image.nix { inherit nix2container pkgs; };
  binary = import ./nixpkgs/binary.nix pkgs;
  shell = import ./nixpkgs/shell.nix { inherit pkgs tool toolchain unavailable; };
  formatter = tool "nixfmt-tree";

  rust = import ./nixpkgs/rust.nix {
    inherit
      packagesFor
      pkgs
      system
      toolchain
      unavailable
      ;
    inherit (inputs) crane;
  };
}
