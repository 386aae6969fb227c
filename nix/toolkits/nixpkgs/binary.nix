# { package, name } -> only bin/NAME of the package: a closure without its other binaries.
pkgs:
{ package, name }:
pkgs.runCommand name { meta.mainProgram = name; } ''
  install -D -m 755 -t $out/bin ${package}/bin/${name}
''
