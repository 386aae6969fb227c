"""What somebody should hear of, as texts for issues; and the badge. Nothing is posted here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible
from nanna_ci.pipeline.job_plan import Event
from nanna_ci.pipeline.run_report import failure_blocks
from nanna_ci.report.blocks import Block, Facts, Notice, Tone
from nanna_ci.report.outcome import SCHEMA_VERSION, VERDICT_TONES
from nanna_ci.summary.command_answers import CommandAnswers
from nanna_ci.summary.measures import VANISHED, WARN, BenchmarkAnswer, benchmark_answers
from nanna_ci.summary.step_summary import RunSummary, fitted_comment, shortened

ALERTING_EVENTS: Final = frozenset({Event.PUSH, Event.SCHEDULE, Event.RELEASE})
"""A pull request has its author, who sees its check and its comment; these have nobody who waits for them."""
TITLE_CHARACTERS: Final = 200
FAILED: Final = "ci-failed-"
"""Before the event in the key of a run that failed."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An issue to open, or to renew where one of this `key` is open: the key is the same for the same trouble."""

    key: str
    title: str
    body: str
    labels: tuple[str, ...]


def alerts_of(summary: RunSummary, answers: CommandAnswers) -> tuple[Alert, ...]:
    """The alerts of a run: that it failed, and each benchmark that became slower. None on a pull request."""
    if summary.account.event not in ALERTING_EVENTS:
        return ()
    return (*_failed(summary), *_regressions(summary, answers))


def _failed(summary: RunSummary) -> Iterator[Alert]:
    account = summary.account
    if account.verdict is Verdict.PASS:
        return

    def blocks(log_bytes: int) -> Iterator[Block]:
        yield Notice(VERDICT_TONES[account.verdict], account.line)
        yield from failure_blocks([shortened(result, log_bytes) for result in account.results])

    key, title = f"{FAILED}{account.event}", f"CI fails on {account.event}"
    yield _alert(key, title, summary.url, blocks, ("ci", "ci-failed"))


def _regressions(summary: RunSummary, answers: CommandAnswers) -> Iterator[Alert]:
    """Malformed answers raise no alert here: the summary says that they could not be read."""
    try:
        found = benchmark_answers(answers)
    except MalformedData:
        return
    for one in found:
        if one.is_regression:
            facts = Facts((("Head / base", _ratio(one)), ("Reason", one.reason or None)))
            tone = Tone.WARN if one.verdict == WARN else Tone.BAD
            notice = Notice(tone, f"{one.name} ({one.metric or 'any metric'}): {one.verdict}")
            key = f"benchmark-{one.metric or VANISHED}-{one.name}"
            title = f"Benchmark {one.name} {_what_happened(one)}"
            yield _alert(key, title, summary.url, _always(notice, facts), ("ci", "performance"))


def _what_happened(one: BenchmarkAnswer) -> str:
    if one.metric is None:
        return "has vanished"
    return f"{'fails' if one.median is None else 'is slower'} ({one.metric})"


def _ratio(one: BenchmarkAnswer) -> str | None:
    if one.median is None:
        return None
    between = "" if one.low is None or one.high is None else f", {one.low:.3f} to {one.high:.3f}"
    return f"{one.median:.3f}{between}"


def _always(*blocks: Block) -> Callable[[int], Iterator[Block]]:
    return lambda _: iter(blocks)


def _alert(
    key: str, title: str, url: str | None, blocks: Callable[[int], Iterator[Block]], labels: tuple[str, ...]
) -> Alert:
    key, title = visible(key)[:TITLE_CHARACTERS], visible(title)[:TITLE_CHARACTERS]
    return Alert(key, title, fitted_comment(title, alert_marker(key), url, blocks), labels)


def alert_marker(key: str) -> str:
    """The first line of an alert's text. A key has other people's words in it, which must not end a comment of HTML."""
    return f"<!-- nanna-ci: alert {key.encode().hex()} -->"


def alerts_to_json(alerts: tuple[Alert, ...]) -> dict[str, Any]:
    """The file of --alert."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "alerts": [
            {"key": one.key, "title": one.title, "body": one.body, "labels": list(one.labels)} for one in alerts
        ],
    }


def badge_to_json(verdict: Verdict) -> dict[str, Any]:
    """A badge as an endpoint of Shields gives it."""
    passed = verdict is Verdict.PASS
    message, color = ("passing", "brightgreen") if passed else ("failing", "red")
    return {"schemaVersion": 1, "label": "CI", "message": message, "color": color}
