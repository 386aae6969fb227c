"""The whole chain over a made-up folder: it holds, and each change of any file breaks it, by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkState
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.folder_links import check_folder
from nanna_ci.supply_chain.evidence.in_toto import render_json
from support.fake_evidence import FakeBuild, index_again, make_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> FakeBuild:
    return make_build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def whole(build: FakeBuild) -> Path:
    return build.write()


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "evidence"))


def links(folder: Path) -> dict[str, ChainLink]:
    return {link.name.value: link for link in check_folder(read_evidence(folder))}


def broken(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Link → what is wrong: (subject, words)."""
    return {
        name: [(check.subject, check.says) for check in link.troubles]
        for name, link in links(folder).items()
        if link.state in {LinkState.FAILED, LinkState.MISSING}
    }


def flip(file: Path, offset: int) -> None:
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))


def edit(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file of ours, and write it as we do."""
    document = json.loads(file.read_text())
    change(document)
    file.write_bytes(render_json(document))


def only(pattern: str, folder: Path) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_the_chain_of_an_untouched_folder_holds(folder: Path) -> None:
    assert broken(folder) == {}
    assert {link.state for link in links(folder).values()} == {LinkState.VERIFIED}


def test_the_same_build_gives_the_same_bytes(build: FakeBuild, whole: Path) -> None:
    again = build.write("again")
    files = [path.relative_to(whole) for path in whole.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if (whole / path).read_bytes() != (again / path).read_bytes()] == []


def test_every_file_changed_at_its_beginning_middle_and_end_is_named(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) > 20
    for file in files:
        data = file.read_bytes()
        for offset in {0, len(data) // 2, len(data) - 1}:
            flip(file, offset)
            named = {subject for troubles in broken(folder).values() for subject, _ in troubles}
            assert str(file.relative_to(folder)) in named, offset
            file.write_bytes(data)
    assert broken(folder) == {}


def test_an_index_that_states_another_hash_is_named_beside_the_file(folder: Path) -> None:
    index = json.loads((folder / "evidence.json").read_text())
    index["files"][0]["sha256"] = "0" * 64
    (folder / "evidence.json").write_bytes(render_json(index))
    assert [subject for subject, _ in broken(folder)["index"]] == [index["files"][0]["path"], "evidence.json"]


def test_an_index_that_denies_what_it_names_is_named(folder: Path) -> None:
    index = json.loads((folder / "evidence.json").read_text())
    index["absent"] = [{"role": "vex", "reason": "no finding was decided on in a baseline"}]
    (folder / "evidence.json").write_bytes(render_json(index))
    assert broken(folder)["index"][0] == ("evidence.json", "says that there is no vex, and names one")


def test_a_file_that_is_lost_is_named(folder: Path) -> None:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        file.unlink()
        named = {subject for troubles in broken(folder).values() for subject, _ in troubles}
        assert str(file.relative_to(folder)) in named
        file.write_bytes(data)


def test_a_file_that_nobody_knows_a_link_and_a_pipe_are_named(folder: Path) -> None:
    (folder / "extra.txt").write_text("x")
    (folder / "vex.json").unlink()
    (folder / "vex.json").symlink_to("extra.txt")
    found = dict(broken(folder)["index"])
    assert found["extra.txt"] == "has no place in a folder of evidence"
    assert found["vex.json"] == "is missing"


PROTECTED = [
    "derivations/*-app-build.drv",
    "derivations/*-app-image.drv",
    "outputs/*-app-build.json",
    "outputs/files/*",
    "artifacts/x86_64-linux/app-x86_64-linux",
    "artifacts/x86_64-linux/w-x86_64-linux.tar.gz",
    "artifacts/x86_64-linux/manifest.json",
    "artifacts/x86_64-linux/SHA256SUMS",
    "images/app-amd64/index.json",
    "images/app-amd64/oci-layout",
    "images/app-amd64/blobs/sha256/*",
    "provenance.predicate.json",
    "provenance.intoto.json",
    "test-results.intoto.json",
    "test-results.predicate.json",
    "subjects.sha256",
    "vex.json",
]


@pytest.mark.parametrize("pattern", PROTECTED)
def test_a_change_that_the_index_covers_up_breaks_another_link(folder: Path, pattern: str) -> None:
    for file in sorted(folder.glob(pattern)):
        data = file.read_bytes()
        for offset in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            flip(file, offset)
            index_again(folder)
            found = broken(folder)
            assert "index" not in found
            assert found, (file, offset)
            file.write_bytes(data)


def test_two_images_that_share_files_are_each_an_output_of_its_own(tmp_path: Path) -> None:
    build = make_build(tmp_path)
    build.add_image("arm64")
    folder = build.write()
    assert broken(folder) == {}
    (folder / "images/app-arm64/blobs/sha256" / ("0" * 64)).write_bytes(b"x")
    index_again(folder)
    assert ("images/app-arm64", "its files are together no output that provenance names") in broken(folder)["image"]


def test_a_folder_that_is_none_is_a_mistake_of_who_calls(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        read_evidence(tmp_path / "none")
    with pytest.raises(UsageError, match="no evidence in it"):
        read_evidence(tmp_path)


def test_a_role_that_is_left_out_without_a_word_is_missing(folder: Path) -> None:
    (folder / "scan/app.sarif").unlink()
    found = broken(folder)
    assert found["index"][0] == ("scan/app.sarif", "is missing")
    index_again(folder)
    assert "index" not in broken(folder)


def test_roles_that_the_folder_says_it_has_none_of_are_not_missing(tmp_path: Path) -> None:
    build = make_build(tmp_path)
    build.change(test_result=None, sarifs=[], scan=None, baseline=None)
    folder = build.write()
    assert broken(folder) == {}
    states = {name: link.state for name, link in links(folder).items()}
    assert [name for name, state in states.items() if state is LinkState.ABSENT] == ["sarif", "test-results", "vex"]


def test_a_role_that_the_index_is_silent_about_is_missing(tmp_path: Path) -> None:
    build = make_build(tmp_path)
    build.change(sarifs=[])
    folder = build.write()
    index = json.loads((folder / "evidence.json").read_text())
    index["absent"] = []
    (folder / "evidence.json").write_bytes(render_json(index))
    assert broken(folder) == {"sarif": [("sarif", "there is none, and the index does not say so")]}


def test_without_an_sbom_the_chain_is_broken(tmp_path: Path) -> None:
    build = make_build(tmp_path)
    build.change(sboms=[])
    found = broken(build.write())
    assert sorted(found) == ["sbom"]
    assert [says.split(" ")[0] for _, says in found["sbom"]] == ["no", "no"]
