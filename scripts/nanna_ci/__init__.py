"""Nanna CI: the CI/CD pipeline of a Rust workspace as one Nix flake, ordered by this package."""

__version__ = "0.1.0"
