# src -> folder -> { path; version; file }: the workspace as cargo sees it, wherever it comes from.
{ lib }:
src: folder:
let
  # What tools leave in a work tree, at its root. A source out of git has none of it; without git, target/ alone is gigabytes
  # that change with every build. All else stays: tests and include_str! may read any file.
  droppings = [
    ".direnv"
    ".git"
    ".nanna-ci"
    "result"
    "target"
  ];
  root = toString src;
  path = builtins.path {
    path = src;
    # one name for every origin: it is the folder that a build unpacks to, and cargo's fingerprints hold that
    name = "source";
    filter = path: _: !(dirOf path == root && builtins.elem (baseNameOf path) droppings);
  };
  manifest = builtins.fromTOML (builtins.readFile "${path}/${folder}/Cargo.toml");
  stated = [
    (manifest.package.version or null)
    (manifest.workspace.package.version or null)
  ];
in
{
  inherit path;
  # `version.workspace = true` makes the first an attribute set
  version = lib.findFirst builtins.isString "0" stated;
  # names -> the text of the first such file that there is, or null
  file =
    names:
    let
      found = lib.findFirst (name: builtins.pathExists "${path}/${folder}/${name}") null names;
    in
    if found == null then null else builtins.readFile "${path}/${folder}/${found}";
}
