"""The one comment on a pull request that every run renews: its text, and which comment it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult
from nanna_ci.pipeline.run_report import failure_blocks, results_table
from nanna_ci.report.blocks import Block, Heading, Paragraph
from nanna_ci.summary.measures import measure_blocks
from nanna_ci.summary.step_summary import (
    TITLE,
    RunSummary,
    fitted_comment,
    flaky_blocks,
    head_blocks,
    needs_table,
    shortened,
)

MARKER = "<!-- nanna-ci: ci-summary -->"
"""The first line of our comment. It is no secret: anybody can write it, so that the author counts as well."""


@dataclass(frozen=True, slots=True)
class PostedComment:
    """A comment of a pull request as GitHub has it; `author` is the login, `github-actions[bot]` for a workflow."""

    id: int
    author: str
    body: str


def find_own_comment(comments: Sequence[PostedComment], author: str) -> PostedComment | None:
    """The comment to renew: the oldest by `author` that begins with our marker; None if there is none yet.

    The marker inside of a text, quoted or out of a log, and in what anybody else wrote, means nothing.
    """
    ours = [one for one in comments if one.author == author and one.body.partition("\n")[0].rstrip("\r") == MARKER]
    return min(ours, key=lambda one: one.id) if ours else None


def comment_text(summary: RunSummary) -> str:
    """The comment: what is wrong, and what was measured; at most what GitHub takes."""
    return fitted_comment(TITLE, MARKER, summary.url, lambda log_bytes: _blocks(summary, log_bytes))


def _blocks(summary: RunSummary, log_bytes: int) -> Iterator[Block]:
    account = summary.account
    results = [shortened(result, log_bytes) for result in account.results]
    yield from head_blocks(summary)
    yield from failure_blocks(results)
    if any(not need.is_good for need in account.needs):
        yield needs_table(account)
    others = [result for result in results if result.verdict is not Verdict.PASS]
    if others:
        yield Heading("Jobs that did not pass")
        yield results_table(others)
    yield from _passed(results)
    yield from measure_blocks(summary.measures)
    if any(one.flaky for one in account.jobs):
        yield from flaky_blocks(account)


def _passed(results: Sequence[JobResult]) -> Iterator[Block]:
    passed = sum(result.verdict is Verdict.PASS for result in results)
    yield Paragraph(f"{passed} of {len(results)} jobs passed; the run's summary lists them all.")
