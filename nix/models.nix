# What is locked of each model, from models.lock.json: nix run .#lock-models writes it.
#
#   { file } -> name -> { registry repository tag manifest config layers } or null
#     registry is a URL; config, and each of layers in the manifest's order: { mediaType digest sizeBytes }
#     manifest.digest is that of the manifest's bytes, which follow from the rest
{ file }:
let
  lock = builtins.fromJSON (builtins.readFile file);
in
if (lock.schemaVersion or null) != 1 then
  throw "${toString file}: schemaVersion is not 1: write it anew with `nix run .#lock-models`"
else
  name: lock.models.${name} or null
