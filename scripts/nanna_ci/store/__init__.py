"""Nix values: store paths, derivations, path-info, narinfo, and the nix program."""
