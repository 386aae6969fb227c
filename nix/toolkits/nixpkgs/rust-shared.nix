# What checks share, by the same steps as in the Debian toolkit: they ask cargo itself what the workspace is, where crane's
# own stand-ins read every manifest below the source, and fail on one that is none.
#
#   -> {
#     dependencies    arguments: layers: warms: derivation; warms as warm.py takes it
#     benchmarks      arguments: layers: derivation
#     tests           arguments: layers: derivation
#     facts           arguments: binaries: { system; triple }: derivation
#     coverage        arguments: layers: { junit; words }: derivation; words as crane.py takes them, behind `junit`
#     audit, deny     arguments: words: derivation; words as crane.py takes them, behind `out`
#     doctests        shell that tests the examples in the documentation
#     over            arguments: layers: arguments
#     refuseAlias     command of cargo: shell that ends the build where the workspace's configuration has it as an alias
#   }
#
# `arguments` are crane's. A layer is a derivation with target.tar.zst; what cannot be built in it has a note there, and is
# built by whatever depends on it.
{
  craneLib,
  pkgs,
  src,
  # where the workspace is below src
  folder,
  # words of every cargo command that compiles
  flags,
}:
let
  manifests = import ../debian/manifests.nix src;
  names = map (name: "${name}.py") [
    "advisories"
    "archive"
    "bench_programs"
    "crane"
    "crate_facts"
    "doctests"
    "instrumented"
    "junit_trailer"
    "main"
    "plain"
    "scanning"
    "scans"
    "stubs"
    "warm"
    "watched"
  ];
  builder = builtins.path {
    path = ../debian/builder;
    name = "builder";
    filter = path: _: builtins.elem (baseNameOf path) names;
  };
  # not on PATH: checks must find no program that the workspace's own machine may lack
  step = "${pkgs.buildPackages.python3}/bin/python3 -I -B ${builder}/crane.py ${folder}";

  over =
    arguments: layers:
    arguments
    // {
      cargoArtifacts = null;
      doInstallCargoArtifacts = false;
      # the workspace's own configuration may set other folders, in which nothing would be found again
      postPatch = ''
        export CARGO_TARGET_DIR=$PWD/target CARGO_BUILD_BUILD_DIR=$PWD/target
        ${step} inherit ${toString layers}
      '';
      # and a compiler cache that is not here, and has no network
      env = arguments.env // {
        RUSTC_WRAPPER = "";
      };
    };
  layer =
    arguments: layers: more:
    craneLib.mkCargoDerivation (
      removeAttrs (over arguments layers) [ "cargoExtraArgs" ] // { doCheck = false; } // more
    );
in
{
  inherit over;
  doctests = "${step} doctests ${pkgs.lib.escapeShellArgs flags}";
  refuseAlias = command: "${step} refuse-alias ${command}";
  dependencies =
    arguments: layers: warms:
    layer arguments layers {
      src = manifests.path;
      pnameSuffix = if warms == "dev" then "-deps" else "-deps-${warms}";
      buildPhaseCargoCommand = "${step} dependencies $out ${manifests.targets} ${warms} ${pkgs.lib.escapeShellArgs flags}";
    };
  benchmarks =
    arguments: layers:
    layer arguments layers {
      pnameSuffix = "-benchmarks";
      buildPhaseCargoCommand = "${step} benchmarks $out ${arguments.src} ${pkgs.lib.escapeShellArgs flags}";
    };
  facts =
    arguments: binaries:
    { system, triple }:
    layer arguments [ ] {
      pnameSuffix = "-crate-facts-${system}";
      buildPhaseCargoCommand = "${step} facts $out ${system} ${triple} '${pkgs.lib.concatStringsSep "," binaries}' ${pkgs.lib.escapeShellArgs flags}";
    };
  coverage =
    arguments: layers:
    { junit, words }:
    layer arguments layers {
      pnameSuffix = "-coverage";
      buildPhaseCargoCommand = "${step} coverage $out ${junit} ${pkgs.lib.escapeShellArgs words}";
    };
  # reads manifests alone
  audit =
    arguments: words:
    layer arguments [ ] {
      src = manifests.path;
      cargoVendorDir = null;
      pnameSuffix = "-audit";
      buildPhaseCargoCommand = "${step} audit $out ${pkgs.lib.escapeShellArgs words}";
    };
  deny =
    arguments: words:
    layer arguments [ ] {
      pnameSuffix = "-deny";
      nativeBuildInputs = arguments.nativeBuildInputs ++ [ pkgs.gitMinimal ];
      buildPhaseCargoCommand = "${step} deny $out ${pkgs.lib.escapeShellArgs words}";
    };
  tests =
    arguments: layers:
    layer arguments layers {
      pnameSuffix = "-tests";
      buildPhaseCargoCommand = "${step} tests $out ${pkgs.lib.escapeShellArgs flags}";
    };
}
