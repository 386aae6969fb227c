# A stand-in for nixpkgs, in the shape of `import nixpkgs { system; overlays }`: what nix/toolkits/nixpkgs calls, where
# nixpkgs cannot be had. A package is a folder of links below `packages`, which whoever builds puts into the sandbox;
# for evaluation there need be none.
{
  system,
  overlays ? [ ],
  packages ? "/packages",
  # what mkDerivation adds to each derivation
  more ? { },
}:
let
  lib = import ./lib.nix;
  package = name: {
    type = "derivation";
    inherit name system;
    outPath = "${packages}/${name}";
    meta.mainProgram = name;
  };
  # of stdenv's initialPath, and the shell
  initialPath = map package [
    "bash"
    "coreutils"
    "diffutils"
    "findutils"
    "gawk"
    "gnugrep"
    "gnumake"
    "gnused"
    "gnutar"
    "gzip"
    "patch"
    "xz"
  ];
  mkDerivation =
    attributes:
    derivation (
      removeAttrs attributes [
        "env"
        "meta"
      ]
      // (attributes.env or { })
      // more
      // {
        inherit system initialPath;
        builder = "/bin/sh";
        args = [ ./setup.sh ];
      }
    );
in
lib.genAttrs [
  "actionlint"
  "cacert"
  "cachix"
  "cargo-audit"
  "cargo-auditable"
  "cargo-deny"
  "cargo-llvm-cov"
  "cargo-nextest"
  "check-jsonschema"
  "cosign"
  "git"
  "gitMinimal"
  "less"
  "libssh2"
  "makeBinaryWrapper"
  "mypy"
  "nix"
  "nixfmt-tree"
  "openssl"
  "pkg-config"
  "qemu-user"
  "ruff"
  "shellcheck"
  "sqlite"
  "trivy"
  "zizmor"
  "zlib"
] package
// {
  inherit lib;
  stdenv = {
    inherit mkDerivation;
    hostPlatform = { inherit system; };
  };
  stdenvNoCC = { inherit mkDerivation; };
  python3.withPackages =
    choose:
    package "python3"
    // {
      modules = map (module: module.name) (
        choose (lib.genAttrs [ "coverage" "httpx" "hypothesis" "jsonschema" "markdown-it-py" "pytest" "pytest-xdist" ] package)
      );
    };
}
