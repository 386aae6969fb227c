"""The result of container tests, for machines and for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanna_ci.containers.engine.engine import EngineFacts
from nanna_ci.containers.engine.limits import Controllers, Force, LimitReport
from nanna_ci.containers.testing.checks import (
    Check,
    CheckKind,
    CheckResult,
    FailureCause,
    ImageFacts,
    ImageResult,
    Status,
)
from nanna_ci.containers.testing.container_report import ContainerReport, report_document, report_junit, report_to_json
from nanna_ci.containers.testing.hand_over import EngineRun
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.junit import TestStatus, parse_junit
from nanna_ci.report.blocks import Notice, Tone
from nanna_ci.report.text import render_text
from support.json_schemas import check

GOOD = ImageResult(
    "good",
    (CheckResult(Check(CheckKind.LOAD), Status.PASSED, 0.5, reason="a remark"),),
    ImageFacts(
        manifest_digest="sha256:" + "a" * 64,
        image_id="sha256:" + "b" * 64,
        architecture="amd64",
        size_bytes=2_000_000,
        unpacked_bytes=4_000_000,
        start_s=0.25,
        peak_memory_bytes=15_000_000,
        limits=(LimitReport("memory", "1.1 GB", Force.REFUSED, "no controller"),),
        stand_in="x in the place of y",
    ),
    1.5,
)
BAD = ImageResult(
    "bad",
    (
        CheckResult(Check(CheckKind.HEALTH, "/health"), Status.FAILED, 2.0, FailureCause.EXITED, "it exited with 3"),
        CheckResult(Check(CheckKind.STOP), Status.SKIPPED, 0.0, reason="not reached"),
        CheckResult(Check(CheckKind.TOGETHER, "c m:1"), Status.UNAVAILABLE, 0.0, reason="no client"),
    ),
    ImageFacts(limits=(LimitReport("memory", "1.1 GB", Force.REFUSED, "no controller"),), files=("/run/bad/bad.log",)),
    3.0,
)
TESTED = EngineRun(EngineFacts("podman", "5.4.2", Controllers()), False, (GOOD, BAD))
REPORT = ContainerReport((GOOD, BAD), TESTED, None, "/run", 5.0)


def notices(report: ContainerReport) -> list[tuple[Tone, str]]:
    return [(block.tone, block.text) for block in report_document(report).blocks if isinstance(block, Notice)]


def body(report: ContainerReport) -> dict[str, object]:
    return check(
        {"schemaVersion": 1, "command": "container-test", "verdict": report.verdict.value, **report_to_json(report)}
    )


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (REPORT, Verdict.FAIL),
        (replace(REPORT, images=(GOOD,)), Verdict.PASS),
        (replace(REPORT, images=(GOOD,), tested=replace(TESTED, problems=("container x",))), Verdict.FAIL),
        (replace(REPORT, images=(), tested=None, reason="no engine"), Verdict.UNAVAILABLE),
    ],
)
def test_the_verdict_and_a_body_that_fits_the_schema(report, verdict):
    assert report.verdict is verdict
    assert body(report)["reason"] == report.reason


def test_failures_come_first_and_what_is_not_held_is_said_once():
    assert notices(REPORT) == [
        (Tone.BAD, "bad: it exited with 3"),
        (Tone.WARN, "good, bad: the limit on memory is refused: no controller"),
        (Tone.WARN, "good is a stand-in: x in the place of y"),
    ]


def test_what_could_not_be_removed_must_be_seen():
    report = replace(REPORT, images=(GOOD,), tested=replace(TESTED, problems=("container x: busy",)))
    assert (Tone.BAD, "could not be removed: container x: busy") in notices(report)


def test_the_text_has_times_sizes_and_reasons():
    text = render_text(report_document(REPORT), color=False, width=140)
    for word in ("0.2 s", "15.0 MB", "2.0 MB", "4.0 MB", "1 of 1", "0 of 3", "n/a", "health /health", "no client"):
        assert word in text


def test_a_suite_an_image_a_case_a_check():
    cases = parse_junit(report_junit((GOOD, BAD)), "x").cases
    assert [(case.suite, case.name, case.status) for case in cases] == [
        ("container-test good", "load", TestStatus.PASSED),
        ("container-test bad", "health /health", TestStatus.FAILED),
        ("container-test bad", "stop", TestStatus.SKIPPED),
        ("container-test bad", "together c m:1", TestStatus.SKIPPED),
    ]
    assert cases[1].message == "exited: it exited with 3"
