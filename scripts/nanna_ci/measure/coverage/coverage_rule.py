"""Whether coverage is enough: by the minimums of pipeline.toml, with a warning where it fell.

It is compared with the last record of its branch, not with a median of several: tests run the same lines every time, so
that one record is as good as many, and a median would hide a fall behind it for as long as it looks back. A fall that
many small ones make up is what minimum_line_rate is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.coverage.patch_lines import PatchCoverage
from nanna_ci.measure.coverage.source_tree import Coverage
from nanna_ci.measure.history.records import CoverageRecord
from nanna_ci.report.units import share_text

TOLERANCE: Final = 0.005
"""A fall of the line rate up to half a percentage point is no warning: code that is taken away moves it, too."""


@dataclass(frozen=True, slots=True)
class CoverageRule:
    """The least rates, 0 to 1; None: there is no minimum. `strict`: what was not measured fails."""

    minimum_line_rate: float | None = None
    minimum_patch_rate: float | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RateCheck:
    """A rate held to its minimum. `reason` says why a value is unknown, or what is wrong with it."""

    name: str
    minimum: float | None
    value: float | None
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CoverageResult:
    """The answer. `previous` is the record that the line rate was compared with, None if there is none."""

    verdict: Verdict
    checks: tuple[RateCheck, ...]
    warnings: tuple[str, ...] = ()
    previous: CoverageRecord | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the answer is not yes."""
        return tuple(check.reason for check in self.checks if check.verdict is not Verdict.PASS and check.reason)


def judge_coverage(
    coverage: Coverage,
    patch: PatchCoverage | str | None,
    rule: CoverageRule,
    records: Sequence[CoverageRecord] = (),
    branch: str | None = None,
) -> CoverageResult:
    """Hold coverage to the rule. `patch` is why it is unknown, or None if nothing to compare with was named.

    `records` are the history, oldest first; `branch` is whose last record counts. A rate that equals its minimum
    passes. No line at all is no coverage: unavailable, not 0 %.
    """
    lines = _line_check(coverage, rule)
    checks = (lines, _patch_check(patch, rule))
    previous = next((one for one in reversed(records) if branch is not None and one.origin.branch == branch), None)
    warnings = [check.reason for check in checks if check.verdict is Verdict.PASS and check.reason]
    fell = _fall(coverage.line_rate, previous)
    verdicts = [check.verdict for check in checks]
    verdict = next((one for one in (Verdict.FAIL, Verdict.UNAVAILABLE) if one in verdicts), Verdict.PASS)
    return CoverageResult(verdict, checks, (*warnings, *([] if fell is None else [fell])), previous)


def percent(rate: float | None) -> str | None:
    """`81.3 %`; None for None."""
    return None if rate is None else share_text(rate)


def _line_check(coverage: Coverage, rule: CoverageRule) -> RateCheck:
    rate = coverage.line_rate
    if rate is None:
        why = "nothing was measured: the report has no line of this workspace that can be run"
        verdict = Verdict.FAIL if rule.strict else Verdict.UNAVAILABLE
        return RateCheck("lines", rule.minimum_line_rate, None, verdict, why)
    return _held("lines", rule.minimum_line_rate, rate)


def _patch_check(patch: PatchCoverage | str | None, rule: CoverageRule) -> RateCheck:
    minimum = rule.minimum_patch_rate
    if isinstance(patch, PatchCoverage) and patch.line_rate is not None:
        return _held("changed lines", minimum, patch.line_rate)
    if isinstance(patch, PatchCoverage):
        # an answer, and not the lack of one: a change of the documentation alone must pass, under --strict too
        return RateCheck("changed lines", minimum, None, Verdict.PASS)
    why = patch or "no --against names a commit to compare with"
    reason = f"changed lines are not measured: {why}"
    is_wanted = minimum is not None or patch is not None
    verdict = Verdict.FAIL if rule.strict and is_wanted else Verdict.PASS
    return RateCheck("changed lines", minimum, None, verdict, reason if is_wanted else None)


def _held(name: str, minimum: float | None, rate: float) -> RateCheck:
    if minimum is None or rate >= minimum:
        return RateCheck(name, minimum, rate, Verdict.PASS)
    reason = f"tests run {percent(rate)} of the {name}; the minimum is {100 * minimum:g} %"
    return RateCheck(name, minimum, rate, Verdict.FAIL, reason)


def _fall(rate: float | None, previous: CoverageRecord | None) -> str | None:
    before = None if previous is None else previous.line_rate
    if rate is None or before is None or previous is None or before - rate <= TOLERANCE + 1e-12:
        return None
    branch, run = previous.origin.branch, previous.origin.run
    return f"line coverage fell from {percent(before)} to {percent(rate)} since {run}, the last on {branch}"
