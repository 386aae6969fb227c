# step -> { environment; programs; home }: what the nixpkgs toolkit's derivations of a workspace see, as it asks crane for them.
{ libraries }:
let
  system = "x86_64-linux";
  pkgs = import ./. { inherit system; } // {
    buildPackages = import ./. { inherit system; };
  };
  rust =
    import ../../nix/toolkits/nixpkgs/rust.nix
      {
        inherit pkgs system;
        crane = import ./crane.nix;
        packagesFor = _: pkgs;
        toolchain = _: (_: "toolchain");
        unavailable = reason: throw reason;
      }
      {
        channel = "stable";
        src = ../workspace;
        name = "workspace";
        binaries = [ "harness" ];
        libraries = builtins.fromJSON libraries;
      };
  seen = arguments: {
    environment = arguments.env or { };
    programs = map (package: package.name) (arguments.nativeBuildInputs or [ ]);
    home = builtins.match ".*export HOME=.*" (arguments.preCheck or "") != null;
  };
in
builtins.mapAttrs (_: seen) {
  inherit (rust)
    clippy
    deps
    doc
    fmt
    ;
  build = rust.build { };
  unit = rust.nextest { kind = "unit"; };
  integration = rust.nextest { kind = "integration"; };
}
