"""Patterns of names mean what `grep -E` makes of them."""

from __future__ import annotations

import itertools
import os
import random
import subprocess

from nanna_ci.foundation.name_pattern import PatternProblem, compile_name_pattern

PIECES = [
    *"ab.^$|()",
    "[ab]",
    "[^a]",
    "[b-c-]",
    "\\.",
    "\\+",
    "(a|b)",
    "(^|b)",
    "(c$)?",
    "(ab)?",
    "a*",
    "b+",
    "c?",
    ".*",
]
NAMES = ["".join(letters) for size in (1, 2, 3, 4) for letters in itertools.product("abc", repeat=size)]
NAMES += ["a.b", "a+b", "a-c", "b-", ".", "+", "c.a"]


def grep(pattern: str) -> list[str]:
    done = subprocess.run(
        ["grep", "-E", "-e", pattern],
        input="".join(f"{name}\n" for name in NAMES),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"LC_ALL": "C"},
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.splitlines()


def test_random_patterns_match_what_grep_matches() -> None:
    dice = random.Random(20260103)
    compared, some = 0, 0
    while compared < 200:
        text = "".join(dice.choices(PIECES, k=dice.randint(1, 5)))
        try:
            pattern = compile_name_pattern(text)
        except PatternProblem:
            continue
        found = [name for name in NAMES if pattern.search(name)]
        assert found == grep(text), text
        compared += 1
        some += 0 < len(found) < len(NAMES)
    assert some > 80
