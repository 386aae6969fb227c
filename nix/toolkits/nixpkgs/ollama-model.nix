# { name, lock } -> models/ as Ollama reads it: each blob fetched by its own digest, and the manifest that names them.
pkgs:
{ name, lock }:
let
  inherit (pkgs) lib;
  blobs = [ lock.config ] ++ lock.layers;
  fetch =
    blob:
    pkgs.fetchurl {
      url = "${lock.registry}/v2/${lock.repository}/blobs/${blob.digest}";
      sha256 = lib.removePrefix "sha256:" blob.digest;
      name = "${builtins.replaceStrings [ ":" ] [ "-" ] name}-${lib.last (lib.splitString "." blob.mediaType)}";
    };

  # Byte for byte what the registry serves: the order of the keys counts, and no line ends it.
  describe = blob: ''{"mediaType":${builtins.toJSON blob.mediaType},"digest":"${blob.digest}","size":${toString blob.sizeBytes}}'';
  text = ''{"schemaVersion":2,"mediaType":${builtins.toJSON lock.manifest.mediaType},"config":${describe lock.config},"layers":[${lib.concatMapStringsSep "," describe lock.layers}]}'';
  manifest =
    if "sha256:${builtins.hashString "sha256" text}" == lock.manifest.digest then
      pkgs.writeText "manifest.json" text
    else
      throw "models.lock.json: ${name}: its manifest's digest does not follow from its blobs; run `nix run .#lock-models`";

  # what a bare name means to Ollama, whatever mirror the blobs come from
  place = "manifests/registry.ollama.ai/${lock.repository}";
  link = blob: "ln -s ${fetch blob} blobs/sha256-${lib.removePrefix "sha256:" blob.digest}";
in
# Ollama makes manifests-v2 if it is missing, and refuses a manifest that is a link out of the folder
pkgs.runCommand "model-${builtins.replaceStrings [ ":" ] [ "-" ] name}" { } ''
  mkdir -p $out/models/blobs $out/models/manifests-v2 $out/models/${place} && cd $out/models
  cp ${manifest} ${place}/${lock.tag}
  ${lib.concatMapStringsSep " && " link blobs}
''
