# The flake's outputs, and the only loop over systems.
inputs:
let
  lib = import ./lib.nix;
  systems = [
    "x86_64-linux"
    "aarch64-linux"
    "x86_64-darwin"
    "aarch64-darwin"
  ];
  # Overriding nixpkgs with toolkits/debian replaces the toolkit under everything: the flake never checks which one it has.
  toolkit = lib.genAttrs systems (inputs.nixpkgs.toolkit or (import ./toolkits/nixpkgs.nix inputs));
  scripts = ../scripts;

  # system -> { packages, checks, apps, … } turned into { packages.SYSTEM, checks.SYSTEM, … }, as flakes want it.
  bySystem =
    make:
    let
      made = lib.genAttrs systems make;
      output = name: lib.genAttrs systems (system: made.${system}.${name});
    in
    lib.genAttrs [ "packages" "checks" "apps" "devShells" "legacyPackages" ] output
    // {
      formatter = builtins.mapAttrs (_: kit: kit.formatter) (lib.filterAttrs (_: kit: kit ? formatter) toolkit);
    };

  mkPipeline =
    {
      src,
      config ? src + "/pipeline.toml",
      flake ? src,
      # what images say that they were made from; a folder has none
      revision ? src.rev or null,
      overrides ? { },
      extra ? (_: { }),
    }:
    bySystem (
      system:
      import ./mk-pipeline.nix {
        inherit
          lib
          src
          revision
          flake
          config
          overrides
          scripts
          ;
        toolkit = toolkit.${system};
        pipeline = import ./pipeline.nix {
          file = config;
          # the commands must still run: they explain what is wrong
          refuse = message: builtins.warn message { refused = message; };
        };
        advisoryDb = inputs.advisory-db;
        source = inputs.self;
        extra = extra toolkit.${system};
      }
    );

  subject = inputs.nanna-coder;
  ownConfig = ../pipeline.toml;
in
mkPipeline {
  src = subject;
  config = if builtins.pathExists (subject + "/pipeline.toml") then subject + "/pipeline.toml" else ownConfig;
  flake = inputs.self;
  # what the nix calls of our own commands must be given again: the caller's overrides would otherwise be lost
  overrides = { inherit (inputs) nanna-coder; };
  extra = import ./own.nix { source = ../.; };
}
// {
  lib = { inherit mkPipeline; };
  templates.default = {
    path = ../templates/rust;
    description = "A Rust workspace that takes Nanna CI as its pipeline, here and on GitHub";
  };
}
