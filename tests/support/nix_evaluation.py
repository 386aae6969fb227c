"""Evaluates an expression, or the flake's pipeline, with the real nix."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
SYSTEM = "x86_64-linux"


def evaluate_file(expression: Path, *, timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """`nix eval` of a file, its value as JSON on stdout; nix keeps a cache of its own beside it."""
    features = ["--extra-experimental-features", "nix-command"]
    argv = ["nix", *features, "eval", "--impure", "--json", "--file", str(expression)]
    environ = os.environ | {"XDG_CACHE_HOME": str(expression.parent / "cache"), "NO_COLOR": "1"}
    return subprocess.run(argv, capture_output=True, check=False, timeout=timeout_s, env=environ)


def evaluate_pipeline(*words: str) -> dict[str, Any]:
    """What the flake says it can build, and why not the rest."""
    argv = [str(REPO / "nixw"), "eval", "--json", f"{REPO}#legacyPackages.{SYSTEM}.pipeline", *words]
    done = subprocess.run(argv, capture_output=True, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr.decode()
    value: dict[str, Any] = json.loads(done.stdout)
    return value
