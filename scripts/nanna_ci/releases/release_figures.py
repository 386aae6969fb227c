"""What changed in a release's figures since the one before: only what a history has of both commits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible
from nanna_ci.measure.benchmarks.bench_report import value_text
from nanna_ci.measure.history.history import History
from nanna_ci.measure.history.records import BenchmarkRecord, CoverageRecord, Metric, RunRecord, Segment
from nanna_ci.report.blocks import Block, Cell, Heading, Paragraph, Table
from nanna_ci.report.github import neutralise
from nanna_ci.report.markdown import render_block
from nanna_ci.report.units import bytes_text, seconds_text, share_text

MOST_BENCHMARKS: Final = 20
"""So many are named, those that changed most."""
_COLUMNS_OF_NUMBERS: Final = frozenset({1, 2, 3})


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure of two releases, as people read it; `ratio` is the newer one over the older one."""

    name: str
    before: str
    after: str
    ratio: float


def changed_figures(history: History, before: str, after: str) -> tuple[FigureChange, ...]:
    """The figures that differ between the two commits. Raises as `History` does."""
    runs = [one for one in history.read_runs() if one.verdict is Verdict.PASS]
    found = [*_sizes(runs, before, after), *_time(runs, before, after)]
    found += _coverage(history.read_coverage(), before, after)
    benchmarks = sorted(_benchmarks(history.read_benchmarks(), before, after), key=lambda one: -abs(one.ratio - 1))
    return tuple(one for one in (*found, *benchmarks[:MOST_BENCHMARKS]) if one.before != one.after)


def figure_notes(changes: tuple[FigureChange, ...], before: str, after: str) -> str:
    """Markdown of the changes between the tags `before` and `after`; empty if there are none."""
    if not changes:
        return ""
    rows = tuple(
        (Cell(visible(one.name)), Cell(one.before), Cell(one.after), Cell(f"{(one.ratio - 1) * 100:+.1f} %"))
        for one in changes
    )
    blocks: list[Block] = [
        Heading("Figures"),
        Paragraph("What was measured of both releases, and changed."),
        Table(("Figure", before, after, "Change"), rows, _COLUMNS_OF_NUMBERS),
    ]
    return neutralise("\n".join(map(render_block, blocks)))


def _sizes(runs: list[RunRecord], before: str, after: str) -> Iterator[FigureChange]:
    """Whatever run has it: the same commit gives the same bytes."""
    sizes: dict[str, dict[str, int]] = {before: {}, after: {}}
    for run in runs:
        if run.origin.commit in sizes:
            for job in run.jobs:
                size = job.artifact_bytes if job.artifact_bytes is not None else job.image_bytes
                if size is not None:
                    sizes[run.origin.commit][job.id] = size
    for job_id, size in sorted(sizes[before].items()):
        newer = sizes[after].get(job_id)
        if newer is not None and size > 0:
            yield FigureChange(f"size of {job_id}", bytes_text(size), bytes_text(newer), newer / size)


def _time(runs: list[RunRecord], before: str, after: str) -> Iterator[FigureChange]:
    """Of the last runs of the same jobs for the same event: those of other jobs take another time."""
    timed = {
        (one.origin.commit, one.origin.event, frozenset(job.id for job in one.jobs)): one.wall_s
        for one in runs
        if one.wall_s is not None
    }
    for (commit, event, jobs), older in timed.items():
        newer = timed.get((after, event, jobs))
        if commit == before and newer is not None and older > 0:
            name = f"time of the pipeline, {event}"
            yield FigureChange(name, seconds_text(older), seconds_text(newer), newer / older)


def _coverage(records: list[CoverageRecord], before: str, after: str) -> Iterator[FigureChange]:
    rates = {one.origin.commit: one.line_rate for one in records}
    older, newer = rates.get(before), rates.get(after)
    if older and newer is not None:
        yield FigureChange("coverage of lines", share_text(older), share_text(newer), newer / older)


def _benchmarks(records: list[BenchmarkRecord], before: str, after: str) -> Iterator[FigureChange]:
    """Of the same kind of machine only."""
    values: dict[str, dict[tuple[Segment, str, Metric, str], float]] = {before: {}, after: {}}
    for record in records:
        if record.origin.commit in values:
            for one in record.benchmarks:
                values[record.origin.commit][record.segment, one.name, one.metric, one.unit] = one.value
    for what, older in values[before].items():
        newer = values[after].get(what)
        if newer is not None and older > 0:
            _, name, metric, unit = what
            shown = [value_text(value, unit) or "" for value in (older, newer)]
            yield FigureChange(f"{name} ({metric.value})", shown[0], shown[1], newer / older)
