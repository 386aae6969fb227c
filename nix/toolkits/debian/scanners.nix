# { audit; deny }, each { advisoryDb } -> derivation: what is known of the workspace's crates, without network.
{
  check,
  tools,
  unavailable,
  src,
  # where the workspace's manifest is, below src
  folder,
  # what decides which crates there are, and nothing else
  manifests,
}:
let
  place = if folder == "." then src else src + "/${folder}";
  # where cargo-deny looks
  hasPolicy = builtins.any (name: builtins.pathExists (place + "/${name}")) [
    "deny.toml"
    ".deny.toml"
    ".cargo/deny.toml"
  ];

  # both tools in both: cargo-audit tells how many advisories a database has
  over =
    advisoryDb: label: values:
    if tools.cargo-audit ? reason then
      tools.cargo-audit
    else if !builtins.pathExists (advisoryDb + "/crates") then
      unavailable "no advisory database: give one with --override-input advisory-db path:FOLDER (a checkout of RustSec's advisory-db)"
    else
      check label "scanners.${label}" (
        {
          layers = [ ];
          modules = [ ];
          audit = "${tools.cargo-audit}";
          database = "${advisoryDb}";
          # seconds since 1970; a tree in the store has lost its date
          modified = advisoryDb.lastModified or 0;
        }
        // values
      );
in
{
  audit = { advisoryDb }: over advisoryDb "audit" { src = manifests; };

  deny =
    { advisoryDb }:
    if hasPolicy then
      over advisoryDb "deny" { deny = "${tools.cargo-deny}"; }
    else
      unavailable "the workspace has no deny.toml, so that cargo-deny has no policy to hold it to";
}
