# pipeline.toml, read with builtins only: every key of a known name and type, every default filled in, names as in the file.
#
#   import ./pipeline.nix { file = ./pipeline.toml; }
#   import ./pipeline.nix { text = "[workspace]\nname = \"x\""; source = "where it came from"; }
#     -> { workspace; cargo; clippy; doc; nextest; toolchain; target = [ … ]; test = [ … ]; image = [ … ]; model = [ … ];
#          cache; security; coverage; budget }, each with the keys of keys.json
#
# keys.json is the table of keys, types and defaults, for this reader and for scripts/nanna_ci/pipeline. That one explains
# what is wrong with a file and how to fix it, and compares its fields with each other; here a wrong key is named, no more.
# `refuse` gets the message; by default it ends the evaluation.
{
  file ? null,
  text ? builtins.readFile file,
  source ? if file == null then "pipeline.toml" else toString file,
  refuse ? throw,
}:
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    concatMap
    elem
    elemAt
    filter
    fromJSON
    genList
    hasAttr
    head
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isString
    length
    listToAttrs
    map
    match
    readFile
    removeAttrs
    stringLength
    ;

  keys = fromJSON (readFile ../scripts/nanna_ci/pipeline/keys.json);
  systemFacts =
    fact: map (name: if fact == "name" then name else keys.systems.${name}.${fact}) (attrNames keys.systems);

  # --- Does a value fit a type? -------------------------------------------------------------------------------------------
  limit = 200; # bytes of a string: match overflows the stack on long ones
  fitsPattern = pattern: value: isString value && stringLength value <= limit && match pattern value != null;
  # a <= b is !(b < a) to Nix, which NaN passes
  within =
    range: value:
    let
      least = head range;
      most = elemAt range 1;
    in
    (least < value || least == value) && (value < most || value == most);
  isVariable =
    type: name: value:
    fitsPattern type.variables name && match type.reserved name == null && fitsPattern type.pattern value;
  fits =
    type: value:
    if type ? boolean then
      isBool value
    else if type ? integer then
      isInt value && within type.integer value
    else if type ? number then
      (isInt value || isFloat value) && within type.number value
    else if type ? variables then
      isAttrs value && all (name: isVariable type name value.${name}) (attrNames value)
    else if type ? program then
      fitsPattern type.pattern value && !(elem (head (match "([^=]*).*" value)) type.reserved)
    else if type ? pattern then
      fitsPattern type.pattern value
    else
      isString value && elem value (type.choice or (systemFacts type.of_systems));
  areDistinct =
    values:
    length values == length (attrNames (listToAttrs (map (name: { inherit name; value = null; }) values)));
  fitsKey =
    key: value:
    let
      type = keys.types.${key.type};
    in
    if !(key ? many) then
      fits type value
    else
      isList value && all (fits type) value && (key.many != "some" || value != [ ]) && (key.many == "any" || areDistinct value);

  # --- Names of what is wrong -----------------------------------------------------------------------------------------------
  wrongKeys =
    section: path: table:
    if !isAttrs table then
      [ path ]
    else
      map (name: "${path}.${name}") (attrNames (removeAttrs table (map (key: key.name) section.keys)))
      ++ concatMap (
        key:
        if (if hasAttr key.name table then fitsKey key table.${key.name} else !(key.required or false)) then
          [ ]
        else
          [ "${path}.${key.name}" ]
      ) section.keys;
  raw = builtins.addErrorContext "while reading ${source}" (builtins.fromTOML text);
  given = section: raw.${section.name} or (if section.array then [ ] else { });
  wrongIn =
    section:
    if !section.array then
      wrongKeys section section.name (given section)
    else if !isList (given section) then
      [ section.name ]
    else
      concatLists (
        genList (
          i: wrongKeys section "${section.name}[${toString i}]" (elemAt (given section) i)
        ) (length (given section))
      );
  wrong =
    map (name: "[${name}]") (attrNames (removeAttrs raw (map (section: section.name) keys.sections)))
    ++ concatMap wrongIn keys.sections;

  # --- Values, with defaults; those that depend on other fields come last -----------------------------------------------
  fill =
    section: table:
    listToAttrs (
      map (key: {
        inherit (key) name;
        value = table.${key.name} or (key.default or null);
      }) section.keys
    );
  section = name: head (filter (one: one.name == name) keys.sections);
  filled = listToAttrs (
    map (one: {
      inherit (one) name;
      value = if one.array then map (fill one) (given one) else fill one (given one);
    }) keys.sections
  );
  or' = default: value: if value == null then default else value;
  toolchain = filled.toolchain // {
    default = or' (head filled.toolchain.channels) filled.toolchain.default;
  };
  completeTarget =
    target:
    let
      facts = keys.systems.${target.system};
    in
    target
    // {
      triple = or' facts.triple target.triple;
      runner = or' facts.runner target.runner;
      strategies = or' keys.strategies.${facts.os}.default target.strategies;
    };
  targets =
    if raw ? target then
      filled.target
    else if filled.workspace.binaries == [ ] then
      [ ]
    else
      [ (fill (section "target") { system = "x86_64-linux"; }) ];
  tests = if raw ? test then filled.test else map (kind: fill (section "test") { inherit kind; }) keys.default_kinds;
  completeImage =
    image:
    if image.port == null then
      image
    else
      image
      // {
        health_path = or' "/health" image.health_path;
        health_timeout_s = or' 60 image.health_timeout_s;
      };
  value = filled // {
    inherit toolchain;
    target = map completeTarget targets;
    test = map (test: test // { channels = or' [ toolchain.default ] test.channels; }) tests;
    image = map completeImage filled.image;
    coverage = builtins.mapAttrs (_: share: if share == null then null else share * 1.0) filled.coverage;
    budget = filled.budget // {
      cache_hit_rate = filled.budget.cache_hit_rate * 1.0;
      regression_ratio = filled.budget.regression_ratio * 1.0;
    };
  };
  # without these there is nothing to evaluate
  channels = [ toolchain.default ] ++ concatMap (test: test.channels) value.test;
  undeclared = any (channel: !(elem channel toolchain.channels)) channels;
in
if wrong != [ ] then
  refuse "${source}: ${head wrong}: is not what pipeline.toml may say there; `nix run .#plan` says why, and how to fix it"
else if undeclared then
  refuse "${source}: toolchain.channels: lacks a channel that a test or toolchain.default names"
else
  value
