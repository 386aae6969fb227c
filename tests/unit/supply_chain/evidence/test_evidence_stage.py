"""The folder while it is written: no secret goes in, no name of anything else, and nothing of others is replaced."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ConfigError, GateFailed, MalformedData, UsageError
from nanna_ci.foundation.redact import Redactor
from nanna_ci.supply_chain.evidence.evidence_index import read_index
from nanna_ci.supply_chain.evidence.evidence_stage import EvidenceStage, check_evidence_folder
from support.fake_evidence import make_build

SECRET = "ghs_" + "a1B2c3D4" * 64  # of the length of GitHub's newer tokens


@pytest.fixture
def stage(tmp_path: Path) -> EvidenceStage:
    (tmp_path / "stage").mkdir()
    return EvidenceStage(tmp_path / "stage", Redactor([SECRET]))


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        "\n".join(SECRET[at : at + 76] for at in range(0, 516, 76)),
    ],
    ids=["plain", "base64", "wrapped"],
)
def test_a_document_with_a_secret_is_refused_and_not_shown(stage: EvidenceStage, text: str) -> None:
    with pytest.raises(GateFailed, match="holds a secret") as caught:
        stage.add_document("vex.json", f'{{"x": "{text}"}}'.encode())
    assert SECRET[:20] not in str(caught.value)
    assert not list(stage.path.iterdir())


def test_a_secret_in_a_derivation_ends_the_whole(tmp_path: Path) -> None:
    build = make_build(tmp_path)
    with pytest.raises(GateFailed, match=r"derivations/.*holds a secret"):
        build.write(secrets=["/bin/sh"])


@pytest.mark.parametrize(
    "path", ["other.txt", "../vex.json", "artifacts/../vex.json", "sbom/a b.cdx.json", "sbom/.cdx.json"]
)
def test_a_name_without_a_place_is_refused(stage: EvidenceStage, path: str) -> None:
    with pytest.raises(MalformedData, match="cannot be the name"):
        stage.add_document(path, b"{}")


def test_two_files_of_one_name_are_a_mistake(stage: EvidenceStage, tmp_path: Path) -> None:
    stage.add_document("vex.json", b"{}")
    with pytest.raises(UsageError, match="two files of that name"):
        stage.add_document("vex.json", b"{}")
    (tmp_path / "a").write_text("x")
    stage.add_file("artifacts/x86_64-linux/a", tmp_path / "a")
    with pytest.raises(UsageError, match="two files of that name"):
        stage.add_file("artifacts/x86_64-linux/a", tmp_path / "a")


def test_a_link_in_the_place_of_a_file_is_not_followed(stage: EvidenceStage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(ConfigError, match="it is a link"):
        stage.add_file("artifacts/x86_64-linux/a", tmp_path / "link")


def test_the_index_names_every_file_and_what_there_is_none_of(stage: EvidenceStage) -> None:
    stage.add_document("sbom/a.cdx.json", b"{}")
    stage.finish()
    index = read_index(stage.path)
    assert [file.path for file in index.files] == ["sbom/a.cdx.json"]
    assert sorted(role.value for role in index.absent) == [
        "artifact", "baseline", "image", "sarif", "scan", "test-results", "vex",
    ]  # fmt: skip


def test_only_an_empty_folder_or_evidence_is_replaced(tmp_path: Path) -> None:
    check_evidence_folder(tmp_path / "new")
    check_evidence_folder(tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match=r"other files in it, such as thesis\.tex"):
        check_evidence_folder(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        check_evidence_folder(tmp_path / "thesis.tex")
    (tmp_path / "evidence.json").touch()
    check_evidence_folder(tmp_path)
