# pipeline.toml, read with builtins only: validated, every default filled in, names as in the file.
#
#   import ./pipeline.nix { file = ./pipeline.toml; }
#   import ./pipeline.nix { text = "[workspace]\nname = \"x\""; source = "where it came from"; }
#     -> { workspace = { name folder binaries libraries packages }; toolchain = { channels default };
#          cargo = { all_features features no_default_features exclude arguments environment };
#          clippy = { deny_warnings arguments }; doc = { deny_warnings tests };
#          nextest = { filter retries timeout_s arguments };
#          target = [ { system triple runner strategies } ]; test = [ { kind runners channels } ];
#          image = [ { name contents arguments architectures port health_path health_timeout_s
#                      probe_paths probe_commands model_command } ];
#          model = [ { name image } ];
#          cache = { name public_keys substituters push_filter maximum_size_bytes tarball_ttl_s };
#          budget = { cache_hit_rate pipeline_s image_s binary_s parallel_jobs cache_bytes artifact_bytes regression_ratio } }
#
# Its twin is scripts/nanna_ci/pipeline/definition.py: the same value, the same first problem in the same words, for
# every file (a test holds this). `refuse` gets that message; by default it ends the evaluation.
{
  file ? null,
  text ? builtins.readFile file,
  source ? if file == null then "pipeline.toml" else toString file,
  refuse ? throw,
}:
let
  inherit (builtins) all any attrNames attrValues concatLists concatMap concatStringsSep elem elemAt filter foldl' genList
    groupBy hasAttr head isAttrs isBool isFloat isInt isList isString length lessThan listToAttrs map match sort
    stringLength substring tail toJSON typeOf;

  min = a: b: if a < b then a else b;
  when = condition: problem: if condition then [ ] else [ problem ];
  indexed = f: list: concatLists (genList (i: f i (elemAt list i)) (length list));
  commas = concatStringsSep ", ";

  # --- Problems ---------------------------------------------------------------------------------------------------
  problem = path: says: { inherit path says; hint = null; };
  message = { path, says, hint }: "${source}: ${path}: ${says}" + (if hint == null then "" else "; ${hint}");

  distance = a: b: # Levenshtein, in bytes
    let
      next = row: i: foldl'
        (new: j: new ++ [
          (min (min (elemAt row (j + 1)) (elemAt new j) + 1)
            (elemAt row j + (if substring i 1 a == substring j 1 b then 0 else 1)))
        ]) [ (i + 1) ]
        (genList (j: j) (stringLength b));
    in
    elemAt (foldl' next (genList (j: j) (stringLength b + 1)) (genList (i: i) (stringLength a))) (stringLength b);

  nearest = word: options: # within two edits, the first of equals; null where nothing is near
    let
      near = filter (o: o.far <= 2 && o.far < stringLength word) (map (name: { inherit name; far = distance word name; }) options);
      best = foldl' (a: b: if b.far < a.far then b else a) (head near) near;
    in
    if stringLength word > 64 || near == [ ] then null else best.name;
  suggest = word: options: otherwise:
    let name = nearest word options; in if name == null then otherwise else "did you mean ${toJSON name}?";

  known = options: if options == [ ] then "there is none" else "known: ${commas options}";

  limit = 200; # bytes of a string: match overflows the stack on long ones

  typeName = value: {
    bool = "a boolean"; float = "a float"; int = "an integer"; list = "an array"; set = "a table"; string = "a string";
  }.${typeOf value};
  wrongType = path: wanted: value: problem path "must be ${wanted}, not ${typeName value}";

  # --- Kinds: path -> value -> [ problem ] --------------------------------------------------------------------------
  string = pattern: wanted: path: value:
    if !isString value then [ (wrongType path "a string" value) ]
    else when (stringLength value <= limit && match pattern value != null) (problem path "is not ${wanted}");
  choice = options: path: value:
    if !isString value then [ (wrongType path "a string" value) ]
    else when (elem value options)
      (problem path "is not one of ${commas options}" // { hint = suggest value options null; });
  integer = least: most: path: value:
    if !isInt value then [ (wrongType path "an integer" value) ]
    else when (least <= value && value <= most) (problem path "must be from ${toString least} to ${toString most}");
  number = least: most: path: value:
    if !(isInt value || isFloat value) then [ (wrongType path "a number" value) ]
    # a <= b is !(b < a) to Nix, which NaN passes
    else when ((least < value || least == value) && (value < most || value == most))
      (problem path "must be from ${toString least} to ${toString most}");
  arrayOf = kind: path: value:
    if !isList value then [ (wrongType path "an array" value) ]
    else indexed (i: kind "${path}[${toString i}]") value;
  listOf = kind: path: value:
    let wrong = arrayOf kind path value; in
    if wrong != [ ] then wrong else twice (i: "${path}[${toString i}]") value;
  someOf = kind: path: value:
    if value == [ ] then [ (problem path "must not be empty") ] else listOf kind path value;
  twice = path: values: # values that came before
    map (i: problem (path i) "comes twice") (repeated values);
  repeated = values: # the indices of strings that came before
    sort lessThan (concatMap tail (attrValues (groupBy (elemAt values) (genList (i: i) (length values)))));

  boolean = path: value: when (isBool value) (wrongType path "a boolean" value);
  # Words for a program, but those that it is given already: `reserved` are options, with or without `=value`.
  wordsFor = program: reserved: arrayOf (path: value:
    let wrong = string "[ -~]+" "an argument of printable ASCII characters" path value; in
    if wrong != [ ] then wrong
    else when (!elem (head (match "([^=]*).*" value)) reserved)
      (problem path "is not for you to give" // { hint = "the pipeline itself gives ${program} ${commas reserved}"; }));
  variables = path: value:
    if !isAttrs value then [ (wrongType path "a table" value) ]
    else concatMap
      (name:
        let at = "${path}.${name}"; in
        if stringLength name > limit || match "[A-Za-z_][A-Za-z0-9_]*" name == null then [ (problem at "is not the name of a variable") ]
        else if match "(NEXTEST|NIX|NANNA_CI)_.*" name != null || elem name ownVariables
        then [ (problem at "is not for you to give" // { hint = "the pipeline sets it"; }) ]
        else string "[ -~]*" "a value of printable ASCII characters" at value.${name})
      (attrNames value);

  # --- The tables: fields in the order they are checked. No `default`: it must be given. -------------------------------
  field = name: kind: { inherit name kind; };
  optional = name: kind: default: { inherit name kind default; };
  derived = name: kind: optional name kind null; # filled in below, from other fields

  name = string "[A-Za-z0-9_][A-Za-z0-9_-]{0,63}" "a name of letters, digits, _ and -";
  namePattern = path: value:
    if !isString value then [ (wrongType path "a string" value) ]
    else
      let wrong = import ./name-pattern.nix value; in
      when (wrong == null) (problem path "is not a pattern of names: ${wrong.says}" // { inherit (wrong) hint; });
  cacheUrl = "(https?://([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+])(:[0-9]+)?(/[A-Za-z0-9._~/%+=@-]*)?|file:///[A-Za-z0-9._~/%+=@-]*)(\\?[A-Za-z0-9._~/%+=&@:-]*)?";
  lowerName = string "[a-z0-9][a-z0-9-]{0,62}" "a name of lower-case letters, digits and -";
  path = string "/[A-Za-z0-9._~/?=&%-]*" "a path such as /health";
  command = string "[!-~]+( [!-~]+)*" "a command: words of printable ASCII characters, one blank between two";
  # below the source: no folder above it, no absolute path
  folder = string "[.]|[.]?[A-Za-z0-9_-][A-Za-z0-9._-]*(/[.]?[A-Za-z0-9_-][A-Za-z0-9._-]*)*" "a folder below the source, such as rust or crates/app";
  feature = string "[A-Za-z0-9_][A-Za-z0-9_+.-]*(/[A-Za-z0-9_][A-Za-z0-9_+.-]*)?" "a feature, or CRATE/FEATURE";
  # where builds find their programs, their crates, each other's work
  ownVariables = [
    "CARGO_BUILD_BUILD_DIR" "CARGO_BUILD_RUSTC_WRAPPER" "CARGO_BUILD_TARGET" "CARGO_BUILD_TARGET_DIR" "CARGO_HOME"
    "CARGO_TARGET_DIR" "HOME" "PATH" "RUSTC" "RUSTC_WRAPPER" "RUSTDOC"
  ];
  cargoOwn = [
    "--bin" "--bins" "--exclude" "--locked" "--manifest-path" "--message-format" "--no-run" "--package" "--profile" "--release"
    "--target" "--target-dir" "--workspace" "-p" "-r"
  ];
  nextestOwn = [
    "--config-file" "--filter-expr" "--filterset" "--ignore-default-filter" "--no-run" "--no-tests" "--partition" "--profile"
    "--retries" "--tool-config-file" "-E" "-P"
  ];
  channels = [ "stable" "beta" "nightly" ];
  kinds = [ "unit" "integration" "clippy" "fmt" "doc" "audit" "deny" ];

  # Each system: its operating system, Rust's triple, GitHub's runner, the strategies of a target that names none, and all
  # that can make its executables. Cargo outside of Nix is a last resort on Linux, for those who ask for it.
  linux = { os = "linux"; strategies = [ "nix" "nix-cross" "builder" ]; possible = [ "nix" "nix-cross" "builder" "cargo-cross" ]; };
  darwin = { os = "darwin"; strategies = [ "cargo-apple" ]; possible = [ "cargo-apple" ]; };
  windows = { os = "windows"; strategies = [ "cargo-cross" ]; possible = [ "cargo-cross" ]; };
  systems = {
    x86_64-linux = linux // { triple = "x86_64-unknown-linux-gnu"; runner = "ubuntu-24.04"; };
    aarch64-linux = linux // { triple = "aarch64-unknown-linux-gnu"; runner = "ubuntu-24.04-arm"; };
    x86_64-darwin = darwin // { triple = "x86_64-apple-darwin"; runner = "macos-15-intel"; };
    aarch64-darwin = darwin // { triple = "aarch64-apple-darwin"; runner = "macos-15"; };
    x86_64-windows = windows // { triple = "x86_64-pc-windows-msvc"; runner = "windows-2025"; };
  };
  systemNames = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" "x86_64-windows" ];
  runners = map (s: systems.${s}.runner) systemNames;
  systemOf = runner: head (filter (s: systems.${s}.runner == runner) systemNames);

  tables = {
    workspace = [
      (field "name" name)
      (optional "folder" folder ".")
      (optional "binaries" (listOf name) [ ])
      (optional "libraries" (listOf name) [ ])
      (optional "packages" (listOf name) [ ])
    ];
    cargo = [
      (optional "all_features" boolean false)
      (optional "features" (listOf feature) [ ])
      (optional "no_default_features" boolean false)
      (optional "exclude" (listOf name) [ ])
      (optional "arguments" (wordsFor "cargo" cargoOwn) [ ])
      (optional "environment" variables { })
    ];
    clippy = [
      (optional "deny_warnings" boolean true)
      (optional "arguments" (wordsFor "clippy" [ ]) [ ])
    ];
    doc = [
      (optional "deny_warnings" boolean false)
      (optional "tests" boolean true)
    ];
    nextest = [
      (optional "filter" (string "[ -~]+" "a filter of printable ASCII characters") null)
      (optional "retries" (integer 0 100) null)
      (optional "timeout_s" (integer 1 86400) null)
      (optional "arguments" (wordsFor "nextest" nextestOwn) [ ])
    ];
    toolchain = [
      (optional "channels" (someOf (choice channels)) [ "stable" ])
      (derived "default" (choice channels))
    ];
    target = [
      (field "system" (choice systemNames))
      (derived "triple" (choice (map (s: systems.${s}.triple) systemNames)))
      (derived "runner" (choice runners))
      (derived "strategies" (someOf (choice [ "nix" "nix-cross" "builder" "cargo-cross" "cargo-apple" ])))
    ];
    test = [
      (field "kind" (choice kinds))
      (optional "runners" (someOf (choice runners)) [ "ubuntu-24.04" ])
      (derived "channels" (someOf (choice channels)))
    ];
    image = [
      (field "name" lowerName)
      (field "contents" (someOf name))
      (optional "arguments" (arrayOf (string "[ -~]+" "an argument of printable ASCII characters")) [ ])
      (optional "architectures" (someOf (choice [ "x86_64" "aarch64" ])) [ "x86_64" ])
      (optional "port" (integer 1 65535) null)
      (derived "health_path" path)
      (derived "health_timeout_s" (integer 1 3600))
      (optional "probe_paths" (listOf path) [ ])
      (optional "probe_commands" (listOf command) [ ])
      (optional "model_command" command null)
    ];
    model = [
      (field "name" (string "[a-z0-9][a-z0-9._-]*:[A-Za-z0-9_][A-Za-z0-9._-]*" "a model with its tag, such as qwen3:0.6b"))
      (field "image" lowerName)
    ];
    cache = [
      (optional "name" lowerName null)
      (optional "public_keys" (listOf (string "[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=" "a public key, name:base64")) [ ])
      (optional "substituters" (listOf (string cacheUrl "the URL of a cache: http://, https:// or file:///")) [ ])
      (optional "push_filter" (listOf namePattern) [ "(^|-)source$" "\\.tar\\." "^nixpkgs" ])
      (optional "maximum_size_bytes" (integer 1 1000000000000000) 50000000000)
      (optional "tarball_ttl_s" (integer 0 31536000) 300)
    ];
    budget = [
      (optional "cache_hit_rate" (number 0 1) 0.85)
      (optional "pipeline_s" (integer 1 86400) 1200)
      (optional "image_s" (integer 1 86400) 600)
      (optional "binary_s" (integer 1 86400) 300)
      (optional "parallel_jobs" (integer 1 256) 30)
      (optional "cache_bytes" (integer 1 1000000000000000) 50000000000)
      (optional "artifact_bytes" (integer 1 1000000000000000) 100000000)
      (optional "regression_ratio" (number 1 100) 2.0)
    ];
  };
  sections = [ "workspace" "cargo" "clippy" "doc" "nextest" "toolchain" "target" "test" "image" "model" "cache" "budget" ];
  isArray = section: elem section [ "target" "test" "image" "model" ];

  # --- Each table by itself -------------------------------------------------------------------------------------------
  checkTable = fields: path: table:
    let names = map (f: f.name) fields; in
    if !isAttrs table then [ (wrongType path "a table" table) ]
    else
      concatMap
        (key: when (elem key names)
          (problem "${path}.${key}" "unknown key" // { hint = suggest key names (known names); }))
        (attrNames table)
      ++ concatMap
        (f:
          if hasAttr f.name table then f.kind "${path}.${f.name}" table.${f.name}
          else when (f ? default) (problem "${path}.${f.name}" "is missing"))
        fields;
  fill = fields: table: listToAttrs (map (f: { inherit (f) name; value = table.${f.name} or f.default; }) fields);

  raw = builtins.addErrorContext "while reading ${source}" (builtins.fromTOML text);
  given = section: raw.${section} or (if isArray section then [ ] else { });
  tableProblems =
    concatMap
      (key: when (elem key sections)
        (problem "[${key}]" "unknown section" // { hint = suggest key sections (known sections); }))
      (attrNames raw)
    ++ concatMap
      (section:
        if !isArray section then checkTable tables.${section} section (given section)
        else if !isList (given section) then [ (wrongType section "an array of tables" (given section)) ]
        else indexed (i: checkTable tables.${section} "${section}[${toString i}]") (given section))
      sections;
  filled = section:
    if isArray section then map (fill tables.${section}) (given section) else fill tables.${section} (given section);

  # --- Defaults that depend on other fields -----------------------------------------------------------------------------
  or' = default: value: if value == null then default else value;
  workspace = filled "workspace";
  toolchain = let t = filled "toolchain"; in t // { default = or' (head t.channels) t.default; };
  target = map
    (t: t // {
      triple = or' systems.${t.system}.triple t.triple;
      runner = or' systems.${t.system}.runner t.runner;
      strategies = or' systems.${t.system}.strategies t.strategies;
    })
    (if raw ? target then filled "target"
    else if workspace.binaries == [ ] then [ ]
    else [ (fill tables.target { system = "x86_64-linux"; }) ]);
  test = map
    (t: t // { channels = or' [ toolchain.default ] t.channels; })
    (if raw ? test then filled "test"
    else map (kind: fill tables.test { inherit kind; }) [ "unit" "integration" "clippy" "fmt" "doc" ]);
  image = map
    (i: if i.port == null then i else i // {
      health_path = or' "/health" i.health_path; health_timeout_s = or' 60 i.health_timeout_s;
    })
    (filled "image");
  value = {
    inherit workspace toolchain target test image;
    cargo = filled "cargo";
    clippy = filled "clippy";
    doc = filled "doc";
    nextest = filled "nextest";
    model = filled "model";
    cache = filled "cache";
    budget = let b = filled "budget"; in b // {
      cache_hit_rate = b.cache_hit_rate * 1.0;
      regression_ratio = b.regression_ratio * 1.0;
    };
  };

  # --- Fields against each other ------------------------------------------------------------------------------------------
  at = section: i: key: "${section}[${toString i}].${key}";
  declared = path: what: options: word: when (elem word options)
    (problem path "${toJSON word} is not one of ${what}" // { hint = suggest word options (known options); });
  jobs = concatMap (t: concatMap (runner: map (channel: "${t.kind} on ${runner} with ${channel}") t.channels) t.runners);
  planned = indexed (i: t: map (job: { inherit i job; }) (jobs [ t ])) test;
  images = map (i: i.name) image;
  programs = map (i: i.name) (filter (i: i.port == null) image);
  # An image without port is a program of the workspace: it is tested by running it, and has no health.
  programProblems = i: program:
    let first = head program.contents; in
    when (elem first workspace.binaries)
      (problem (at "image" i "port") "is missing: without it this image is a program, and ${toJSON first} is none of workspace.binaries"
        // { hint = suggest first workspace.binaries null; })
    ++ concatMap
      (key: when (elem program.${key} [ null [ ] ])
        (problem (at "image" i key) "is for servers: without port this image is a program" // { hint = "give the port, or leave this out"; }))
      [ "health_path" "health_timeout_s" "probe_paths" ]
    ++ when (program.probe_commands != [ ])
      (problem (at "image" i "probe_commands") "must not be empty: without port this image is a program, which is tested by running it"
        // { hint = "give a command that exits with 0, or the port"; });
  crossProblems =
    declared "toolchain.default" "toolchain.channels" toolchain.channels toolchain.default
    ++ when (target == [ ] || workspace.binaries != [ ]) (problem "target" "there is nothing to build: workspace.binaries is empty")
    ++ twice (i: at "target" i "system") (map (t: t.system) target)
    ++ indexed
      (i: t: let suits = systems.${t.system}; in
        when (t.triple == suits.triple)
          (problem (at "target" i "triple") "${toJSON t.triple} is not the triple of ${t.system}" // { hint = "it is ${suits.triple}"; })
        ++ when (systems.${systemOf t.runner}.os == suits.os)
          (problem (at "target" i "runner") "${t.runner} cannot build for ${t.system}")
        ++ concatMap
          (strategy: when (elem strategy suits.possible)
            (problem (at "target" i "strategies") "${strategy} cannot build for ${t.system}" // { hint = (known suits.possible); }))
          t.strategies)
      target
    ++ indexed (i: t: concatMap (declared (at "test" i "channels") "toolchain.channels" toolchain.channels) t.channels) test
    ++ map (n: let one = elemAt planned n; in problem "test[${toString one.i}]" "${one.job} comes twice")
      (repeated (map (one: one.job) planned))
    ++ twice (i: at "image" i "name") images
    ++ indexed (i: program: if program.port != null then [ ] else programProblems i program) image
    ++ twice (i: at "model" i "name") (map (model: model.name) value.model)
    ++ indexed
      (i: model: declared (at "model" i "image") "the images" images model.image
        ++ when (!elem model.image programs)
          (problem (at "model" i "image") "${toJSON model.image} serves no model: without port it is a program"))
      value.model;
in
if tableProblems != [ ] then refuse (message (head tableProblems))
else if crossProblems != [ ] then refuse (message (head crossProblems))
else value
