"""The result of one job, as a value and as `result.json`; and the verdict of the whole run."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible
from nanna_ci.report.blocks import Block

SCHEMA_VERSION = 1
REASONS_IN_VERDICT_LINE = 3
JOBS_NAMED = 5


class JobState(enum.Enum):
    """How a job with an answer got it."""

    BUILT = "built"
    SUBSTITUTED = "substituted"
    PRESENT = "present"
    RAN = "ran"


@dataclass(frozen=True, slots=True)
class JobResult:
    """One job's answer.

    `seconds` is None if it was not measured (an output that was there before). `state` is None if nothing was
    built or run. `evidence` is plain JSON: what the answer rests on (derivation, outputs, NAR hashes, test counts).
    A result that is not a pass has a `reason`; a pass has a `state`: skipped is never green. `details` are for the
    report of this run, and not in result.json.
    """

    id: str
    verdict: Verdict
    seconds: float | None = None
    state: JobState | None = None
    reason: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    failing_tests: tuple[str, ...] = ()
    log_tail: tuple[str, ...] = ()
    reproduce: str | None = None
    details: tuple[Block, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        # a test's name is untrusted text: it must not control a terminal, here or in whatever reads result.json
        object.__setattr__(self, "failing_tests", tuple(map(visible, self.failing_tests)))
        if self.reason is not None:
            object.__setattr__(self, "reason", visible(self.reason))
        if self.verdict is Verdict.PASS and self.state is None:
            raise ValueError(f"{self.id}: a pass without a state")
        if self.verdict is not Verdict.PASS and not self.reason:
            raise ValueError(f"{self.id}: {self.verdict.value} without a reason")
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"{self.id}: {self.seconds} seconds")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a pass must not hide and a person should see to: `warnings` of the evidence."""
        given = self.evidence.get("warnings", ())
        return tuple(map(visible, given)) if isinstance(given, list) and all(isinstance(i, str) for i in given) else ()


def no_answer(job_id: str, reason: str, *, report: str | None = None, **facts: Any) -> JobResult:
    """The result of a job that says nothing about the workspace, why, and the file to report.

    `facts` are JobResult's other fields.
    """
    evidence = {**facts.pop("evidence", {}), **({} if report is None else {"report": report})}
    return JobResult(job_id, Verdict.ERROR, reason=reason, evidence=evidence, **facts)


def unavailable(job_id: str, reason: str) -> JobResult:
    """The result of a job that did not run, and why."""
    return JobResult(job_id, Verdict.UNAVAILABLE, reason=reason)


def result_to_json(result: JobResult) -> dict[str, Any]:
    """The body of `result.json` without its schema version; keys in camelCase."""
    return {
        "id": result.id,
        "verdict": result.verdict.value,
        "seconds": None if result.seconds is None else round(result.seconds, 3),
        "state": None if result.state is None else result.state.value,
        "reason": result.reason,
        "evidence": dict(result.evidence),
        "failingTests": list(result.failing_tests),
        "logTail": list(result.log_tail),
        "reproduce": result.reproduce,
    }


