# { name, system, packages, models ? [ ], command, environment ? { }, port ? null, labels } -> nix2container's image: a JSON file that
# names store paths, from which its skopeo (programs.skopeo) makes the layers as they are copied: runtime, models, application.
{
  pkgs,
  nix2container,
}:
{
  name,
  system,
  packages,
  models ? [ ],
  command,
  environment ? { },
  port ? null,
  labels,
}:
let
  inherit (pkgs) lib;
  architectures = {
    x86_64-linux = "amd64";
    aarch64-linux = "arm64";
  };

  # Copied and not linked to: what stays behind of the packages is their dependencies, which code does not change.
  application = pkgs.runCommand "${name}-application" { } ''
    mkdir $out
    for package in ${toString packages}; do cp -r $package/. $out && chmod -R u+w $out; done
  '';
  # the files that every program may ask for, and none that can be run
  base = pkgs.runCommand "${name}-base" { } ''
    install -D -m 444 -t $out/etc ${./image}/passwd ${./image}/group ${./image}/nsswitch.conf
    install -D -m 444 ${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt $out/etc/ssl/certs/ca-certificates.crt
    mkdir $out/tmp
  '';
  runtime = nix2container.buildLayer {
    deps = [ application ];
    copyToRoot = [ base ];
    ignore = application;
    perms = [
      {
        path = base;
        regex = "/tmp$";
        mode = "1777";
      }
    ];
    metadata.created_by = "runtime";
  };
  modelLayer =
    model:
    nix2container.buildLayer {
      copyToRoot = [ model ];
      metadata.created_by = "model";
    };
  variables = {
    PATH = "/bin";
    SSL_CERT_FILE = "/etc/ssl/certs/ca-certificates.crt";
    # the one folder that may be written to where the root is read-only
    HOME = "/tmp";
  }
  // environment;
in
nix2container.buildImage {
  inherit name;
  tag = "latest";
  arch = architectures.${system};
  created = "1970-01-01T00:00:00Z";
  layers = [ runtime ] ++ map modelLayer models;
  copyToRoot = [ application ];
  config = {
    # what images without a distribution call nonroot
    User = "65532:65532";
    Env = lib.mapAttrsToList (variable: value: "${variable}=${value}") variables;
    Entrypoint = command;
    WorkingDir = "/tmp";
    StopSignal = "SIGTERM";
    Labels = labels;
  }
  // lib.optionalAttrs (port != null) { ExposedPorts."${toString port}/tcp" = { }; };
}
