# One system's outputs for one workspace. Every value comes from the toolkit; nothing here knows which one it is.
{
  lib,
  toolkit,
  pipeline,
  src,
  revision,
  config,
  flake,
  overrides,
  scripts,
  advisoryDb,
  source,
  extra,
}:
let
  inherit (toolkit) system;
  ownModels = src + "/nix/models.lock.json";
  workspace = import ./workspace.nix {
    inherit
      lib
      toolkit
      pipeline
      src
      ;
  };
  checks = import ./checks.nix {
    inherit
      lib
      toolkit
      pipeline
      workspace
      advisoryDb
      ;
  };
  images = import ./images.nix {
    inherit
      lib
      toolkit
      pipeline
      workspace
      src
      revision
      ;
    models = import ./models.nix {
      file = if builtins.pathExists ownModels then ownModels else ./models.lock.json;
    };
  };
  apps = import ./apps.nix {
    inherit
      lib
      toolkit
      scripts
      config
      flake
      overrides
      advisoryDb
      source
      ;
    commands = extra.commands or { };
  };
  allPackages = lib.mergeDisjoint "packages" [
    workspace.packages
    workspace.benchmarks
    workspace.facts
    images
    apps.packages
    (extra.packages or { })
  ];
  allChecks = lib.mergeDisjoint "checks" [
    checks
    (import ./workflow-check.nix { inherit toolkit scripts; } {
      name = "workflow";
      inherit src config;
    })
    (extra.checks or { })
  ];
  pure =
    lib.prefixNames "packages.${system}." (workspace.packages // workspace.benchmarks // workspace.facts // images)
    // lib.prefixNames "checks.${system}." allChecks;
  refused = throw pipeline.refused;
in
if pipeline ? refused then
  {
    inherit (apps) apps;
    packages = apps.packages // {
      default = refused;
    };
    checks.pipeline = refused;
    devShells = { };
    legacyPackages.pipeline = refused;
  }
else
  {
    packages = lib.available allPackages;
    checks = lib.available allChecks;
    inherit (apps) apps;
    devShells = lib.available {
      default = toolkit.shell {
        channel = pipeline.toolchain.default;
        inherit (pipeline.workspace) libraries packages;
        # what the flake was given: its own folder needs no naming, and would make a new shell with every change
        workspace = overrides.nanna-coder or null;
        commands = ./shell;
      };
    };
    # What `ci` and `run-job` read once: a derivation for each pure job, or the reason why there is none.
    legacyPackages.pipeline = {
      toolkit = toolkit.name;
      unavailable = lib.reasons pure;
      derivations = builtins.mapAttrs (_: value: builtins.unsafeDiscardOutputDependency value.drvPath) (lib.available pure);
    };
  }
