# What this project's own flake has beside the pipeline of its subject: its tests, and the check of its own workflows.
{ source }:
toolkit: {
  checks = {
    pipeline-tests = toolkit.pythonTests { src = source; };
  }
  // import ./workflow-check.nix {
    inherit toolkit;
    scripts = source + "/scripts";
  } {
    name = "pipeline-workflows";
    src = source;
    config = source + "/pipeline.toml";
  };
  commands.test = "This project's own tests, fast ones first";
}
