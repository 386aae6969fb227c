"""Evaluates an expression with the real nix, apart from the user's own cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def evaluate_file(expression: Path, *, timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """`nix eval` of a file, its value as JSON on stdout; nix keeps its cache beside the file."""
    features = ["--extra-experimental-features", "nix-command"]
    argv = ["nix", *features, "eval", "--impure", "--json", "--file", str(expression)]
    environ = os.environ | {"XDG_CACHE_HOME": str(expression.parent / "cache"), "NO_COLOR": "1"}
    return subprocess.run(argv, capture_output=True, check=False, timeout=timeout_s, env=environ)
