"""Pages about the pipeline itself: trends of a history, and one run."""
