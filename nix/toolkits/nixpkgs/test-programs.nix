# What this project's own tests need: a Python with their modules, and programs.
{ pkgs, tool }:
let
  inherit (pkgs) lib;
  modules = [
    "coverage"
    "httpx"
    "hypothesis"
    "jsonschema"
    "markdown-it-py"
    "pytest"
    "pytest-xdist"
  ];
  # one that a package set lacks is left out: the tests then fail on its import, and the rest of the flake still evaluates
  python = pkgs.python3.withPackages (
    packages: builtins.filter lib.isDerivation (map (name: packages.${name} or null) modules)
  );
  programs = map tool [
    "check-jsonschema"
    "git"
    "mypy"
    "openssl"
    "ruff"
    "shellcheck"
    "zizmor"
  ];
in
[ python ] ++ builtins.filter lib.isDerivation programs
