# { name, system, port, models } -> a program of nixpkgs as images run it; only Ollama serves models.
{
  packagesOf,
  pkgs,
  unavailable,
}:
{
  name,
  system,
  port,
  models,
}:
let
  inherit (pkgs) lib;
  # the packages that the system builds itself: a binary cache has them, and has no cross builds
  package = import ./tool.nix {
    pkgs = packagesOf system;
    inherit unavailable;
  } name;
  unlocked = builtins.filter (model: model.lock == null) models;
  ollamaModel = import ./ollama-model.nix pkgs;
  ollama = {
    command = [
      "/bin/ollama"
      "serve"
    ];
    environment = {
      OLLAMA_HOST = "0.0.0.0:${toString port}";
    }
    // lib.optionalAttrs (models != [ ]) {
      OLLAMA_MODELS = "/models";
      # the folder is read-only, and all in it is wanted
      OLLAMA_NOPRUNE = "1";
    };
    description = lib.concatStringsSep " with " ([ "Ollama" ] ++ map (model: model.name) models);
  };
in
if (package.type or null) == "unavailable" then
  package
else if unlocked != [ ] then
  unavailable "${lib.concatMapStringsSep ", " (model: model.name) unlocked}: not in models.lock.json; `nix run .#lock-models` writes it"
else if name == "ollama" then
  ollama
  // {
    inherit package;
    models = map ollamaModel models;
  }
else if models != [ ] then
  unavailable "${name} serves no models; [[image]] contents name ollama for that"
else
  {
    inherit package;
    models = [ ];
    command = [ "/bin/${package.meta.mainProgram or name}" ];
    environment = { };
    description = package.meta.description or name;
  }
