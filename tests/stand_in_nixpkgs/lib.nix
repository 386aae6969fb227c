# A stand-in for nixpkgs' lib: the functions that nix/toolkits/nixpkgs calls, and no others.
let
  inherit (builtins)
    concatMap
    concatStringsSep
    elemAt
    filter
    foldl'
    isAttrs
    isString
    length
    listToAttrs
    match
    mapAttrs
    replaceStrings
    stringLength
    substring
    ;
  recursiveUpdate =
    left: right:
    left
    // mapAttrs (
      name: value:
      if isAttrs value && isAttrs (left.${name} or null) && !isDerivation value then recursiveUpdate left.${name} value else value
    ) right;
  isDerivation = value: (value.type or null) == "derivation";
in
{
  inherit (builtins) attrNames concatLists concatStringsSep;
  inherit isDerivation recursiveUpdate;
  concatLines = lines: concatStringsSep "" (map (line: "${line}\n") lines);
  concatMapStringsSep =
    separator: function: list:
    concatStringsSep separator (map function list);
  escapeShellArg = word: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString word)}'";
  escapeShellArgs = list: concatStringsSep " " (map (word: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString word)}'") list);
  findFirst =
    predicate: default: list:
    let
      found = filter predicate list;
    in
    if found == [ ] then default else builtins.head found;
  genAttrs =
    names: function:
    listToAttrs (
      map (name: {
        inherit name;
        value = function name;
      }) names
    );
  last = list: elemAt list (length list - 1);
  makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);
  mapAttrsToList = function: set: builtins.attrValues (mapAttrs function set);
  mergeAttrsList = foldl' (all: set: all // set) { };
  meta.availableOn = _: _: true;
  optional = condition: value: if condition then [ value ] else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  optionalString = condition: text: if condition then text else "";
  optionals = condition: list: if condition then list else [ ];
  remove = unwanted: filter (value: value != unwanted);
  removePrefix =
    prefix: text:
    if substring 0 (stringLength prefix) text == prefix then
      substring (stringLength prefix) (stringLength text) text
    else
      text;
  splitString = separator: text: filter isString (builtins.split (replaceStrings [ "." ] [ "[.]" ] separator) text);
}
