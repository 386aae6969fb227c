# One derivation a pure job. The default channel's check is KIND, another channel's KIND-CHANNEL.
{
  lib,
  toolkit,
  pipeline,
  workspace,
  advisoryDb,
}:
let
  scan =
    make: rust:
    if builtins.pathExists (advisoryDb + "/crates") then
      make rust { inherit advisoryDb; }
    else
      toolkit.unavailable "no advisory database: give one with --override-input advisory-db path:FOLDER (a checkout of RustSec's advisory-db)";
  # kind -> what makes its derivation from a channel's toolchain functions
  make = {
    unit = rust: rust.nextest { kind = "unit"; };
    integration = rust: rust.nextest { kind = "integration"; };
    clippy = rust: rust.clippy;
    fmt = rust: rust.fmt;
    doc = rust: rust.doc;
    coverage = rust: rust.coverage;
    audit = scan (rust: rust.audit);
    deny = scan (rust: rust.deny);
  };
  check =
    kind: channel:
    let
      rust = workspace.rust.${channel};
    in
    {
      name = if channel == pipeline.toolchain.default then kind else "${kind}-${channel}";
      value = if lib.isUnavailable rust then rust else make.${kind} rust;
    };
  # several [[test]] of one kind, for different runners, share its derivations
  checksOf = test: map (check test.kind) test.channels;
in
builtins.listToAttrs (builtins.concatMap checksOf pipeline.test)
