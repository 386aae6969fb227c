"""A run's results as a document and as JSON: failures first, each with its test, its lines and its command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.live import duration
from nanna_ci.pipeline.results import (
    JOBS_NAMED,
    JobResult,
    decide_verdict,
    result_to_json,
    shared_by,
    verdict_line,
)
from nanna_ci.report.blocks import Bars, Block, Cell, Code, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import names_text

TESTS_NAMED = 20
_ORDER = {Verdict.FAIL: 0, Verdict.ERROR: 1, Verdict.PASS: 2, Verdict.UNAVAILABLE: 3}


@dataclass(frozen=True, slots=True)
class RunReport:
    """A whole run: results in the plan's order. `folder` is where its files are; `interrupted` marks a partial one.

    `sections` are blocks that others add: what changed since the last run, budgets. `over_budget` has a line for each
    value beyond its limit: a warning, and a failure where `strict`.
    """

    event: str
    results: tuple[JobResult, ...]
    seconds: float
    strict: bool
    interrupted: bool
    folder: str
    sections: tuple[Block, ...] = ()
    over_budget: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The run's verdict; an interrupted run never passes."""
        verdict = decide_verdict(self.results, strict=self.strict)
        if verdict is Verdict.PASS and self.strict and self.over_budget:
            return Verdict.FAIL
        return Verdict.UNAVAILABLE if self.interrupted and verdict is Verdict.PASS else verdict

    @property
    def line(self) -> str:
        """The verdict and what it rests on, in one line."""
        line = verdict_line(self.results, strict=self.strict)
        if self.strict and self.over_budget:
            line = f"fail: {line.partition(': ')[2]}; over budget: {'; '.join(self.over_budget)}"
        return f"interrupted, partial: {line.partition(': ')[2]}" if self.interrupted else line


def report_to_json(report: RunReport) -> dict[str, Any]:
    """The body of `ci --format json`."""
    return {
        "event": report.event,
        "summary": report.line,
        "strict": report.strict,
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
        "runFolder": report.folder,
        "jobs": [result_to_json(result) for result in report.results],
    }


def report_document(report: RunReport) -> Document:
    """The run for people."""
    blocks: list[Block] = [Notice(VERDICT_TONES[report.verdict], report.line)]
    blocks += warning_blocks(report.results)
    blocks += (Notice(Tone.BAD if report.strict else Tone.WARN, f"over budget: {line}") for line in report.over_budget)
    blocks += failure_blocks(report.results)
    blocks.append(results_table(report.results))
    timed = tuple(
        (result.id, result.seconds, duration(result.seconds)) for result in report.results if result.seconds is not None
    )
    blocks += report.sections
    if timed:
        blocks.append(Bars(timed, "Seconds spent on each job in this run"))
    blocks += details_blocks(report.results)
    blocks.append(
        Facts((("Event", report.event), ("Took", duration(report.seconds)), ("Results, logs, report", report.folder)))
    )
    return Document("CI", tuple(blocks))


def results_table(results: Sequence[JobResult]) -> Table:
    """Every job: verdict, how, time, and the reason if it did not pass. What ran comes before what could not."""
    return Table(
        header=("Job", "Verdict", "How", "Time", "Why"),
        rows=tuple(
            (
                Cell(result.id),
                Cell(result.verdict.value, VERDICT_TONES[result.verdict]),
                Cell(result.state.value if result.state else "-"),
                Cell(duration(result.seconds) if result.seconds is not None else "-", order=result.seconds),
                Cell(result.reason or _tests(result)),
            )
            for result in sorted(results, key=lambda result: _ORDER[result.verdict])
        ),
        numeric=frozenset({3}),
        sortable="jobs",
    )


def result_note(result: JobResult) -> tuple[str, Tone]:
    """One progress line for a job that came to an end, and its tone."""
    spent = "" if result.seconds is None else f" after {duration(result.seconds)}"
    why = "" if result.reason is None else f": {result.reason}"
    return f"{result.id}: {result.verdict.value}{spent}{why}", VERDICT_TONES[result.verdict]


def warning_blocks(results: Sequence[JobResult]) -> Iterator[Block]:
    """What passed, and has something that a person should see to; what several jobs say is said once."""
    said: dict[str, list[str]] = {}
    for result in results:
        for warning in result.warnings:
            said.setdefault(warning, []).append(result.id)
    yield from (Notice(Tone.WARN, f"{', '.join(ids)}: {warning}") for warning, ids in said.items())


def details_blocks(results: Sequence[JobResult]) -> Iterator[Block]:
    """What jobs have to show besides their verdict: findings, and what an image is made of."""
    for result in results:
        if result.details:
            yield Heading(result.id)
            yield from result.details


def failure_blocks(results: Sequence[JobResult]) -> Iterator[Block]:
    """For each failed job, and each without an answer: the tests, why, the useful lines, the command.

    What several jobs share, such as a crate that does not build, is shown once, with their names.
    """
    shown: dict[tuple[str, ...], str] = {}
    for verdict in (Verdict.FAIL, Verdict.ERROR):
        for same in shared_by(result for result in results if result.verdict is verdict):
            yield from _failure(same, shown)


def _failure(same: Sequence[JobResult], shown: dict[tuple[str, ...], str]) -> Iterator[Block]:
    """`shown` has the lines that were shown, with the jobs that they were shown for."""
    first = same[0]
    names = names_text([result.id for result in same], JOBS_NAMED)
    yield Heading(f"{names} failed" if first.verdict is Verdict.FAIL else f"{names}: no answer")
    if len(same) > JOBS_NAMED:
        yield Paragraph(f"These {len(same)} jobs: {', '.join(result.id for result in same)}")
    for name in first.failing_tests[:TESTS_NAMED]:
        yield Notice(Tone.BAD, name)
    if len(first.failing_tests) > TESTS_NAMED:
        yield Paragraph(f"and {len(first.failing_tests) - TESTS_NAMED} more")
    yield Paragraph(first.reason or "")
    shown_for = shown.setdefault(first.log_tail, names)
    if first.log_tail and shown_for == names:
        yield Code("\n".join(first.log_tail), "text")
    elif first.log_tail:
        yield Paragraph(f"The log says the same as that of {shown_for}.")
    if first.verdict is Verdict.ERROR:
        yield Paragraph("This says nothing about the workspace.")
        if report := first.evidence.get("report"):
            yield Paragraph(f"The file to look into, or to report: {report}")
    commands = [result.reproduce for result in same if result.reproduce]
    if commands:
        yield Code("\n".join(commands), "sh")


def _tests(result: JobResult) -> str:
    counts = result.evidence.get("tests")
    if not isinstance(counts, dict):
        return ""
    shown = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"tests: {shown or 'none'}"
