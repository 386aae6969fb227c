# { advisoryDb } -> cargo-audit over Cargo.lock, by the workspace's .cargo/audit.toml where it has one, with no network.
{
  checked,
  craneLib,
  source,
}:
{ advisoryDb }:
let
  text = source.file [ ".cargo/audit.toml" ];
  own = if text == null then { } else builtins.fromTOML text;
  # only the registry knows what was yanked: offline, cargo-audit prints an error for every crate, and goes on
  offline = own // {
    yanked = (own.yanked or { }) // {
      enabled = false;
    };
  };
in
craneLib.cargoAudit {
  inherit (checked) pname version src;
  postUnpack = checked.postUnpack or "";
  advisory-db = "${advisoryDb}";
  cargoAuditExtraArgs = "";
  preBuild = "install -D -m 644 ${craneLib.writeTOML "audit.toml" offline} .cargo/audit.toml";
}
