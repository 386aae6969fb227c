"""The supply chain: what is in a build, what is known against it, and the evidence that others can check."""
