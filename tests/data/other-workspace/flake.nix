{
  description = "A workspace that takes Nanna CI as its pipeline";

  inputs.pipeline.url = "path:../../..";

  outputs = { pipeline, ... }: pipeline.lib.mkPipeline { src = ./.; };
}
