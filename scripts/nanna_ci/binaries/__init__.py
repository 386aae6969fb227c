"""Targets, the strategy ladder, executable headers, artifacts, and the cargo program."""
