"""Outputs as lists: read as they were written, with no file from outside of the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.store.nar import hash_tree
from nanna_ci.supply_chain.evidence.output_listing import hash_listing, parse_listing, render_listing
from support.fake_evidence import FakeBuild, make_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> FakeBuild:
    return make_build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def folder(build: FakeBuild) -> Path:
    return build.write()


@pytest.fixture
def document(folder: Path) -> dict[str, Any]:
    (file,) = folder.glob("outputs/*-app-build.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_the_nar_of_a_listing_is_the_one_of_the_store(build: FakeBuild, folder: Path, document: dict[str, Any]) -> None:
    listing = parse_listing(json.dumps(document).encode(), "x")
    nar = hash_tree(build.store / listing.path.base_name)
    assert hash_listing(listing, folder, "x") == listing.nar == nar
    assert dict(render_listing(listing)) == document


def test_what_lies_elsewhere_in_the_folder_is_not_there_twice(folder: Path, document: dict[str, Any]) -> None:
    places = {file["path"]: file.get("file") for file in document["files"]}
    assert places["bin/app"] == "artifacts/x86_64-linux/app-x86_64-linux"
    assert places["share/notes"].startswith("outputs/files/")
    assert len([*folder.glob("outputs/files/*")]) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"file": "../../../etc/passwd"}, "no place for its content"),
        ({"file": "/etc/passwd"}, "no place for its content"),
        ({"file": "evidence.json"}, "no place for its content"),
        ({"sha256": "0"}, "no place for its content"),
        ({"kind": "device"}, "which no archive of Nix holds"),
        ({"sizeBytes": -1}, "sizeBytes"),
        ({"path": 1}, "path"),
    ],
)
def test_a_file_that_cannot_be_in_an_output_is_refused(
    document: dict[str, Any], change: dict[str, Any], problem: str
) -> None:
    next(file for file in document["files"] if file["path"] == "share/notes").update(change)
    with pytest.raises(MalformedData, match=problem):
        parse_listing(json.dumps(document).encode(), "x")


def test_a_file_that_is_lost_has_no_nar(folder: Path, document: dict[str, Any]) -> None:
    listing = parse_listing(json.dumps(document).encode(), "x")
    with pytest.raises(MalformedData, match="cannot be read"):
        hash_listing(listing, folder / "sbom", "x")
