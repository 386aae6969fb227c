"""`sbom` and `scan` of an image with a real binary in it: a stripped crate list and a vulnerable store path are found.

The binary is tests/workspace's, built through nixw in Nix's sandbox; the image and the advisory are made up.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.fake_images import write_layout
from support.fake_scans import affected, osv_json, store_path, write_osv

REPO = Path(__file__).resolve().parents[2]
OPENSSL = store_path("openssl-3.0.13")


@pytest.fixture(scope="module")
def harness() -> bytes:
    """The binary, as it is built."""
    assert shutil.which("objcopy"), "objcopy is not on PATH: these tests run in `./nixw run .#test`"
    argv = [str(REPO / "nixw"), "build", f"path:{REPO}#nanna-coder", "--no-link", "--print-out-paths"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr
    return (Path(done.stdout.strip()) / "bin" / "harness").read_bytes()


def ours(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "nanna_ci", *words, "--format", "json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPO / "scripts")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def scan_image(folder: Path, binary: bytes, fixed_in: str) -> tuple[int, list[tuple[str, str, str]]]:
    """The exit code and the findings for an image with this binary and openssl 3.0.13."""
    files = {"bin/harness": binary, f"{OPENSSL[1:]}/lib/libssl.so.3": b"not a program"}
    write_layout(folder / "layout", files, entrypoint=["/bin/harness"])
    code, _ = ours(folder, "sbom", "image", "--from", "layout", "--output", "image.cdx.json")
    assert code == 0
    record = osv_json("CVE-2026-1000", affected("pkg:nix/openssl", {"introduced": "0"}, {"fixed": fixed_in}))
    write_osv(folder / "osv", record)
    words = ("--sbom", "image.cdx.json", "--advisories", "osv", "--without", "cargo-audit")
    code, answer = ours(folder, "scan", *words)
    return code, sorted((one["id"], one["component"], one["state"]) for one in answer["findings"])


def test_a_stripped_binary_and_a_vulnerable_store_path_of_an_image_are_found(tmp_path: Path, harness: bytes) -> None:
    (tmp_path / "whole").write_bytes(harness)
    argv = ["objcopy", "--remove-section", ".dep-v0", str(tmp_path / "whole"), str(tmp_path / "stripped")]
    subprocess.run(argv, check=True, capture_output=True)
    code, found = scan_image(tmp_path, (tmp_path / "stripped").read_bytes(), fixed_in="3.0.14")
    assert (code, found) == (
        1,
        [
            ("CVE-2026-1000", "pkg:nix/openssl@3.0.13", "gating"),
            ("crate-list-absent", "file:bin/harness", "gating"),
        ],
    )


def test_the_binary_as_it_is_built_and_a_mended_store_path_give_no_finding(tmp_path: Path, harness: bytes) -> None:
    assert scan_image(tmp_path, harness, fixed_in="3.0.13") == (0, [])
