"""From answers to a verdict: findings of several scanners joined, decided by the baseline, and gated by severity. Pure.

A finding that gates is a no, whatever else could not be asked; without one, a scanner without an answer is never green.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.baseline_file import AcceptedFinding
from nanna_ci.supply_chain.scanning.cvss import rank
from nanna_ci.supply_chain.scanning.security_finding import (
    AdvisorySource,
    AnswerState,
    FindingState,
    ScanAnswer,
    ScanTarget,
    SecurityFinding,
)

_STATE_ORDER: Final = tuple(FindingState)


@dataclass(frozen=True, slots=True)
class ScanRule:
    """What fails: the least severity, and whether old databases do (`strict`); `accepted` is the baseline."""

    fail_severity: Severity
    max_age_days: int
    today: datetime.date
    strict: bool
    accepted: tuple[AcceptedFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetResult:
    """A target: what was answered about it, and its findings, the worst first."""

    target: ScanTarget
    answers: tuple[ScanAnswer, ...]
    findings: tuple[SecurityFinding, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every scanner that was to answer did."""
        return all(answer.state in {AnswerState.ANSWERED, AnswerState.LEFT_OUT} for answer in self.answers)


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The whole scan. `expired` and `unused` are entries of the baseline; `old` says which databases are too old."""

    verdict: Verdict
    reason: str | None
    targets: tuple[TargetResult, ...]
    expired: tuple[AcceptedFinding, ...]
    unused: tuple[AcceptedFinding, ...]
    old: tuple[str, ...]

    def findings(self, *states: FindingState) -> list[tuple[ScanTarget, SecurityFinding]]:
        """The findings in these states, each with its target; all of them where no state is given."""
        return [
            (result.target, finding)
            for result in self.targets
            for finding in result.findings
            if not states or finding.state in states
        ]

    def unanswered(self) -> list[ScanAnswer]:
        """The scanners that gave no answer."""
        lacking = {AnswerState.UNAVAILABLE, AnswerState.FAILED}
        return [answer for result in self.targets for answer in result.answers if answer.state in lacking]


def judge_scan(answers: Sequence[ScanAnswer], rule: ScanRule) -> ScanResult:
    """The verdict of all answers."""
    targets: dict[ScanTarget, list[ScanAnswer]] = {}
    for answer in answers:
        targets.setdefault(answer.target, []).append(answer)
    used: set[AcceptedFinding] = set()
    results = []
    for target, given in targets.items():
        joined = join_findings(finding for answer in given for finding in answer.findings)
        decided = [_decide(finding, rule, used) for finding in joined]
        results.append(TargetResult(target, tuple(given), tuple(sorted(decided, key=finding_order))))
    result = ScanResult(
        verdict=Verdict.PASS,
        reason=None,
        targets=tuple(results),
        expired=tuple(one for one in rule.accepted if one.is_expired(rule.today)),
        unused=tuple(one for one in rule.accepted if one not in used and not one.is_expired(rule.today)),
        old=tuple(_old_databases(answers, rule)),
    )
    verdict, reason = _verdict(result, rule)
    return replace(result, verdict=verdict, reason=reason)


def finding_order(finding: SecurityFinding) -> tuple[int, int, str, str]:
    """What gates first, then the worst, then by name."""
    return _STATE_ORDER.index(finding.state), -rank(finding.severity), finding.id, finding.component_ref


def join_findings(findings: Iterable[SecurityFinding]) -> tuple[SecurityFinding, ...]:
    """What several scanners say of one component under one of its names, as one finding: the stricter state counts."""
    joined: list[SecurityFinding] = []
    by_name: dict[tuple[str, str], int] = {}
    for finding in findings:
        keys = [(name, finding.component_ref) for name in sorted(finding.names)]
        place = next((by_name[key] for key in keys if key in by_name), None)
        if place is None:
            place = len(joined)
            joined.append(finding)
        else:
            joined[place] = _join(joined[place], finding)
        for key in keys:
            by_name.setdefault(key, place)
    return tuple(joined)


def _join(first: SecurityFinding, second: SecurityFinding) -> SecurityFinding:
    strict, other = sorted((first, second), key=lambda one: (_STATE_ORDER.index(one.state), not one.by_policy))
    known = [one.severity for one in (first, second) if one.severity is not None]
    confirmed = {*first.confirmed_by, *second.confirmed_by, other.scanner} - {strict.scanner}
    names = (strict.names | other.names) - {strict.id}
    return replace(
        strict,
        aliases=tuple(sorted(names)),
        severity=max(known, key=rank) if known else None,
        fixed_versions=strict.fixed_versions or other.fixed_versions,
        url=strict.url or other.url,
        places=tuple(dict.fromkeys((*strict.places, *other.places))),
        line=strict.line or other.line,
        confirmed_by=tuple(sorted(confirmed)),
    )


def _decide(finding: SecurityFinding, rule: ScanRule, used: set[AcceptedFinding]) -> SecurityFinding:
    if finding.state is FindingState.SUPPRESSED:
        return finding
    accepted = next((one for one in rule.accepted if _is_about(one, finding)), None)
    if accepted is not None and not accepted.is_expired(rule.today):
        used.add(accepted)
        reason = f"{accepted.reason} ({accepted.owner}, until {accepted.expires})"
        return replace(finding, state=FindingState.ACCEPTED, reason=reason)
    if accepted is not None and finding.state is FindingState.GATING:
        return replace(finding, reason=f"{accepted.owner} accepted it until {accepted.expires}, and no longer")
    if finding.state is not FindingState.GATING or finding.by_policy:
        return finding
    if rank(finding.severity) < rank(rule.fail_severity):
        reason = f"{finding.severity} is below {rule.fail_severity}, from which on findings fail"
        return replace(finding, state=FindingState.WARNING, reason=reason)
    if finding.severity is None and finding.reason is None:
        return replace(finding, reason="its severity is unknown, which counts as the worst")
    return finding


def _is_about(accepted: AcceptedFinding, finding: SecurityFinding) -> bool:
    return accepted.id in finding.names and accepted.component in {None, finding.component_ref, *finding.places}


def _old_databases(answers: Sequence[ScanAnswer], rule: ScanRule) -> Iterable[str]:
    seen: set[AdvisorySource] = set()
    for answer in answers:
        source = answer.database
        if source is None or source in seen:
            continue
        seen.add(source)
        age_days = source.age_days(rule.today)
        if age_days is None:
            yield f"nobody knows how old the advisories of {source.name} are"
        elif age_days > rule.max_age_days:
            limit = f"database_max_age_days is {rule.max_age_days}"
            yield f"the advisories of {source.name} are {age_days} days old ({source.date}, {source.basis}); {limit}"


def _verdict(result: ScanResult, rule: ScanRule) -> tuple[Verdict, str | None]:
    reasons = []
    gating = len(result.findings(FindingState.GATING))
    if gating:
        reasons.append(f"{gating} {'finding fails' if gating == 1 else 'findings fail'}")
    if result.expired:
        ids = ", ".join(sorted({one.id for one in result.expired}))
        reasons.append(f"the baseline's decision on {ids} has expired")
    if rule.strict and result.old:
        reasons += result.old
    unanswered = [f"{answer.scanner} on {answer.target.name}: {answer.reason}" for answer in result.unanswered()]
    if reasons:
        return Verdict.FAIL, "; ".join([*reasons, *unanswered])
    if unanswered:
        return worst_verdict(result.unanswered()), "; ".join(unanswered)
    return Verdict.PASS, None


def worst_verdict(answers: Iterable[ScanAnswer]) -> Verdict:
    """UNAVAILABLE where tools are not there; ERROR where one failed."""
    verdict = Verdict.UNAVAILABLE
    for answer in answers:
        match answer.state:
            case AnswerState.FAILED:
                verdict = Verdict.ERROR
            case AnswerState.UNAVAILABLE | AnswerState.ANSWERED | AnswerState.LEFT_OUT:
                pass
            case _:
                assert_never(answer.state)
    return verdict
