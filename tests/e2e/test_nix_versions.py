"""Versions of store paths stand in the order in which the real Nix has them."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess

from nanna_ci.supply_chain.scanning.package_versions import nix_key

PARTS = [
    "0",
    "1",
    "9",
    "10",
    "007",
    "pre",
    "a",
    "b",
    "rc",
    "alpha",
    "w",
    "2026",
    "unstable",
    "git",
    ".",
    "-",
    "+",
    "_",
    "~",
]


def versions(count: int) -> list[str]:
    chosen = random.Random(12)
    made = ["".join(chosen.choices(PARTS, k=chosen.randint(1, 6))) for _ in range(4 * count)]
    # beyond 32 bits Nix compares numbers as text, and we do not
    return [version for version in made if not re.search(r"[0-9]{10}", version)][:count]


def test_versions_compare_as_builtins_compare_versions_does() -> None:
    assert shutil.which("nix"), "nix is not on PATH: these tests run in `./nixw run .#test`"
    pairs = list(zip(versions(800)[:400], versions(800)[400:], strict=True))
    expression = "map (p: builtins.compareVersions (builtins.elemAt p 0) (builtins.elemAt p 1)) (builtins.fromJSON %s)"
    text = json.dumps(json.dumps(pairs)).replace("${", "\\${")
    words = ["eval", "--extra-experimental-features", "nix-command", "--json", "--expr", expression % text]
    done = subprocess.run(["nix", *words], capture_output=True, text=True, check=True)
    ours = [(nix_key(first) > nix_key(second)) - (nix_key(first) < nix_key(second)) for first, second in pairs]
    wrong = [
        (pair, nix, our) for pair, nix, our in zip(pairs, json.loads(done.stdout), ours, strict=True) if nix != our
    ]
    assert wrong == []
