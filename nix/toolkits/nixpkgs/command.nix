# { name, application, environment ? { } } -> bin/NAME: `nanna-ci NAME "$@"`, with the variables that the caller has not set.
pkgs:
{
  name,
  application,
  environment ? { },
}:
let
  inherit (pkgs) lib;
  default = variable: value: [
    "--set-default"
    variable
    value
  ];
  defaults = lib.concatLists (lib.mapAttrsToList default environment);
in
pkgs.runCommand name
  {
    nativeBuildInputs = [ pkgs.makeBinaryWrapper ];
    meta.mainProgram = name;
  }
  ''
    makeWrapper ${application}/bin/nanna-ci $out/bin/${name} --add-flags ${name} ${lib.escapeShellArgs defaults}
  ''
