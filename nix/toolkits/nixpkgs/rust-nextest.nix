# kind -> all tests of that kind, none left out after a failure; $out/junit.xml.
{
  check,
  craneLib,
  pkgs,
}:
kind:
let
  # By nextest's filter and not by cargo's --lib, --bins and --test: those fail in a workspace without such a target.
  # Together the two leave out nothing.
  filters = {
    unit = "not kind(test)";
    integration = "kind(test)";
  };
  # the profile of nextest.toml, in which the workspace's own [profile.default] counts
  arguments = [
    "--no-fail-fast"
    "--no-tests=pass"
    "--tool-config-file=nanna-ci:${./nextest.toml}"
    "--profile=nanna-ci"
    "-E '${filters.${kind}}'"
  ];
in
craneLib.cargoNextest (
  check
  // {
    pname = "${check.pname}-${kind}";
    nativeBuildInputs = check.nativeBuildInputs ++ [ pkgs.gitMinimal ];
    cargoNextestExtraArgs = toString arguments;
    # tests may write below their home; the sandbox has none
    preCheck = "export HOME=$(mktemp -d)";
    installPhaseCommand = "install -D -m 444 target/nextest/nanna-ci/junit.xml $out/junit.xml";
  }
)