def render_result(result: JobResult) -> bytes:
    """`result.json`: UTF-8, indented, a final newline; the same result gives the same bytes."""
    body = {"schemaVersion": SCHEMA_VERSION, **result_to_json(result)}
    return (json.dumps(body, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(errors="replace")


def _refuse_constant(text: str) -> float:
    raise ValueError(f"the number {text}")


def parse_result(data: bytes, source: str) -> JobResult:
    """Read `result.json`. Raises MalformedData for anything `render_result` would not have written."""
    try:
        body = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedData(source, f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedData(source, "not an object")
    if body.get("schemaVersion") != SCHEMA_VERSION:
        raise MalformedData(source, f"schemaVersion {body.get('schemaVersion')!r}, only {SCHEMA_VERSION} is known")
    reader = _Reader(body, source)
    state, verdict = reader.text("state", optional=True), reader.text("verdict")
    try:
        return JobResult(
            id=reader.text("id") or "",
            verdict=Verdict(verdict),
            seconds=reader.seconds(),
            state=None if state is None else JobState(state),
            reason=reader.text("reason", optional=True),
            evidence=reader.mapping("evidence"),
            failing_tests=reader.texts("failingTests"),
            log_tail=reader.texts("logTail"),
            reproduce=reader.text("reproduce", optional=True),
        )
    except ValueError as error:
        raise MalformedData(source, str(error)) from None


@dataclass(frozen=True, slots=True)
class _Reader:
    body: Mapping[str, Any]
    source: str

    def _take(self, key: str) -> Any:
        if key not in self.body:
            raise MalformedData(self.source, f"no {key}")
        return self.body[key]

    def _wrong(self, key: str, value: object) -> MalformedData:
        return MalformedData(self.source, f"{key} is {value!r:.80}")

    def text(self, key: str, *, optional: bool = False) -> str | None:
        value = self._take(key)
        if isinstance(value, str) or (optional and value is None):
            return value
        raise self._wrong(key, value)

    def seconds(self) -> float | None:
        value = self._take("seconds")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong("seconds", value)
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, value)
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self._take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, value)
        return value


def decide_verdict(results: Iterable[JobResult], *, strict: bool) -> Verdict:
    """The run's verdict: one failure fails it, no pass is not a pass; `strict` takes unavailable for failed.

    A failure outweighs an error, whatever the jobs without an answer would have said. An error
    outweighs every pass: with some answers missing the run cannot pass.
    """
    verdicts = [result.verdict for result in results]
    if Verdict.FAIL in verdicts or (strict and (Verdict.UNAVAILABLE in verdicts or not verdicts)):
        return Verdict.FAIL
    if Verdict.ERROR in verdicts:
        return Verdict.ERROR
    return Verdict.PASS if Verdict.PASS in verdicts else Verdict.UNAVAILABLE


def shared_by(results: Iterable[JobResult]) -> list[list[JobResult]]:
    """The results grouped by cause: one cause that several jobs share is reported once, with their names."""
    groups: dict[tuple[object, ...], list[JobResult]] = {}
    for result in results:
        same = (result.verdict, result.reason, result.failing_tests, result.log_tail)
        alone = () if result.verdict is Verdict.ERROR or result.log_tail else (result.id,)
        groups.setdefault((*same, *alone), []).append(result)
    return list(groups.values())


def verdict_line(results: Sequence[JobResult], *, strict: bool) -> str:
    """One line for people, e.g. `pass: 9 passed, 14 unavailable (14: needs an aarch64-darwin machine)`."""
    by_verdict = {verdict: [r for r in results if r.verdict is verdict] for verdict in Verdict}
    parts = []
    if failed := by_verdict[Verdict.FAIL]:
        parts.append(f"{len(failed)} failed ({', '.join(result.id for result in failed)})")
    if errors := by_verdict[Verdict.ERROR]:
        details = "; ".join(f"{', '.join(one.id for one in same)}: {same[0].reason}" for same in shared_by(errors))
        parts.append(f"{len(errors)} without an answer ({details})")
    if passed := by_verdict[Verdict.PASS]:
        parts.append(f"{len(passed)} passed")
    if absent := by_verdict[Verdict.UNAVAILABLE]:
        counts: dict[str, int] = {}
        for result in absent:
            counts[result.reason or ""] = counts.get(result.reason or "", 0) + 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{count}: {reason}" for reason, count in ranked[:REASONS_IN_VERDICT_LINE]]
        if len(ranked) > len(shown):
            shown.append(f"{sum(count for _, count in ranked[len(shown) :])}: other reasons")
        parts.append(f"{len(absent)} unavailable ({'; '.join(shown)})")
    if not passed and not failed and not errors:
        parts.insert(0, "nothing ran")
    elif strict and absent and not failed:
        parts.append("and --strict counts unavailable as failure")
    return f"{decide_verdict(results, strict=strict).value}: {', '.join(parts)}"
