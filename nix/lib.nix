# The few functions that the rest shares. Pure builtins: no toolkit, no nixpkgs.
let
  duplicates = left: right: builtins.attrNames (builtins.intersectAttrs left right);
in
rec {
  # The union of output sets. A name in two of them throws: `//` would drop one without a word.
  mergeDisjoint =
    what: sets:
    builtins.foldl' (
      merged: set:
      let
        twice = duplicates merged set;
      in
      if twice == [ ] then
        merged // set
      else
        throw "${what}: defined twice: ${builtins.concatStringsSep ", " twice}; rename one of them"
    ) { } sets;

  filterAttrs =
    keep: set:
    builtins.listToAttrs (
      builtins.concatMap (
        name:
        if keep name set.${name} then
          [
            {
              inherit name;
              value = set.${name};
            }
          ]
        else
          [ ]
      ) (builtins.attrNames set)
    );

  genAttrs =
    names: make:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = make name;
      }) names
    );

  # A toolkit says of what it cannot make: { type = "unavailable"; reason = "…"; }.
  isUnavailable = value: (value.type or null) == "unavailable";
  available = filterAttrs (_: value: !isUnavailable value);
  reasons = set: builtins.mapAttrs (_: value: value.reason) (filterAttrs (_: isUnavailable) set);

  prefixNames =
    prefix: set:
    builtins.listToAttrs (
      map (name: {
        name = prefix + name;
        value = set.${name};
      }) (builtins.attrNames set)
    );
}
