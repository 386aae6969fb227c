# [cargo] of pipeline.toml -> the words of every cargo command that compiles the workspace. Dependencies are built with the
# same flags as what depends on them: others would build everything twice. (Its twin: nanna_ci.binaries.cargo.workspace_flags.)
{
  all_features,
  features,
  no_default_features,
  exclude,
  arguments,
  ...
}:
let
  when = condition: words: if condition then words else [ ];
in
[
  "--workspace"
  "--locked"
]
++ map (package: "--exclude=${package}") exclude
++ when all_features [ "--all-features" ]
++ when no_default_features [ "--no-default-features" ]
++ when (features != [ ]) [ "--features=${builtins.concatStringsSep "," features}" ]
++ arguments
