# src -> folder -> { path; manifests; version; file }: the source as cargo sees it, wherever it comes from, and the folder in
# it that has the workspace's manifests.
{ lib }:
src: folder:
let
  path = import ../debian/work-tree.nix src;
  manifests = if folder == "." then path else "${path}/${folder}";
  # By lines, for names of derivations alone: what is wrong with a manifest is for cargo to say, in a build.
  lines = builtins.filter builtins.isString (
    builtins.split "\n" (builtins.readFile "${manifests}/Cargo.toml")
  );
  stated = builtins.filter (match: match != null) (
    map (builtins.match "version *= *\"([0-9][0-9A-Za-z.+-]*)\".*") lines
  );
in
{
  inherit path manifests;
  version = if stated == [ ] then "0" else builtins.head (builtins.head stated);
  # names -> the text of the first such file that there is, or null
  file =
    names:
    let
      found = lib.findFirst (name: builtins.pathExists "${manifests}/${name}") null names;
    in
    if found == null then null else builtins.readFile "${manifests}/${found}";
}
