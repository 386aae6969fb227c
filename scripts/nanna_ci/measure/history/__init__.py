"""The history of runs: one JSON-lines file a series, in a folder or on a branch."""
