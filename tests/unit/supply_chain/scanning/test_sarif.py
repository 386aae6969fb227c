"""SARIF: the public schema, GitHub's limits, and no place outside of the source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.sarif import MOST_RUNS, SarifReport, inner_uri, render_sarif
from nanna_ci.supply_chain.scanning.scan_verdict import judge_scan
from nanna_ci.supply_chain.scanning.security_finding import (
    AnswerState,
    FindingState,
    ScanAnswer,
    ScannerName,
    SourceLine,
)
from support.fake_scans import DIGEST, IMAGE, RULE, answer, finding

SCHEMA = json.loads((Path(__file__).parents[3] / "data/sarif/sarif-2.1.0.json").read_text())


def render(*answers: ScanAnswer, **limits: int) -> tuple[SarifReport, dict[str, Any]]:
    report = render_sarif(judge_scan(answers, RULE).targets, **limits)
    assert report.data is not None
    document: dict[str, Any] = json.loads(report.data)
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(document)
    return report, document


def test_a_scan_is_a_valid_document_with_a_run_and_a_category_for_each_target() -> None:
    found = finding(line=SourceLine("Cargo.lock", 7), url="https://rustsec.org/x", aliases=("CVE-1",))
    report, document = render(answer(found), answer(finding(), target=IMAGE, scanner=ScannerName.TRIVY, version="0.69"))
    assert (report.runs, report.results, report.notes) == (2, 2, ())
    assert sorted(run["automationDetails"]["id"] for run in document["runs"]) == ["crates/", "image/harness-image/"]
    crates = next(run for run in document["runs"] if run["automationDetails"]["id"] == "crates/")
    (result,) = crates["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("Cargo.lock", 7)
    assert result["level"] == "error"
    assert result["partialFingerprints"]["primaryLocationLineHash"].endswith(":1")
    (rule,) = crates["tool"]["driver"]["rules"]
    assert (rule["properties"]["security-severity"], rule["helpUri"]) == ("8.9", "https://rustsec.org/x")
    image = next(run for run in document["runs"] if run is not crates)
    assert image["properties"]["imageDigest"] == DIGEST
    assert image["tool"]["extensions"] == [{"name": "trivy", "version": "0.69"}]


def test_two_images_of_one_name_have_categories_of_their_own() -> None:
    other = replace(IMAGE, digest="sha256:" + "0" * 64)
    _, document = render(answer(target=IMAGE), answer(target=other))
    assert len({run["automationDetails"]["id"] for run in document["runs"]}) == 2


def test_a_fingerprint_outlives_versions_of_the_scan_but_not_the_component() -> None:
    def prints(**what: Any) -> dict[str, str]:
        _, document = render(answer(finding(**what)))
        found: dict[str, str] = document["runs"][0]["results"][0]["partialFingerprints"]
        return found

    assert prints() == prints(title="other words", line=SourceLine("Cargo.lock", 99), severity=Severity.LOW)
    assert prints() != prints(component_ref="pkg:cargo/leaky@1.0.1")


def test_what_is_accepted_or_suppressed_is_not_shown_as_open() -> None:
    hidden = [finding("A-1", state=FindingState.SUPPRESSED), finding("A-2", state=FindingState.ACCEPTED)]
    shown = [finding("A-3", state=FindingState.POSSIBLE), finding("A-4", state=FindingState.WARNING)]
    _, document = render(answer(*hidden, *shown))
    assert [(one["ruleId"], one["level"]) for one in document["runs"][0]["results"]] == [
        ("A-4", "warning"),
        ("A-3", "note"),
    ]


def test_results_over_the_limit_are_cut_by_severity_and_that_is_said() -> None:
    low = [finding(f"A-{number}", severity=Severity.LOW) for number in range(5)]
    report, document = render(answer(*low, finding("B-1", severity=Severity.CRITICAL)), most_results=3)
    results = document["runs"][0]["results"]
    assert (results[0]["ruleId"], len(results)) == ("B-1", 3)
    assert document["runs"][0]["properties"] == {"findings": 6, "leftOut": 3}
    assert report.notes == ("crates: a run takes 3 results: it has the 3 worst of 6",)


def test_githubs_own_limits_hold_at_25_000_results_and_20_runs() -> None:
    many = [finding("A-1", component_ref=f"pkg:cargo/c{number}@1.0.0") for number in range(25_001)]
    report = render_sarif(judge_scan([answer(*many)], RULE).targets)
    document = json.loads(report.data or b"")
    assert (len(document["runs"][0]["results"]), len(document["runs"][0]["tool"]["driver"]["rules"])) == (25_000, 1)
    assert "25,000 worst of 25,001" in report.notes[0]
    images = [answer(target=replace(IMAGE, name=f"image-{number:02}")) for number in range(MOST_RUNS)]
    bad = answer(finding(), target=replace(IMAGE, name="zz"))
    report, document = render(*images, bad)
    names = [run["automationDetails"]["id"] for run in document["runs"]]
    assert (len(names), names[0]) == (20, "image/zz/")
    assert "image/image-19" in report.notes[0]


def test_many_places_of_one_finding_stay_within_the_limit_of_locations() -> None:
    _, document = render(answer(finding(places=tuple(f"/nix/store/{number}" for number in range(2000)))))
    assert len(document["runs"][0]["results"][0]["locations"]) == 1


@pytest.mark.parametrize("state", [AnswerState.FAILED, AnswerState.UNAVAILABLE])
def test_a_target_without_an_answer_has_no_run_that_would_close_its_alerts(state: AnswerState) -> None:
    lacking = answer(scanner=ScannerName.CARGO_DENY, state=state, reason="crashed")
    report = render_sarif(judge_scan([answer(finding()), lacking], RULE).targets)
    assert report.data is None
    assert report.notes == ("crates has no run in the SARIF file: a scanner gave no answer",)
    report, document = render(answer(), lacking, answer(target=IMAGE))
    assert [run["automationDetails"]["id"] for run in document["runs"]] == ["image/harness-image/"]


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("Cargo.lock", "Cargo.lock"),
        ("../../etc/passwd", "etc/passwd"),
        ("a/../../b", "b"),
        ("/nix/store/x-openssl", "nix/store/x-openssl"),
        ("file:///etc/passwd", "etc/passwd"),
        ("https://evil.invalid/a?b#c", "evil.invalid/a%3Fb%23c"),
        ("javascript:alert(1)", "alert%281%29"),
        ("//host/share", "host/share"),
        ("C:\\Windows\\x", "Windows/x"),
        ("..%2f..%2fetc", "etc"),
        ("%252e%252e/x", "x"),
        ("..", "unknown"),
        ("a b\u202e", "a%20b%5Cu202e"),
    ],
)
def test_a_place_is_always_a_relative_uri_below_the_source(text: str, uri: str) -> None:
    assert inner_uri(text) == uri


def test_text_of_others_is_one_bounded_line_and_a_foreign_link_is_dropped() -> None:
    bad = finding("A/1\n", title="x\u001b[31m\n" + "y" * 5000, url="https://a b", fixed_versions=("1\n2",))
    _, document = render(answer(bad))
    text = document["runs"][0]["results"][0]["message"]["text"]
    assert len(text) <= 1001
    assert "\n" not in text
    assert "\u001b" not in text
    assert "helpUri" not in document["runs"][0]["tool"]["driver"]["rules"][0]
