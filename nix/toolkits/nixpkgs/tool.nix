# name -> the package of nixpkgs, or why there is none for this system.
{ pkgs, unavailable }:
name:
let
  platform = pkgs.stdenv.hostPlatform;
in
if !(pkgs ? ${name}) then
  unavailable "this nixpkgs has no ${name}"
else if !(pkgs.lib.meta.availableOn platform pkgs.${name}) then
  unavailable "nixpkgs has no ${name} for ${platform.system}"
else
  pkgs.${name}
