"""Trivy's reports (made by hand, tests/data/trivy/README.md), and a program in its place for its failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation import process
from nanna_ci.foundation.errors import CommandFailed, MalformedData, ToolMissing, UsageError
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.security_finding import FindingState, ScanAnswer
from nanna_ci.supply_chain.scanning.trivy import Trivy, find_image, parse_trivy_report
from support.fake_images import write_layout
from support.fake_scans import DIGEST
from support.stand_in_trivy import StandInTrivy

REPORTS = Path(__file__).parents[3] / "data" / "trivy"
REFERENCE = f"registry.example/app@{DIGEST}"
IMAGE = find_image(REFERENCE, Path("/nowhere"))


def report(name: str) -> bytes:
    return (REPORTS / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", ["schema-2-of-0.20", "schema-2-of-0.50", "schema-2-of-0.69"])
def test_reports_of_several_releases_are_read_alike(name: str) -> None:
    findings, packages = parse_trivy_report(report(name), IMAGE)
    first = findings[0]
    assert (first.id, first.severity, first.fixed_versions) == ("CVE-2019-1563", Severity.LOW, ("1.1.0l-1~deb9u1",))
    assert (first.state, packages > 0) == (FindingState.GATING, True)
    if name != "schema-2-of-0.20":
        assert first.component_ref == "pkg:deb/debian/libssl1.1@1.1.0k-1~deb9u1"
        assert first.aliases == ("DSA-4539-1",)
    else:
        assert first.component_ref == "libssl1.1@1.1.0k-1~deb9u1"


def test_an_unknown_severity_is_that_of_a_score_else_unknown() -> None:
    findings, packages = parse_trivy_report(report("schema-2-of-0.50"), IMAGE)
    assert [one.severity for one in findings] == [Severity.LOW, None, Severity.HIGH]
    assert packages == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("schema-1", "schema 1"),
        ("schema-3", "SchemaVersion is '3'"),
        ("filesystem", "not container_image"),
        ("other-image", "names no image with the digest"),
    ],
)
def test_another_schema_or_image_is_refused(name: str, words: str) -> None:
    with pytest.raises(MalformedData, match=words):
        parse_trivy_report(report(name), IMAGE)


@pytest.mark.parametrize(
    "text",
    ["alpine", "alpine:3.20", "registry.example:5000/a/b:latest", "app@sha256:abc", "app@sha1:00", "-x", "../layout"],
)
def test_a_tag_or_what_is_no_image_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_image(text, tmp_path)
    assert "sha256:" in (caught.value.hint or "")


@pytest.mark.parametrize("text", [REFERENCE, f"registry.example:5000/a/app:v1@{DIGEST}", f"app@{DIGEST}"])
def test_a_digest_names_an_image(tmp_path: Path, text: str) -> None:
    image = find_image(text, tmp_path)
    assert (image.target.name, image.target.digest, image.target.category) == ("app", DIGEST, "image/app")


def scan(tmp_path: Path, program: StandInTrivy, image: str = REFERENCE, **variables: str) -> ScanAnswer:
    environ = {"PATH": "/usr/bin:/bin", "NANNA_CI_TRIVY": str(program.path), **variables}
    return Trivy(find_image(image, tmp_path), process.run, environ).scan()


def test_trivy_is_asked_for_the_digest_and_nothing_can_filter_what_it_says(tmp_path: Path) -> None:
    program = StandInTrivy(tmp_path / "bin", report("schema-2-of-0.50").decode())
    filters = {"TRIVY_SEVERITY": "CRITICAL", "TRIVY_IGNORE_UNFIXED": "true", "TRIVY_IGNOREFILE": "/x"}
    answer = scan(tmp_path, program, TRIVY_SKIP_DB_UPDATE="true", **filters)
    assert len(answer.findings) == 3
    assert (answer.version, answer.database and str(answer.database.date)) == ("trivy 0.69.0", "2026-11-27")
    words, variables = next(call for call in program.calls if call[0][0] == "image")
    assert words[-1] == REFERENCE
    assert variables == ["TRIVY_SKIP_DB_UPDATE"]


def test_an_oci_layout_is_scanned_by_its_folder_and_its_id_must_be_that_of_the_report(tmp_path: Path) -> None:
    write_layout(tmp_path / "layout", {"bin/x": b"x"}, entrypoint=["/bin/x"])
    image = find_image("layout", tmp_path)
    text = report("no-packages").decode().replace("sha256:" + "cd" * 32, image.image_id or "")
    answer = scan(tmp_path, StandInTrivy(tmp_path / "bin", text), "layout")
    assert (answer.target.digest, answer.findings) == (image.target.digest, ())
    assert "says nothing of store paths" in answer.notes[0]
    other = StandInTrivy(tmp_path / "other", report("no-packages").decode())
    with pytest.raises(MalformedData, match="not about sha256"):
        scan(tmp_path, other, "layout")


@pytest.mark.parametrize(
    ("behaviour", "report_text", "error", "words"),
    [
        ("crash", "", CommandFailed, "memory address"),
        ("refuses", "", CommandFailed, "failed to download vulnerability DB"),
        ("no report", "", MalformedData, "wrote no report"),
        ("answers", "", MalformedData, "line 1"),
        ("answers", '{"SchemaVersion": 2', MalformedData, "line 1"),
        ("no database", "{}", ToolMissing, "no vulnerability database"),
    ],
)
def test_a_trivy_that_crashes_or_has_no_database_gives_no_answer(
    tmp_path: Path, behaviour: str, report_text: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        scan(tmp_path, StandInTrivy(tmp_path / "bin", report_text, behaviour))


def test_no_trivy_is_unavailable_with_the_toolkits_reason(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "NANNA_CI_UNAVAILABLE": '{"trivy": "no package that can be verified"}'}
    with pytest.raises(ToolMissing, match="no package that can be verified"):
        Trivy(IMAGE, process.run, environ).scan()
