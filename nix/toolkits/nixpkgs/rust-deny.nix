# { advisoryDb } -> cargo-deny by the workspace's policy, with no network: the advisories are those of advisoryDb, whatever
# databases the policy names. Whether a crate was yanked only the registry knows: that question stays open here.
{
  checked,
  craneLib,
  pkgs,
  source,
  unavailable,
}:
{ advisoryDb }:
let
  # where cargo-deny looks, in its order
  text = source.file [
    "deny.toml"
    ".deny.toml"
    ".cargo/deny.toml"
  ];
  policy = builtins.fromTOML text;
  own = policy // {
    advisories = removeAttrs (policy.advisories or { }) [
      "db-path"
      "db-urls"
      "git-fetch-with-cli"
    ];
  };
  # A database's folder is named after the XxHash64 of its URL, here RustSec's, the default. cargo-deny wants a git repository,
  # and refuses an old one by the time of its FETCH_HEAD; how old the pinned one may get is flake.lock's business.
  database = "$CARGO_HOME/advisory-dbs/advisory-db-3157b0e258782691";
in
if text == null then
  unavailable "the workspace has no deny.toml, so that cargo-deny has no policy to hold it to"
else
  craneLib.mkCargoDerivation {
    inherit (checked)
      pname
      version
      src
      cargoVendorDir
      ;
    postUnpack = checked.postUnpack or "";
    pnameSuffix = "-deny";
    cargoArtifacts = null;
    doInstallCargoArtifacts = false;
    nativeBuildInputs = [
      pkgs.cargo-deny
      pkgs.gitMinimal
    ];
    preBuild = ''
      install -d ${database} && cp -r --no-preserve=mode ${advisoryDb}/crates ${database}
      git init --quiet ${database} && touch ${database}/.git/FETCH_HEAD
      cp --no-preserve=mode ${craneLib.writeTOML "deny.toml" own} deny.toml
    '';
    buildPhaseCargoCommand = "cargo deny --offline --locked check --allow index-failure";
  }
