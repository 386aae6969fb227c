# kind -> all tests of that kind, none left out after a failure; $out/junit.xml. Where tests fail, their JUnit stands at the
# log's end (../debian/builder/junit_trailer.py says how, and why nothing else can write that).
{
  check,
  craneLib,
  # [nextest] of pipeline.toml
  nextest,
  pkgs,
  # kind -> nextest's filterset
  testFilters,
  # lines of our profile
  testProfile,
  # shell
  refuseAlias,
}:
kind:
let
  inherit (pkgs) lib;
  # A profile of ours, in which the workspace's own [profile.default] counts. Where both define a profile the workspace's file
  # wins, so it has a name that no source can hold: one that is made of the source's own hash.
  profile = "nanna-ci-${builtins.substring 0 16 (builtins.hashString "sha256" "${check.src}")}";
  settings = builtins.toFile "nextest.toml" (
    lib.concatLines [
      "[profile.${profile}]"
      testProfile
      "[profile.${profile}.junit]"
      ''path = "junit.xml"''
    ]
  );
  junit = "target/nextest/${profile}/junit.xml";
  arguments = [
    # as words, not as variables: a test may call cargo on a workspace of its own, which must not build into this folder
    "--target-dir=target"
    ''--config=build.build-dir="target"''
    "--no-fail-fast"
    "--no-tests=pass"
    "--tool-config-file=nanna-ci:${settings}"
    "--profile=${profile}"
    "-E"
    testFilters.${kind}
  ]
  ++ nextest.arguments;
in
craneLib.cargoNextest (
  check
  // {
    pname = "${check.pname}-${kind}";
    nativeBuildInputs = check.nativeBuildInputs ++ [ pkgs.gitMinimal ];
    cargoNextestExtraArgs = lib.escapeShellArgs arguments;
    # what tests need of their environment: folders of their own, a name, a time zone, no terminal; the sandbox has none
    preBuild = refuseAlias;
    preCheck = "unset CARGO_TARGET_DIR CARGO_BUILD_BUILD_DIR; export HOME=$(mktemp -d) XDG_RUNTIME_DIR=$(mktemp -d)";
    env = check.env // {
      USER = "nixbld";
      LOGNAME = "nixbld";
      TZ = "UTC";
      TERM = "dumb";
    };
    installPhaseCommand = "install -D -m 444 ${junit} $out/junit.xml";
    # stdenv's exit handler has the exit code of what failed
    failureHook = "${pkgs.python3}/bin/python3 -I ${../debian/builder/junit_trailer.py} $$ $exitCode ${junit}";
  }
)
