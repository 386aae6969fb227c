"""evidence.json: one spelling, roles by path, and nothing absent that a chain cannot do without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.supply_chain.evidence.evidence_index import (
    differences,
    make_index,
    read_content,
    read_index,
    render_index,
)
from nanna_ci.supply_chain.evidence.roles import EvidenceFile, Role, plain_name, role_of

FILE = EvidenceFile("vex.json", Role.VEX, 2, "a" * 64)
SBOM = EvidenceFile("sbom/app.cdx.json", Role.SBOM, 3, "b" * 64)


def put(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    document = json.loads(render_index(make_index([FILE, SBOM])))
    change(document)
    (folder / "evidence.json").write_text(json.dumps(document, indent=2) + "\n")
    return folder


def test_the_index_is_read_as_it_was_written(tmp_path: Path) -> None:
    index = read_index(put(tmp_path))
    assert index == make_index([SBOM, FILE])
    assert (index.paths(Role.SBOM), Role.VEX in index.absent, Role.SARIF in index.absent) == (
        ("sbom/app.cdx.json",), False, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda index: index.update(schemaVersion=2), "schemaVersion is '2'"),
        (lambda index: index["absent"].append({"role": "sbom", "reason": "none"}), "sbom can never be absent"),
        (lambda index: index["absent"].append({"role": "taste", "reason": "none"}), "'taste' is not a role"),
        (lambda index: index["absent"][0].update(reason="not needed"), "was changed"),
        (lambda index: index["files"].reverse(), "was changed"),
        (lambda index: index.update(more=1), "was changed"),
        (lambda index: index["files"][0].update(role="sarif"), "cannot be sarif"),
        (lambda index: index["files"][0].update(path="../vex.json"), "cannot be sbom"),
        (lambda index: index["files"][0].update(sizeBytes=-1), "sizeBytes"),
        (lambda index: index.update(files={}), "not an array"),
    ],
)
def test_another_index_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        read_index(put(tmp_path, change))


def test_an_index_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="is missing"):
        read_index(tmp_path)
    (tmp_path / "other.json").touch()
    (tmp_path / "evidence.json").symlink_to("other.json")
    with pytest.raises(MalformedData, match="it is a link"):
        read_index(tmp_path)


def test_every_difference_is_named(tmp_path: Path) -> None:
    (tmp_path / "vex.json").write_text("{}")
    (tmp_path / "subjects.sha256").write_text("x")
    (tmp_path / "notes").write_text("x")
    (tmp_path / "signatures").mkdir()
    (tmp_path / "signatures/evidence.json.sigstore.json").write_text("{}")
    content = read_content(put(tmp_path))
    assert content.signatures == ("signatures/evidence.json.sigstore.json",)
    found = dict(differences(read_index(tmp_path), content))
    assert sorted(found) == ["notes", "sbom/app.cdx.json", "subjects.sha256", "vex.json"]
    assert found["vex.json"].startswith("was changed: its SHA-256 is 44136fa355b3678a…")
    assert found["subjects.sha256"] == "is not in evidence.json"


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/vex.json").touch()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/sbom").symlink_to("../elsewhere")
    assert read_content(tmp_path / "evidence").strangers == (("sbom", "is not a regular file"),)


@pytest.mark.parametrize(
    "path",
    [
        "", "evidence.json", "VEX.json", "vex.json/", "sbom/../vex.json", "sbom/a/b.cdx.json", "sbom/a.json",
        "scan/x.txt",
        "derivations/x.drv", "outputs/files/xyz", "artifacts/a", "artifacts/a/b/c", "images/a/blobs/sha512/x",
        "a\nvex.json",
        "vex.json\n",
    ],
)  # fmt: skip
def test_a_path_without_a_place_has_no_role(path: str) -> None:
    assert role_of(path) is None


@pytest.mark.parametrize(
    ("text", "name"), [("app", "app"), ("a b/c:d", "a-b-c-d"), ("../x", "x"), ("", "unnamed"), ("..", "unnamed")]
)
def test_a_name_of_others_becomes_one_that_a_file_may_have(text: str, name: str) -> None:
    assert plain_name(text) == name
