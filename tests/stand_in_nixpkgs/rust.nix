# A pipeline.toml's text -> what both toolkits make of it for tests/workspace:
#   nixpkgs   step -> { environment; programs; home; words }: what its derivations see, as it asks crane for them
#   debian    step -> the attributes that its builder gets
settings:
let
  system = "x86_64-linux";
  pkgs = import ./. { inherit system; } // {
    buildPackages = import ./. { inherit system; };
  };
  pipeline = import ../../nix/pipeline.nix { text = settings; };
  workspace = {
    channel = "stable";
    src = ../workspace;
    inherit (pipeline.workspace)
      name
      binaries
      libraries
      packages
      folder
      ;
    cargo = import ../../nix/cargo-words.nix pipeline;
    inherit (pipeline) doc nextest;
  };
  unavailable = reason: throw reason;

  onNixpkgs = import ../../nix/toolkits/nixpkgs/rust.nix {
    inherit pkgs system unavailable;
    crane = import ./crane.nix;
    packagesFor = _: pkgs;
    toolchain = _: (_: "toolchain");
  } workspace;
  seen = arguments: {
    environment = arguments.env or { };
    programs = map (package: package.name) (arguments.nativeBuildInputs or [ ]);
    home = builtins.match ".*export HOME=.*" (arguments.preCheck or "") != null;
    unpacked = arguments.postUnpack or "";
    words = builtins.concatStringsSep " " (
      map (name: arguments.${name} or "") [
        "cargoExtraArgs"
        "cargoClippyExtraArgs"
        "cargoNextestExtraArgs"
      ]
    );
  };

  onDebian = import ../../nix/toolkits/debian/rust.nix {
    inherit unavailable;
    derive = _: step: values: values // { inherit step; };
    tools = {
      cargo-auditable = "cargo-auditable";
      cargo-llvm-cov = "cargo-llvm-cov";
      llvm = "llvm";
      cargo-nextest = "nextest";
    };
    need = name: _: name;
    inputs.crates = "crates";
    cratesReason = null;
    crossReason = null;
    packagesReason = import ../../nix/toolkits/debian/programs.nix { groupReason = _: null; };
  } workspace;

  steps = rust: {
    inherit (rust)
      benchmarks
      clippy
      deps
      doc
      fmt
      ;
    inherit (rust) coverage;
    build = rust.build { };
    unit = rust.nextest { kind = "unit"; };
    integration = rust.nextest { kind = "integration"; };
  };
in
{
  nixpkgs = builtins.mapAttrs (_: seen) (steps onNixpkgs);
  debian = steps onDebian;
}
