# Container images: one for every [[image]] and architecture, the same over every toolkit.
{
  lib,
  toolkit,
  pipeline,
  workspace,
  src,
  revision,
  models,
}:
let
  # Here a user of the image reads how to check that it is ready: an OCI image's configuration has no health check.
  ours = "io.nanna-ci";

  # What Cargo.toml says of the workspace as a whole.
  manifest = builtins.fromTOML (builtins.readFile (src + "/Cargo.toml"));
  stated =
    key:
    let
      values = [
        (manifest.package.${key} or null)
        (manifest.workspace.package.${key} or null)
      ];
      # `version.workspace = true` makes the first a table
      strings = builtins.filter builtins.isString values;
    in
    if strings == [ ] then null else builtins.head strings;

  # A workspace's binary, or a program that the toolkit has: { package; models; command; environment; description; version },
  # with standIn if it is another program than its name says.
  contentFor =
    definition: system: name:
    let
      package = workspace.build { target = system; };
    in
    if !(builtins.elem name pipeline.workspace.binaries) then
      toolkit.server {
        inherit name system;
        inherit (definition) port;
        models = map (model: {
          inherit (model) name;
          lock = models model.name;
        }) (builtins.filter (model: model.image == definition.name) pipeline.model);
      }
    else if lib.isUnavailable package then
      package
    else
      {
        package = toolkit.binary { inherit package name; };
        models = [ ];
        command = [ "/bin/${name}" ];
        environment = { };
        description = "${name} of ${pipeline.workspace.name}";
        version = stated "version";
      };

  healthOf = definition: {
    "${ours}.health-path" = definition.health_path;
    "${ours}.health-timeout-s" = toString definition.health_timeout_s;
  };

  imageFor =
    definition: system:
    let
      contents = map (contentFor definition system) definition.contents;
      missing = builtins.filter lib.isUnavailable contents;
      main = builtins.head contents;
    in
    if missing != [ ] then
      builtins.head missing
    else
      toolkit.image {
        inherit (definition) port;
        inherit system;
        name = nameOf definition;
        packages = map (content: content.package) contents;
        models = builtins.concatMap (content: content.models) contents;
        command = main.command ++ definition.arguments;
        inherit (main) environment;
        labels =
          lib.filterAttrs (_: value: value != null) {
            "org.opencontainers.image.revision" = revision;
            "org.opencontainers.image.source" = stated "repository";
            "org.opencontainers.image.version" = main.version or null;
            # publish-images keeps these on this machine
            "${ours}.stand-in" = main.standIn or null;
          }
          // {
            "org.opencontainers.image.title" = definition.name;
            "org.opencontainers.image.description" = main.description;
          }
          // (if definition.port == null then { } else healthOf definition);
      };

  # qwen3-container keeps its name, harness becomes harness-image: `harness` is the program
  nameOf =
    { name, ... }: if builtins.match ".*-container" name == null then "${name}-image" else name;
  systems = [ toolkit.system ] ++ toolkit.crossSystems;
  imagesOf =
    definition:
    builtins.concatMap (
      architecture:
      let
        system = "${architecture}-linux";
      in
      if !(builtins.elem system systems) then
        [ ]
      else
        [
          {
            name = nameOf definition + (if system == toolkit.system then "" else "-${system}");
            value = imageFor definition system;
          }
        ]
    ) definition.architectures;
in
lib.mergeDisjoint "packages" (map (definition: builtins.listToAttrs (imagesOf definition)) pipeline.image)
