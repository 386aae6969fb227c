{
  description = "The CI/CD pipeline of a Rust workspace, as one Nix flake";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    nix2container = {
      url = "github:nlewo/nix2container";
      flake = false;
    };
    # The Rust workspace under CI. Override it to run the pipeline on another one.
    nanna-coder = {
      url = "github:DominicBurkart/nanna-coder";
      flake = false;
    };
    # What audits read.
    advisory-db = {
      url = "github:rustsec/advisory-db";
      flake = false;
    };
  };

  outputs = inputs: import ./nix inputs;
}
