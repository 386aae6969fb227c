"""Benchmarks: what programs measure, in pairs against a base or against the history, and what that decides."""
