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
  here = "x86_64-linux";
  onlyHere = value: if system == here then value else unavailable "the Debian toolkit builds on ${here} only, not on ${system}";

  # name -> where the root or the lent tools have it
  fromDebian = path: { outPath = path; };
  tools = {
    git = fromDebian "/usr/bin/git";
    nix = fromDebian "/usr/bin/nix";
    qemu-user = fromDebian "/usr/bin/qemu-aarch64";
    shellcheck = fromDebian "/usr/bin/shellcheck";
    mypy = fromDebian "/usr/bin/mypy";
    cargo-nextest = fromDebian "${need "tools" inputs.tools}/bin/cargo-nextest";
    zizmor = fromDebian "${need "tools" inputs.tools}/bin/zizmor";
    check-jsonschema = fromDebian "${need "tools" inputs.tools}/bin/check-jsonschema";
    ruff = fromDebian "${need "tools" inputs.tools}/bin/ruff";
    cachix = unavailable "Debian has no cachix package";
    cargo-audit = unavailable "Debian has no cargo-audit package";
    cargo-deny = unavailable "Debian has no cargo-deny package";
  };

  # Every derivation: Python from the root runs one step of ./builder, `module.function`, with the values as JSON (structured
  # attributes). It sees the modules that the step needs and no others, so that a change elsewhere leaves it as it is.
  modules = {
    checks = [
      "archive"
      "cargo"
      "plain"
    ];
    dependencies = [
      "archive"
      "cargo"
      "plain"
      "stubs"
    ];
    gguf = [ "plain" ];
    images = [
      "layers"
      "libraries"
      "plain"
    ];
    plain = [ ];
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
    inherit
      derive
      unavailable
      given
      inputs
      ;
  };

  rust = import ./rust.nix {
    inherit
      derive
      unavailable
      tools
      need
      inputs
      ;
  };
in
{
  name = "debian";
  inherit system unavailable tools;
  crossSystems = if system == here then [ "aarch64-linux" ] else [ ];

  programs = {
    cosign = "/usr/bin/cosign";
    skopeo = "/usr/bin/skopeo";
  };

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

  pythonTests =
    { src }:
    onlyHere (derive "pipeline-tests" "plain.python_tests" {
      src = "${src}";
      tools = need "tools" inputs.tools;
    });

  server = arguments: onlyHere (images.server arguments);
  image = arguments: onlyHere (images.image arguments);

  binary = { package, name }: derive name "plain.binary" { inherit package name; };

  shell =
    { channel, libraries }:
    onlyHere (
      derivation {
        name = "nanna-ci-shell";
        system = here;
        builder = "/bin/bash";
        # `nix develop` writes to what this variable names
        outputs = [ "out" ];
        PATH = "${need "tools" inputs.tools}/bin:/usr/bin:/bin";
        inherit channel libraries;
      }
    );
}
