# What this project's own flake has beside the pipeline of its subject: its tests.
{ source }: toolkit: {
  checks.pipeline-tests = toolkit.pythonTests { src = source; };
  commands.test = "This project's own tests, fast ones first";
}
