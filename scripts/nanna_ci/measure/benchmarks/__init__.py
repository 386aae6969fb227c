"""Benchmarks: how they are run and read, and what decides that one has become slower."""
