# { channel, libraries, packages, workspace, commands } -> a shell to work on the Rust workspace in, with the toolchain and the tools of its checks.
{
  pkgs,
  tool,
  toolchain,
  unavailable,
}:
{
  channel,
  libraries,
  packages,
  workspace,
  commands,
}:
let
  inherit (pkgs) lib;
  compiler = toolchain {
    inherit channel;
    extensions = [
      "rust-analyzer"
      "rust-src"
    ];
  };
  linked = import ./libraries.nix { inherit lib pkgs; } libraries;
  programs = map tool [
    "cargo-audit"
    "cargo-deny"
    "cargo-nextest"
    "git"
  ];
in
if compiler == null then
  unavailable "the nixpkgs toolkit has Rust stable, beta and nightly, not ${channel}"
else
  pkgs.stdenv.mkDerivation {
    name = "nanna-ci-shell";
    nativeBuildInputs = [
      commands
      (compiler pkgs)
      pkgs.pkg-config
    ]
    ++ builtins.filter lib.isDerivation programs
    ++ (import ./packages.nix { inherit lib; } packages).from pkgs;
    buildInputs = linked.inputs pkgs;
    env = linked.environment // lib.optionalAttrs (workspace != null) { NANNA_CI_WORKSPACE = "${workspace}"; };
    # `nix develop` reads the environment and builds nothing; building it anyway gives an empty file
    dontUnpack = true;
    installPhase = "touch $out";
  }
