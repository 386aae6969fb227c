"""`scan` with the real cargo-audit and cargo-deny: six planted faults are found, and nothing in a clean workspace."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.fake_scanned_workspaces import DATABASE, DEFAULT_POLICY, POLICY, Scanned, lock
from support.fake_scans import affected, bill_json, osv_json, package, program, write_osv
from support.fake_workspaces import REPO, write
from support.json_schemas import check

LOCK = (REPO / "tests/workspace/Cargo.lock").read_text()
SOURCE = re.search(r'source = "(registry\+[^"]+)"', LOCK)


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    for tool in ("cargo-audit", "cargo-deny", "cargo"):
        assert shutil.which(tool), f"{tool} is not on PATH: these tests run in `./nixw run .#test`"


def scan(folder: Path, *words: str, home: Path | None = None, **variables: str) -> tuple[int, dict[str, Any]]:
    kept = ("PATH", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    home = home or folder / "home"
    home.mkdir(exist_ok=True)
    environ |= {"HOME": os.environ.get("HOME", "/"), "CARGO_HOME": str(home), **variables}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "nanna_ci", "scan", *words, "--format", "json"],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(REPO / "scripts")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return done.returncode, check(json.loads(done.stdout))


def vendored(workspace: Scanned) -> Path:
    """CARGO_HOME with the workspace's crates, as nixw hands them to cargo."""
    home = workspace.folder / "cargo-home"
    text = (workspace.folder / "crates" / "config.toml").read_text()
    write(home / "config.toml", text.replace("@crates@", str(workspace.folder / "crates")))
    return home


def scan_workspace(workspace: Scanned, *words: str, **variables: str) -> tuple[int, dict[str, Any]]:
    words = ("--advisory-db", str(DATABASE), *words)
    return scan(workspace.source, *words, home=vendored(workspace), **variables)


def found(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["id"], one["component"], one["state"]) for one in answer["findings"]]


def test_a_clean_workspace_has_no_finding(tmp_path: Path) -> None:
    code, answer = scan_workspace(Scanned(tmp_path, "sound"))
    assert (code, answer["verdict"], answer["findings"]) == (0, "pass", []), answer
    assert [one["state"] for one in answer["scanners"]] == ["answered", "answered"]
    assert answer["scanners"][0]["counts"]["yankedUnknown"] == 1
    assert any("whether a crate was yanked is unknown" in note for note in answer["scanners"][0]["notes"])


def test_a_vulnerable_crate_is_found_by_both_and_is_one_finding(tmp_path: Path) -> None:
    code, answer = scan_workspace(Scanned(tmp_path, "leaky", "sound"), "--sarif", "scan.sarif")
    assert (code, found(answer)) == (1, [("RUSTSEC-2026-9001", "pkg:cargo/leaky@1.0.0", "gating")])
    (hole,) = answer["findings"]
    assert (hole["confirmedBy"], hole["fixedVersions"]) == (["cargo-deny"], [">=1.2.0", ">=1.1.7, <1.2.0"])
    document = json.loads((tmp_path / "source/scan.sarif").read_text())
    place = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "Cargo.lock"
    line = (tmp_path / "source/Cargo.lock").read_text().splitlines()[place["region"]["startLine"] - 1]
    assert line == 'name = "leaky"'


def test_a_denied_licence_is_found(tmp_path: Path) -> None:
    code, answer = scan_workspace(Scanned(tmp_path, "copyleft", "sound"))
    assert (code, found(answer)) == (1, [("cargo-deny:rejected", "pkg:cargo/copyleft@1.0.0", "gating")])
    assert "GPL-3.0-only" in answer["findings"][0]["title"]


