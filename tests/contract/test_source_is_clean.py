"""The house rules that programs can hold: format, lint, types, shell, and files of at most 400 lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
SHELL = [
    "nixw",
    ".ci/run",
    "nix/shell/bin/cargo-nextest",
    *(str(path.relative_to(REPO)) for path in sorted(REPO.glob("nix/toolkits/debian/*.sh"))),
]


@pytest.mark.parametrize(
    "argv",
    [
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
        ["mypy", "--cache-dir=/dev/null"],
        ["shellcheck", *SHELL],
    ],
    ids=lambda argv: " ".join(argv[:2]),
)
def test_the_linter_finds_nothing(argv: list[str]) -> None:
    assert shutil.which(argv[0]), f"{argv[0]} is not on PATH: the test environment must have it"
    done = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_source_file_is_longer_than_400_lines() -> None:
    files = [
        path
        for pattern in ("scripts/**/*.py", "nix/**/*.nix", "nix/**/*.py", "nix/**/*.sh", "nixw", "benchmarks/*.py")
        for path in REPO.glob(pattern)
    ]
    assert len(files) > 50
    long = {str(path): count for path in files if (count := len(path.read_text().splitlines())) > 400}
    assert not long
