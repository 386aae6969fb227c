"""Scans: what is known against the parts of a build, and what was decided about it."""
