"""Findings joined, decided and gated."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding
from nanna_ci.supply_chain.scanning.scan_verdict import join_findings, judge_scan
from nanna_ci.supply_chain.scanning.security_finding import AdvisorySource, AnswerState, FindingState, ScannerName
from support.fake_scans import IMAGE, RULE, TODAY, answer, finding


def accepted(expires: datetime.date = TODAY, **what: str | None) -> AcceptedFinding:
    values = {"id": "RUSTSEC-2026-0001", "component": None, "status": None, "justification": None, **what}
    return AcceptedFinding(reason="not reached", owner="ops", expires=expires, **values)  # type: ignore[arg-type]


YESTERDAY = TODAY - datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("severity", "least", "state"),
    [
        (Severity.LOW, Severity.LOW, FindingState.GATING),
        (Severity.MEDIUM, Severity.HIGH, FindingState.WARNING),
        (Severity.HIGH, Severity.HIGH, FindingState.GATING),
        (Severity.CRITICAL, Severity.HIGH, FindingState.GATING),
        (None, Severity.CRITICAL, FindingState.GATING),
    ],
)
def test_severity_gates_from_the_least_on_and_an_unknown_one_always(
    severity: Severity | None, least: Severity, state: FindingState
) -> None:
    result = judge_scan([answer(finding(severity=severity))], replace(RULE, fail_severity=least))
    ((_, found),) = result.findings()
    assert found.state is state
    assert result.verdict is (Verdict.FAIL if state is FindingState.GATING else Verdict.PASS)
    assert severity is not None or "unknown" in (found.reason or "")


def test_what_the_policy_denies_gates_whatever_its_severity() -> None:
    result = judge_scan(
        [answer(finding(by_policy=True, severity=Severity.LOW))], replace(RULE, fail_severity=Severity.HIGH)
    )
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("state", [FindingState.WARNING, FindingState.POSSIBLE, FindingState.SUPPRESSED])
def test_no_other_state_fails(state: FindingState) -> None:
    assert judge_scan([answer(finding(state=state, severity=None))], RULE).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "decision",
    [
        accepted(),
        accepted(id="CVE-2026-1"),
        accepted(component="pkg:cargo/leaky@1.0.0"),
        accepted(component="/nix/store/x"),
    ],
)
def test_a_decision_accepts_by_id_or_alias_and_component_until_its_day_is_over(decision: AcceptedFinding) -> None:
    found = finding(aliases=("CVE-2026-1",), places=("/nix/store/x",))
    result = judge_scan([answer(found)], replace(RULE, accepted=(decision,)))
    assert (result.verdict, result.unused, result.expired) == (Verdict.PASS, (), ())
    assert result.findings()[0][1].reason == "not reached (ops, until 2026-11-28)"


@pytest.mark.parametrize("decision", [accepted(id="RUSTSEC-2026-0002"), accepted(component="pkg:cargo/leaky@1.0.1")])
def test_a_decision_about_something_else_accepts_nothing_and_is_named(decision: AcceptedFinding) -> None:
    result = judge_scan([answer(finding())], replace(RULE, accepted=(decision,)))
    assert (result.verdict, result.unused) == (Verdict.FAIL, (decision,))


def test_an_expired_decision_fails_also_where_nothing_is_found() -> None:
    decision = accepted(expires=YESTERDAY)
    result = judge_scan([answer(finding())], replace(RULE, accepted=(decision,)))
    assert result.verdict is Verdict.FAIL
    assert result.findings()[0][1].reason == "ops accepted it until 2026-11-27, and no longer"
    result = judge_scan([answer()], replace(RULE, accepted=(decision,)))
    assert (result.verdict, result.expired) == (Verdict.FAIL, (decision,))
    assert "RUSTSEC-2026-0001 has expired" in (result.reason or "")


@pytest.mark.parametrize(
    ("state", "verdict"), [(AnswerState.UNAVAILABLE, Verdict.UNAVAILABLE), (AnswerState.FAILED, Verdict.ERROR)]
)
def test_a_scanner_without_an_answer_is_never_green_and_is_named(state: AnswerState, verdict: Verdict) -> None:
    lacking = answer(scanner=ScannerName.TRIVY, target=IMAGE, state=state, reason="not found")
    result = judge_scan([answer(), lacking], RULE)
    assert (result.verdict, result.reason) == (verdict, "trivy on harness-image: not found")
    result = judge_scan([answer(finding()), lacking], RULE)
    assert result.verdict is Verdict.FAIL
    assert "trivy on harness-image: not found" in (result.reason or "")


def test_two_scanners_on_one_hole_are_one_finding_and_the_stricter_counts() -> None:
    first = finding("RUSTSEC-2026-0001", aliases=("CVE-2026-1",), state=FindingState.WARNING, severity=None)
    second = finding("CVE-2026-1", scanner=ScannerName.CARGO_DENY, severity=Severity.LOW, fixed_versions=())
    (found,) = join_findings([first, second])
    assert (found.id, found.state, found.severity) == ("CVE-2026-1", FindingState.GATING, Severity.LOW)
    assert (found.confirmed_by, found.fixed_versions) == ((ScannerName.CARGO_AUDIT,), (">=1.2.0",))
    assert found.aliases == ("RUSTSEC-2026-0001",)


def test_what_a_policy_denies_stays_its_decision_when_it_is_joined() -> None:
    by_policy = finding(scanner=ScannerName.CARGO_DENY, by_policy=True, severity=None)
    for both in ([finding(severity=Severity.LOW), by_policy], [by_policy, finding(severity=Severity.LOW)]):
        result = judge_scan([answer(*both)], replace(RULE, fail_severity=Severity.CRITICAL))
        assert result.verdict is Verdict.FAIL


def test_one_id_in_two_components_or_targets_is_several_findings() -> None:
    assert len(join_findings([finding(), finding(component_ref="pkg:cargo/other@1.0.0")])) == 2
    assert len(judge_scan([answer(finding()), answer(finding(), target=IMAGE)], RULE).findings()) == 2


@pytest.mark.parametrize(
    ("date", "words"),
    [
        (TODAY - datetime.timedelta(days=14), None),
        (TODAY - datetime.timedelta(days=15), "15 days old"),
        (TODAY + datetime.timedelta(days=3), None),
        (None, "nobody knows how old"),
    ],
)
def test_an_old_database_is_said_once_and_fails_where_strict(date: datetime.date | None, words: str | None) -> None:
    source = AdvisorySource("RustSec", 3, date, "its commit")
    given = [answer(database=source), answer(database=source, scanner=ScannerName.CARGO_DENY)]
    result = judge_scan(given, RULE)
    assert (result.verdict, len(result.old)) == (Verdict.PASS, 0 if words is None else 1)
    strict = judge_scan(given, replace(RULE, strict=True))
    assert strict.verdict is (Verdict.PASS if words is None else Verdict.FAIL)
    assert words is None or words in (strict.reason or "")


def test_the_worst_stands_first() -> None:
    given = [
        finding("A-1", state=FindingState.WARNING, severity=None),
        finding("A-2", severity=Severity.LOW),
        finding("A-3", severity=Severity.CRITICAL),
        finding("A-4", severity=None),
    ]
    assert [one.id for _, one in judge_scan([answer(*given)], RULE).findings()] == ["A-4", "A-3", "A-2", "A-1"]
