# What pipeline.toml says of cargo -> what both toolkits give to it:
#
#   { flags          words of every command that compiles the workspace: dependencies are built with the same as what
#                    depends on them, for others would build everything twice
#     environment    variables of every step that compiles or tests
#     lints          what follows clippy's `--`
#     rustdocFlags   RUSTDOCFLAGS of the documentation
#     defaultPolicy  { file; arguments }: what cargo-deny holds a workspace without deny.toml to
#     testFilters    a kind of test -> the filterset of nextest that chooses it, of those that [nextest] lets run
#     testProfile }  lines of nextest's profile, with their newlines; none if the workspace's nextest.toml shall say it
#
# Its twin, for cargo outside of Nix: nanna_ci.binaries.cargo_settings.
{
  cargo,
  clippy,
  doc,
  nextest,
  ...
}:
let
  inherit (builtins) concatStringsSep filter;
  when = condition: words: if condition then words else [ ];
  denied =
    table:
    when table.deny_warnings [
      "-D"
      "warnings"
    ];
in
{
  flags = [
    "--workspace"
    "--locked"
  ]
  ++ map (package: "--exclude=${package}") cargo.exclude
  ++ when cargo.all_features [ "--all-features" ]
  ++ when cargo.no_default_features [ "--no-default-features" ]
  ++ when (cargo.features != [ ]) [ "--features=${concatStringsSep "," cargo.features}" ]
  ++ cargo.arguments;

  inherit (cargo) environment;

  lints = denied clippy ++ clippy.arguments;

  rustdocFlags = concatStringsSep " " (
    filter (words: words != "") ([ (cargo.environment.RUSTDOCFLAGS or "") ] ++ denied doc)
  );

  defaultPolicy = {
    file = ./deny.toml;
    arguments = [
      "--warn=unmaintained"
      "--warn=unsound"
      "--warn=notice"
    ];
  };

  # By nextest's filter and not by cargo's --lib, --bins and --test: those fail in a workspace without such a target.
  # Together the two leave out nothing.
  testFilters =
    builtins.mapAttrs (_: kind: if nextest.filter == null then kind else "${kind} and (${nextest.filter})")
      {
        unit = "not kind(test)";
        integration = "kind(test)";
      };

  testProfile = concatStringsSep "" (
    when (nextest.retries != null) [ "retries = ${toString nextest.retries}\n" ]
    ++ when (nextest.flaky_result != null) [ "flaky-result = \"${nextest.flaky_result}\"\n" ]
    ++ when (nextest.timeout_s != null) [
      "slow-timeout = { period = \"${toString nextest.timeout_s}s\", terminate-after = 1 }\n"
    ]
  );
}
