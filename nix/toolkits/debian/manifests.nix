# What decides which dependencies a workspace has, found by names alone: nothing in the source is read or parsed here, so
# that a file which only looks like a manifest is harmless. Which of the files count is for cargo to say, in the build.
#
#   src -> { path; targets; }
#     path      the source with nothing but manifests, lock files, cargo's configuration, and crates vendored in the tree
#     targets   a file with a line for each target that cargo would find by its place beside a manifest, as a path below
#               the source: src/lib.rs, src/main.rs, build.rs, and one name of our own for all of src/bin, tests, … together
#
# A change of code leaves both as they are; so does one more file in src/bin, tests, examples or benches, but for the first.
src:
let
  inherit (builtins)
    attrNames
    baseNameOf
    concatMap
    concatStringsSep
    elem
    filter
    listToAttrs
    match
    readDir
    stringLength
    substring
    ;

  at = place: if place == "" then src else src + "/${place}";
  join = place: name: if place == "" then name else "${place}/${name}";

  wanted = [
    "Cargo.toml"
    "Cargo.lock"
    "rust-toolchain"
    "rust-toolchain.toml"
  ];
  is = type: entries: name: (entries.${name} or null) == type;
  # a link may lead to a file, so that only a folder is excluded; links to folders are not followed
  isFile = entries: name: entries ? ${name} && !is "directory" entries name;
  entriesOf =
    place: entries: name:
    if is "directory" entries name then readDir (at (join place name)) else { };

  everything =
    place:
    let
      entries = readDir (at place);
    in
    concatMap (
      name: if is "directory" entries name then everything (join place name) else [ (join place name) ]
    ) (attrNames entries);

  # whether a folder like src/bin or tests holds a target: NAME.rs or NAME/main.rs
  holdsTarget =
    place:
    let
      entries = readDir (at place);
      isTarget =
        name:
        if is "directory" entries name then
          (readDir (at (join place name))) ? "main.rs"
        else
          match ".*[.]rs" name != null;
    in
    filter isTarget (attrNames entries) != [ ];

  targetsBeside =
    place: entries:
    let
      code = entriesOf place entries "src";
      # what is behind a link is not known: both, since one too many does no harm
      linked = is "symlink" entries "src";
      folder =
        parent: name: path:
        if is "directory" parent name && holdsTarget (join place path) then [ "${path}/nanna_ci_stand_in.rs" ] else [ ];
      single = condition: path: if condition then [ path ] else [ ];
    in
    map (join place) (
      single (linked || isFile code "lib.rs") "src/lib.rs"
      ++ single (linked || isFile code "main.rs") "src/main.rs"
      ++ single (isFile entries "build.rs") "build.rs"
      ++ folder code "bin" "src/bin"
      ++ concatMap (name: folder entries name name) [
        "tests"
        "examples"
        "benches"
      ]
    );

  # place -> { files; targets } of the folder and all below it
  walk =
    place:
    let
      entries = readDir (at place);
      names = attrNames entries;
      folders = filter (name: is "directory" entries name && !elem name [ ".cargo" ".git" ]) names;
      below = map (name: walk (join place name)) folders;
    in
    # a folder that says of itself that it is a cache, as cargo's target does
    if place != "" && entries ? "CACHEDIR.TAG" then
      {
        files = [ ];
        targets = [ ];
      }
    # a crate that was vendored into the tree: cargo verifies all of its files
    else if entries ? ".cargo-checksum.json" then
      {
        files = everything place;
        targets = [ ];
      }
    else
      {
        files =
          map (join place) (filter (isFile entries) wanted)
          ++ (if is "directory" entries ".cargo" then everything (join place ".cargo") else [ ])
          ++ concatMap (found: found.files) below;
        targets =
          (if isFile entries "Cargo.toml" then targetsBeside place entries else [ ])
          ++ concatMap (found: found.targets) below;
      };
  found = walk "";

  # a file and every folder above it
  chain = file: [ file ] ++ (if elem (dirOf file) [ "." "" ] then [ ] else chain (dirOf file));
  dirOf = file: let parts = match "(.*)/[^/]*" file; in if parts == null then "" else builtins.head parts;
  kept = listToAttrs (
    map (name: {
      inherit name;
      value = null;
    }) (concatMap chain found.files)
  );
  root = "${toString src}/";
  below = path: substring (stringLength root) (stringLength path) path;
in
{
  path = builtins.path {
    path = src;
    # one name for every origin, and the folder that the source itself is unpacked to: cargo's fingerprints hold it
    name = "source";
    filter = path: _: kept ? ${below path};
  };
  # not as JSON: names need not be UTF-8
  targets = builtins.toFile "targets" (concatStringsSep "\n" (filter (path: match ".*\n.*" path == null) found.targets));
}
