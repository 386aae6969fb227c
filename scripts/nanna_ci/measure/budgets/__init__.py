"""The performance targets of pipeline.toml: what was measured against each, and how long a run will take."""
