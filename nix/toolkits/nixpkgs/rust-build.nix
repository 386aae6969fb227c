# The workspace's binaries in bin/, in the release profile, for the system that crane's package set is for.
{
  binaries,
  common,
  craneLib,
  shared,
}:
let
  arguments = common // {
    # the tests are checks of their own
    doCheck = false;
    cargoExtraArgs = "${common.cargoExtraArgs} --bins";
  };
in
craneLib.buildPackage (
  shared.over arguments [ (shared.dependencies arguments "release") ]
  // {
    # fails, and says which, if cargo did not build a binary that pipeline.toml names
    postInstall = "ls -d -- $out ${toString (map (binary: "$out/bin/${binary}") binaries)}";
  }
)
