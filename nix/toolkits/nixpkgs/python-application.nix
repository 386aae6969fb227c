# { src, runtimeTools ? [ ] } -> bin/nanna-ci, isolated from the caller's Python: neither its variables nor its user site count.
pkgs:
{
  src,
  runtimeTools ? [ ],
}:
let
  python = pkgs.python3.withPackages (packages: [ packages.httpx ]);
  # Python runs a folder by its __main__.py, and imports from there
  main = pkgs.writeText "__main__.py" ''
    from nanna_ci.cli import entry

    entry()
  '';
  # byte code of other interpreters would change the store path and nothing else
  package = builtins.path {
    path = src + "/nanna_ci";
    name = "nanna_ci";
    filter = path: _: baseNameOf path != "__pycache__";
  };
  path = pkgs.lib.optionalString (runtimeTools != [ ]) "--suffix PATH : ${pkgs.lib.makeBinPath runtimeTools}";
in
pkgs.runCommand "nanna-ci"
  {
    nativeBuildInputs = [ pkgs.makeBinaryWrapper ];
    meta.mainProgram = "nanna-ci";
  }
  ''
    install -D ${main} $out/lib/__main__.py && cp -r --no-preserve=mode ${package} $out/lib/nanna_ci
    ${python.interpreter} -m compileall -q --invalidation-mode unchecked-hash $out/lib
    makeWrapper ${python.interpreter} $out/bin/nanna-ci --add-flags "-I $out/lib" ${path}
  ''
