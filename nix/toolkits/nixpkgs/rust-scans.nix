# { audit; deny }, each { advisoryDb } -> derivation: what is known of the workspace's crates, with no network, by the same
# steps as in the Debian toolkit.
{
  checked,
  # for a workspace that has none: ../../cargo-words.nix
  defaultPolicy,
  pkgs,
  shared,
  source,
}:
let
  # where cargo-deny looks
  hasPolicy =
    source.file [
      "deny.toml"
      ".deny.toml"
      ".cargo/deny.toml"
    ] != null;
  # both have cargo-audit, which tells how many advisories a database has
  over = advisoryDb: [
    "${pkgs.cargo-audit}/bin/cargo-audit"
    "${advisoryDb}"
    # what is no commit has the time at which somebody copied it
    (toString (if advisoryDb ? rev then advisoryDb.lastModified else 0))
  ];
in
{
  audit = { advisoryDb }: shared.audit checked (over advisoryDb);

  deny =
    { advisoryDb }:
    shared.deny checked (
      over advisoryDb
      ++ [ "${pkgs.cargo-deny}/bin/cargo-deny" ]
      ++ pkgs.lib.optionals (!hasPolicy) ([ "${defaultPolicy.file}" ] ++ defaultPolicy.arguments)
    );
}
