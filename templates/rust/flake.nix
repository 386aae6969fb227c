{
  description = "A Rust workspace with Nanna CI as its pipeline";

  # where Nanna CI lives; `nix flake update pipeline` takes a newer one
  inputs.pipeline.url = "github:DominicBurkart/nanna-coder-ci";

  outputs = { self, pipeline, ... }: pipeline.lib.mkPipeline { src = self; };
}
