"""Bills of materials: crates, closures and images as one graph, written as CycloneDX or SPDX."""
