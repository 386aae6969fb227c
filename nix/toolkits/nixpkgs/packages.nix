# The programs of pipeline.toml -> { from = package set -> packages; settings }, for what runs while a build does.
{ lib }:
packages: {
  from =
    set:
    let
      unknown = builtins.filter (name: !(set ? ${name})) packages;
    in
    if unknown != [ ] then
      throw "pipeline.toml: [workspace] packages: nixpkgs has no package ${lib.concatStringsSep ", " unknown}"
    else
      map (name: set.${name}) packages;

  # these would take stdenv's phases for a build of their own kind
  settings = lib.genAttrs [
    "dontUseCmakeConfigure"
    "dontUseMesonConfigure"
    "dontUseNinjaBuild"
    "dontUseNinjaCheck"
    "dontUseNinjaInstall"
  ] (_: true);
}
