# { audit; deny }, each { advisoryDb } -> derivation: what is known of the workspace's crates, without network.
{
  check,
  tools,
  src,
  # where the workspace's manifest is, below src
  folder,
  # for a workspace that has none: ../../cargo-words.nix
  defaultPolicy,
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
    else
      check label "scanners.${label}" (
        {
          layers = [ ];
          modules = [ ];
          audit = "${tools.cargo-audit}";
          database = "${advisoryDb}";
          # seconds since 1970; what is no commit has the time at which somebody copied it
          modified = if advisoryDb ? rev then advisoryDb.lastModified else 0;
        }
        // values
      );
in
{
  audit = { advisoryDb }: over advisoryDb "audit" { src = manifests; };

  deny =
    { advisoryDb }:
    over advisoryDb "deny" {
      deny = "${tools.cargo-deny}";
      policy =
        if hasPolicy then
          null
        else
          {
            file = "${defaultPolicy.file}";
            inherit (defaultPolicy) arguments;
          };
    };
}
