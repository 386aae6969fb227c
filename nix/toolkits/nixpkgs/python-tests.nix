# { src } -> the tests of src that need no Nix, no network and no container; $out/junit.xml.
{ pkgs, programs }:
{ src }:
let
  folders = builtins.filter (folder: builtins.pathExists (src + "/${folder}")) [
    "tests/unit"
    "tests/property"
    "tests/integration"
  ];
  certificates = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
in
pkgs.stdenvNoCC.mkDerivation {
  name = "pipeline-tests";
  inherit src;
  nativeBuildInputs = programs;
  # stdenv's own value names no file, which httpx opens
  env = {
    NIX_SSL_CERT_FILE = certificates;
    SSL_CERT_FILE = certificates;
  };
  dontConfigure = true;
  dontFixup = true;
  buildPhase = ''
    export HOME=$(mktemp -d)
    python3 -m pytest -q -p no:cacheprovider -n "$NIX_BUILD_CORES" --junit-xml=$out/junit.xml ${toString folders}
  '';
  installPhase = "test -s $out/junit.xml";
}
