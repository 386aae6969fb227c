# checks.pipeline-tests as a user of nixpkgs gets it, over the stand-in packages; `options` are pytest's.
{ root, options }:
let
  pkgs = import ./. {
    system = "x86_64-linux";
    more = {
      inherit root;
      PYTEST_ADDOPTS = options;
    };
  };
  left = [
    ".git"
    ".hypothesis"
    ".mypy_cache"
    ".nanna-ci"
    ".pytest_cache"
    ".ruff_cache"
    "__pycache__"
    "target"
  ];
in
import ../../nix/toolkits/nixpkgs/python-tests.nix
  {
    inherit pkgs;
    programs = import ../../nix/toolkits/nixpkgs/test-programs.nix {
      inherit pkgs;
      tool = name: pkgs.${name};
    };
  }
  {
    src = builtins.path {
      path = ../..;
      name = "source";
      filter = path: _: !builtins.elem (baseNameOf path) left;
    };
  }
