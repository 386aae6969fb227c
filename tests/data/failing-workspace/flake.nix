{
  description = "A crate whose checks fail";

  inputs.pipeline.url = "path:../../..";

  outputs = { pipeline, ... }: pipeline.lib.mkPipeline { src = ./.; };
}