def test_an_unknown_source_is_found_by_the_default_policy(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound", policy=None)
    workspace.take_from_a_repository("sound")
    code, answer = scan_workspace(workspace, NANNA_CI_DENY_POLICY=str(DEFAULT_POLICY["file"]))
    assert (code, found(answer)) == (1, [("cargo-deny:source-not-allowed", "pkg:cargo/sound@1.0.0", "gating")])


def test_a_yanked_crate_is_found_where_cargo_has_a_copy_of_the_index(tmp_path: Path) -> None:
    write(tmp_path / "Cargo.lock", lock(("sound",)))
    words = ("--lock", "Cargo.lock", "--advisory-db", str(DATABASE))
    write_index(tmp_path / "home", "sound", yanked=False)
    code, answer = scan(tmp_path, *words)
    assert (code, found(answer), answer["scanners"][0]["counts"]["yankedUnknown"]) == (0, [], 0)
    write_index(tmp_path / "home", "sound", yanked=True)
    code, answer = scan(tmp_path, *words)
    assert (code, found(answer)) == (0, [("yanked", "pkg:cargo/sound@1.0.0", "warning")])
    write(tmp_path / ".cargo/audit.toml", '[output]\nquiet = false\ndeny = ["yanked"]\n')
    code, answer = scan(tmp_path, *words)
    assert (code, found(answer)) == (1, [("yanked", "pkg:cargo/sound@1.0.0", "gating")])


def write_index(home: Path, crate: str, *, yanked: bool) -> None:
    """cargo's own copy of an entry of the registry's index, in the format of its cache, version 3."""
    assert SOURCE is not None
    host = SOURCE[1].rpartition("/")[2].removesuffix("-index")
    entry = {"name": crate, "vers": "1.0.0", "deps": [], "cksum": "0" * 64, "features": {}, "yanked": yanked}
    data = b"\x03" + struct.pack("<I", 2) + b"etag: x\0" + b"1.0.0\0" + json.dumps(entry).encode() + b"\0"
    place = home / f"registry/index/index.{host}-1949cf8c6b5b557f/.cache" / crate[:2] / crate[2:4] / crate
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def test_a_vulnerable_store_path_and_crate_and_a_stripped_program_of_an_image_are_found(tmp_path: Path) -> None:
    assert SOURCE is not None
    crate = {
        "type": "library",
        "bom-ref": "pkg:cargo/leaky@1.0.0",
        "purl": "pkg:cargo/leaky@1.0.0",
        "name": "leaky",
        "version": "1.0.0",
        "properties": [{"name": "nanna-ci:crate:source", "value": SOURCE[1]}],
    }
    data = bill_json(package("openssl", "3.0.13"), program("bin/harness", "absent"), crate)
    (tmp_path / "image.cdx.json").write_bytes(data)
    record = osv_json("CVE-2026-1000", affected("pkg:nix/openssl", {"introduced": "0"}, {"fixed": "3.0.14"}))
    write_osv(tmp_path / "osv", record)
    words = ("--sbom", "image.cdx.json", "--advisories", "osv", "--advisory-db", str(DATABASE))
    code, answer = scan(tmp_path, *words)
    assert (code, sorted(found(answer))) == (
        1,
        [
            ("CVE-2026-1000", "pkg:nix/openssl@3.0.13", "gating"),
            ("RUSTSEC-2026-9001", "pkg:cargo/leaky@1.0.0", "gating"),
            ("crate-list-absent", "file:bin/harness", "gating"),
        ],
    )
    clean = bill_json(package("openssl", "3.0.14"), program("bin/harness", "present"), {**crate, "version": "1.2.0"})
    (tmp_path / "image.cdx.json").write_bytes(clean.replace(b"leaky@1.0.0", b"leaky@1.2.0"))
    code, answer = scan(tmp_path, *words)
    assert (code, answer["findings"]) == (0, [])


def test_a_policy_that_limits_the_age_of_a_database_fails_an_old_one_and_is_named(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound", policy=POLICY + 'maximum-db-staleness = "P9D"\n')
    code, answer = scan_workspace(workspace)
    assert (code, answer["verdict"]) == (3, "error")
    assert "repository is stale" in answer["reason"]


def test_a_database_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    workspace = Scanned(tmp_path, "sound")
    write(tmp_path / "database/crates/sound/RUSTSEC-2026-9009.md", "garbage")
    words = ("--advisory-db", str(tmp_path / "database"))
    code, answer = scan(workspace.source, *words, home=vendored(workspace))
    assert (code, answer["verdict"]) == (3, "error")
    assert all(one["state"] == "failed" for one in answer["scanners"])


def test_the_tests_own_workspace_and_our_own_policy_have_no_finding(tmp_path: Path) -> None:
    """The crates' manifests are at hand where cargo has them; cargo-audit needs no more than the lock file."""
    code, answer = scan(tmp_path, "--lock", str(REPO / "tests/workspace/Cargo.lock"), "--advisory-db", str(DATABASE))
    assert (code, answer["findings"]) == (0, [])
