# A stand-in for crane: each function answers its own arguments, so that a test can read what nix/toolkits/nixpkgs asks for.
{
  mkLib =
    _:
    let
      craneLib = {
        overrideToolchain = _: craneLib;
        vendorCargoDeps = _: "/vendored";
        writeTOML = name: _: "/${name}";
        buildDepsOnly = arguments: arguments;
        buildPackage = arguments: arguments;
        cargoAudit = arguments: arguments;
        cargoClippy = arguments: arguments;
        cargoDoc = arguments: arguments;
        cargoFmt = arguments: arguments;
        cargoNextest = arguments: arguments;
        mkCargoDerivation = arguments: arguments;
      };
    in
    craneLib;
}
