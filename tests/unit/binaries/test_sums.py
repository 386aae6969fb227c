"""A folder of artifacts against its own SHA256SUMS."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nanna_ci.binaries.sums import damages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "dist"
    place.mkdir()
    lines = []
    for name in ("harness", "manifest.json"):
        (place / name).write_bytes(name.encode() * 100)
        lines.append(f"{hashlib.sha256(name.encode() * 100).hexdigest()}  {name}\n")
    (place / "SHA256SUMS").write_text("".join(lines))
    return place


def flip(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


def test_a_folder_as_it_was_written_is_whole(folder: Path) -> None:
    assert damages(folder) == ()


def test_no_folder_and_an_empty_one_are_not_damage(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert damages(tmp_path / "empty") == damages(tmp_path / "none") == ()


@pytest.mark.parametrize("name", ["harness", "manifest.json", "SHA256SUMS"])
def test_a_flipped_bit_is_found_in_every_file(folder: Path, name: str) -> None:
    flip(folder, name)
    said = damages(folder)
    assert said
    assert name == "SHA256SUMS" or name in said[0]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "harness").unlink(), "harness cannot be read"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS cannot be read"),
        (lambda folder: (folder / "SHA256SUMS").write_bytes(b""), "names no file"),
        (lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff"), "not in the format of `sha256sum`"),
        (lambda folder: (folder / "extra").touch(), "extra is not in SHA256SUMS"),
        (lambda folder: replace_by(folder, os.mkfifo), "not a regular file"),
        (lambda folder: replace_by(folder, lambda place: place.symlink_to("manifest.json")), "it is a link"),
    ],
)
def test_every_other_harm_is_said(folder: Path, harm: Callable[[Path], object], said: str) -> None:
    harm(folder)
    assert said in "; ".join(damages(folder))


def replace_by(folder: Path, put: Callable[[Path], object]) -> None:
    (folder / "harness").unlink()
    put(folder / "harness")
