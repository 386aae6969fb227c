"""The summary of a run: the verdict, then each failure with its lines and its command, then everything else.

It is made to fit: as many lines of each log as leave room for all failures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible_lines
from nanna_ci.measure.budgets.budget_rule import BudgetResult, budgets_table, over_budget
from nanna_ci.pipeline.job_plan import ProductKind
from nanna_ci.pipeline.results import JobResult
from nanna_ci.pipeline.run_report import TESTS_NAMED, failure_blocks, results_table, warning_blocks
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.github import COMMENT_LIMIT_CHARACTERS, SUMMARY_LIMIT_BYTES, inert_markdown, render_comment
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import bytes_text
from nanna_ci.summary.accounting import RunAccount
from nanna_ci.summary.measures import Measure, measure_blocks

TITLE = "CI summary"
ROWS = 100
ROOM = 0.95  # of the limit: other steps of the job may have written to the same file
_LOG_BYTES = (65_536, 16_384, 4_096, 1_024, 256)
_MARK = "…"
_MARK_BYTES = 4  # with the line break
_PLAIN_URL = re.compile(r"https?://[\w.:/-]+", re.ASCII)
_TEXT = 2_000
_NAME = 200
_PRODUCTS = (f"{ProductKind.BUILD}-", f"{ProductKind.IMAGE}-")
FEW = 3  # failing tests of a job that are named where there is no room for more


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What is summed up. `budgets` are decided, or why they are not; `url` is the run's page."""

    account: RunAccount
    measures: tuple[Measure, ...]
    budgets: tuple[BudgetResult, ...] | str = "nobody compared this run with them"
    url: str | None = None
    problems: tuple[str, ...] = ()


def summary_document(summary: RunSummary) -> Document:
    """The whole summary, within GitHub's limit for a step."""
    limit_bytes = int(SUMMARY_LIMIT_BYTES * ROOM)
    return fitted(
        lambda log_bytes: Document(TITLE, tuple(_blocks(summary, log_bytes))),
        lambda document: len(inert_markdown(document).encode()) <= limit_bytes,
    )


def fitted(make: Callable[[int], Document], fits: Callable[[Document], bool]) -> Document:
    """The document with as many bytes of each log as fit; that with the fewest if none does."""
    document = make(_LOG_BYTES[0])
    for log_bytes in _LOG_BYTES[1:]:
        if fits(document):
            break
        document = make(log_bytes)
    return document


def fitted_comment(title: str, marker: str, url: str | None, blocks: Callable[[int], Iterator[Block]]) -> str:
    """A comment or an issue: the line `marker`, links to the run at `url`, and the blocks that `blocks` makes.

    It makes them with so many bytes of each log.
    """
    links = f"\n\n[The run]({url}) · [its artifacts]({url}#artifacts)" if url and _PLAIN_URL.fullmatch(url) else ""
    head = marker + links
    document = fitted(
        lambda log_bytes: Document(title, tuple(blocks(log_bytes))),
        lambda document: len(inert_markdown(document)) <= COMMENT_LIMIT_CHARACTERS - len(head) - 2,
    )
    return render_comment(document, head)


def _blocks(summary: RunSummary, log_bytes: int) -> Iterator[Block]:
    account = summary.account
    results = [shortened(result, log_bytes) for result in account.results]
    yield from head_blocks(summary)
    yield from warning_blocks(results)
    yield from failure_blocks(results)
    yield Heading("Jobs")
    yield needs_table(account)
    yield results_table(results)
    yield from _budget_blocks(summary.budgets)
    yield from measure_blocks(summary.measures)
    yield from _artifact_blocks(results)
    yield from flaky_blocks(account)
    yield Facts((("Event", account.event), ("Run", summary.url)))


def head_blocks(summary: RunSummary) -> Iterator[Block]:
    """The verdict, what nobody planned or could read, and what is over its budget."""
    yield Notice(VERDICT_TONES[summary.account.verdict], _cut(summary.account.line, _TEXT))
    odd = [*(f"nobody planned {one}" for one in summary.account.unplanned), *summary.problems]
    if not isinstance(summary.budgets, str):
        odd += [f"over budget: {line}" for line in over_budget(summary.budgets)]
    yield from (Notice(Tone.WARN, _cut(one, _TEXT)) for one in odd[:ROWS])
    if len(odd) > ROWS:
        yield Paragraph(f"and {len(odd) - ROWS} more")


