# The workspace's binaries in bin/, in the release profile, for the system that crane's package set is for, each with the list
# of its crates in the section .dep-v0.
{
  # the program cargo-auditable of the machine that builds
  auditable,
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
    # not as a subcommand of cargo, which an alias may replace
    cargoBuildCommand = "${auditable} auditable build --release";
  };
in
craneLib.buildPackage (
  shared.over arguments [ (shared.dependencies arguments [ ] "release") ]
  // {
    # fails, and says which, if cargo did not build a binary that pipeline.toml names
    postInstall = "ls -d -- $out ${toString (map (binary: "$out/bin/${binary}") binaries)}";
  }
)
