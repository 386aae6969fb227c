{
  description = "A workspace that takes Nanna CI as its pipeline";

  inputs.pipeline.url = "path:../../..";

  outputs = { self, pipeline, ... }: pipeline.lib.mkPipeline { src = self; };
}
