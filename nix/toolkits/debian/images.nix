# Container images on the Debian root: OCI layouts of Debian's own libraries, and a model server that Debian has.
{
  derive,
  unavailable,
  inputs,
  # why there is no model server, and nothing for other architectures; or null
  serverReason,
  crossReason,
}:
let
  # programs that images may hold besides the workspace's, by their nixpkgs names -> what stands in for them here
  servers = {
    ollama = "llama.cpp";
  };

  # Random weights: no model can be fetched if no binary cache can.
  randomModel =
    { name, ... }:
    derive "random-model" "gguf.random_model" {
      model = name;
      file = "${name}.gguf";
    };

  # one model is loaded at once; without one, or with several, models are loaded and unloaded on request
  served =
    models:
    if builtins.length models == 1 then
      {
        LLAMA_ARG_MODEL = "/models/${(builtins.head models).name}.gguf";
        LLAMA_ARG_ALIAS = (builtins.head models).name;
      }
    else
      { LLAMA_ARG_MODELS_DIR = "/models"; };
  described =
    models:
    let
      names = builtins.concatStringsSep ", " (map (model: model.name) models);
      weights = if models == [ ] then "" else ", with random weights in the place of ${names}";
    in
    "llama.cpp in the place of Ollama${weights}";
in
{
  server =
    {
      name,
      system,
      port,
      models,
    }:
    if !(servers ? ${name}) then
      unavailable "the Debian toolkit has no ${name} for images (nix/toolkits/debian/images.nix has the table)"
    else if serverReason != null then
      unavailable serverReason
    else
      let
        sysroot = "${inputs.server}/${system}";
      in
      {
        package = derive "${servers.${name}}-${system}" "images.server" { inherit sysroot; } // {
          inherit sysroot;
        };
        models = map randomModel models;
        command = [ "/usr/bin/llama-server" ];
        environment = served models // {
          LLAMA_ARG_HOST = "0.0.0.0";
          LLAMA_ARG_PORT = toString port;
          # a container test has no network to ask, and a server should not ask by itself
          LLAMA_ARG_OFFLINE = "1";
        };
        description = described models;
        standIn = described models;
      };

  image =
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
      # a package from elsewhere than the root brings the file system that its libraries are in
      sysroot = (builtins.head packages).sysroot or "/";
      isFromThere = package: (package.sysroot or "/") == sysroot;
      # Not named after the image: several with the same content share one.
      contentLayer =
        label: compress: packages:
        derive "${label}-layer" "images.content_layer" {
          inherit packages compress;
          createdBy = label;
        };
      variables = {
        PATH = "/bin:/usr/bin";
        SSL_CERT_FILE = "/etc/ssl/certs/ca-certificates.crt";
        # the one folder that may be written to where the root is read-only
        HOME = "/tmp";
      }
      // environment;
    in
    if crossReason != null && system != "x86_64-linux" && sysroot == "/" then
      unavailable crossReason
    else if !(builtins.all isFromThere packages) then
      unavailable "${name}: its contents need the libraries of different Debian releases"
    else
      derive name "images.image" {
        runsOn = system;
        layers = [
          (derive "runtime-layer" "images.runtime_layer" {
            inherit packages sysroot;
            runsOn = system;
          })
        ]
        # weights do not get smaller
        ++ map (model: contentLayer "model" false [ model ]) models
        ++ [ (contentLayer "application" true packages) ];
        config = {
          User = "65532:65532";
          Env = map (variable: "${variable}=${variables.${variable}}") (builtins.attrNames variables);
          Entrypoint = command;
          WorkingDir = "/tmp";
          StopSignal = "SIGTERM";
          Labels = labels;
        }
        // (if port == null then { } else { ExposedPorts."${toString port}/tcp" = { }; });
      };
}
