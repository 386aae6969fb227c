"""Collecting a folder cache to a size without breaking a closure."""
