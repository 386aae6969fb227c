# The Rust workspace under CI: its packages, and the toolchain functions for each channel.
{
  lib,
  toolkit,
  pipeline,
  src,
}:
let
  inherit (pipeline.workspace) name binaries libraries packages folder;
  rustFor =
    channel:
    toolkit.rust {
      inherit
        channel
        src
        name
        binaries
        libraries
        packages
        folder
        ;
      cargo = import ./cargo-words.nix pipeline;
      inherit (pipeline) doc nextest;
    };
  rust = lib.genAttrs pipeline.toolchain.channels rustFor;
  default = rust.${pipeline.toolchain.default};

  # { NAME, BINARY… } for a target, each name with the suffix.
  packagesFor =
    suffix: package:
    let
      binary = binary: {
        name = binary + suffix;
        value =
          if lib.isUnavailable package then
            package
          else
            toolkit.binary {
              inherit package;
              name = binary;
            };
      };
      # a binary called like its workspace is the workspace's package
      others = builtins.filter (binary: binary != name) binaries;
    in
    { ${name + suffix} = package; } // builtins.listToAttrs (map binary others);

  build = arguments: if lib.isUnavailable default then default else default.build arguments;
  keys = builtins.fromJSON (builtins.readFile ../scripts/nanna_ci/pipeline/keys.json);
  factsFor =
    system:
    if lib.isUnavailable default then
      default
    else
      default.crateFacts {
        inherit system;
        inherit (keys.systems.${system}) triple;
      };
  crossTargets = builtins.filter (
    target: target.system != toolkit.system && builtins.elem target.system toolkit.crossSystems
  ) pipeline.target;
  native = packagesFor "" (build { });
in
{
  inherit rust build;
  # of this machine's own system: they are run, and not shipped
  benchmarks.benchmark-programs = if lib.isUnavailable default then default else default.benchmarks;
  # of each system that a Nix build here is for
  facts = lib.prefixNames "crate-facts-" (
    lib.genAttrs ([ toolkit.system ] ++ map (target: target.system) crossTargets) factsFor
  );
  packages = lib.mergeDisjoint "packages" (
    [
      native
      { default = native.${name}; }
    ]
    ++ map (target: packagesFor "-${target.system}" (build { target = target.system; })) crossTargets
  );
}
