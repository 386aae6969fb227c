# All tests once more, instrumented: $out/junit.xml, lcov.info, coverage.json, crates.json. Where tests fail, their JUnit
# stands at the log's end, as in rust-nextest.nix.
{
  # with llvm-cov and llvm-profdata of the compiler's own release
  toolchainShared,
  checked,
  deps,
  flags,
  # [nextest] of pipeline.toml
  nextest,
  pkgs,
  # lines of our profile
  testProfile,
}:
let
  inherit (pkgs) lib;
  junit = "target/nanna-ci/junit.xml";
in
toolchainShared.coverage
  (
    checked
    // {
      nativeBuildInputs = checked.nativeBuildInputs ++ [ pkgs.gitMinimal ];
      failureHook = "${pkgs.python3}/bin/python3 -I ${../debian/builder/junit_trailer.py} $$ $exitCode ${junit}";
    }
  )
  [ deps ]
  {
    inherit junit;
    words = [
      "${pkgs.cargo-llvm-cov}/bin/cargo-llvm-cov"
      "${pkgs.cargo-nextest}/bin/cargo-nextest"
      testProfile
    ]
    ++ flags
    ++ [ "--" ]
    ++ lib.optionals (nextest.filter != null) [
      "-E"
      nextest.filter
    ]
    ++ nextest.arguments;
  }