def needs_table(account: RunAccount) -> Table:
    """The workflow's own jobs."""
    rows = tuple(
        (Cell(_cut(need.name, _NAME)), Cell(_cut(need.result, _NAME), Tone.GOOD if need.is_good else Tone.BAD))
        for need in account.needs
    )
    return Table(("Job of the workflow", "Ended"), rows)


def _budget_blocks(budgets: tuple[BudgetResult, ...] | str) -> Iterator[Block]:
    yield Heading("Budgets")
    yield Paragraph(f"n/a: {budgets}") if isinstance(budgets, str) else budgets_table(budgets)


def flaky_blocks(account: RunAccount) -> Iterator[Block]:
    """The tests that passed once they were run again, or that there are none; n/a where no test was counted."""
    yield Heading("Flaky tests")
    rows = [
        (Cell(_cut(test.name, _NAME), Tone.WARN), Cell(str(test.attempts)), Cell(_cut(one.label, _NAME)))
        for one in account.jobs
        for test in one.flaky
    ]
    if rows:
        yield Table(("Test", "Tries", "Job"), tuple(rows[:ROWS]), frozenset({1}))
        if len(rows) > ROWS:
            yield Paragraph(f"and {len(rows) - ROWS} more")
    else:
        counted = any(one.executed for one in account.jobs)
        yield Paragraph("none was seen in this run" if counted else "n/a: no test was counted")


def _artifact_blocks(results: Sequence[JobResult]) -> Iterator[Block]:
    """What the jobs that passed built, by their evidence."""
    yield Heading("Artifacts")
    rows = [row for result in results if result.verdict is Verdict.PASS for row in _artifacts(result)]
    if rows:
        yield Table(("Artifact", "Size", "SHA-256 or NAR hash", "Job"), tuple(rows[:ROWS]), frozenset({1}))
        if len(rows) > ROWS:
            yield Paragraph(f"and {len(rows) - ROWS} more")
    else:
        yield Paragraph("n/a: no job that passed names what it built")


def _artifacts(result: JobResult) -> Iterator[tuple[Cell, ...]]:
    executables, outputs = result.evidence.get("executables"), result.evidence.get("outputs")
    for one in executables if isinstance(executables, list) else ():
        if isinstance(one, Mapping):
            size = one.get("sizeBytes")
            yield _artifact(one.get("name"), size if isinstance(size, int) else None, one.get("sha256"), result.id)
    if result.id.startswith(_PRODUCTS) and not isinstance(executables, list) and isinstance(outputs, Mapping):
        for one in outputs.values():
            if isinstance(one, Mapping):
                yield _artifact(one.get("path"), None, one.get("narHash"), result.id)


def _artifact(name: object, size_bytes: int | None, digest: object, job: str) -> tuple[Cell, ...]:
    return (
        Cell(_cut(name, _NAME) if isinstance(name, str) else None),
        Cell(None if size_bytes is None else bytes_text(size_bytes)),
        Cell(_cut(digest, _NAME) if isinstance(digest, str) else None),
        Cell(job),
    )


def shortened(result: JobResult, log_bytes: int) -> JobResult:
    """The result with the end of its log, at most `log_bytes` as it is shown, and with no text of any length."""
    text = max(min(_TEXT, log_bytes), _NAME)
    most = TESTS_NAMED if log_bytes > _LOG_BYTES[-2] else FEW
    names = [_cut(name, _NAME) for name in result.failing_tests[:most]]
    more = len(result.failing_tests) - len(names)
    return replace(
        result,
        id=_cut(result.id, _NAME),
        reason=None if result.reason is None else _cut(result.reason, text),
        failing_tests=(*names, f"and {more} more") if more else tuple(names),
        log_tail=_log_end(result.log_tail, log_bytes),
        reproduce=result.reproduce if len(result.reproduce or "") <= text else None,
    )


def _log_end(lines: Sequence[str], limit_bytes: int) -> tuple[str, ...]:
    """The last lines that fit as they are shown; if not all do, a mark before them, and of a single line its end."""
    kept: list[str] = []
    left = limit_bytes - _MARK_BYTES
    for line in reversed(lines):
        data = visible_lines(line[-limit_bytes:]).encode()
        if len(data) + 1 > left:
            end = "" if kept else data[len(data) - max(left, 0) :].decode("utf-8", "ignore")
            kept.append(_MARK + end)
            break
        kept.append(data.decode())
        left -= len(data) + 1
    return tuple(reversed(kept))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
