{
  description = "A crate whose checks fail";

  inputs.pipeline.url = "path:../../..";

  outputs = { self, pipeline, ... }: pipeline.lib.mkPipeline { src = self; };
}
