"""When the jobs of a run can begin, and which of them its end waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord
from nanna_ci.report.blocks import Block, Paragraph, Span, Timeline, Tone
from nanna_ci.report.units import names_text, seconds_text

_GUESS = ", if every job begins once what it needs is done"
_NAMED = 12
_SHOWN = 24


def timeline_blocks(
    jobs: Sequence[JobRecord], needs: Mapping[str, Sequence[str]], wall_s: float | None
) -> tuple[Block, ...]:
    """The timed jobs of a run, longest way first, and the names of those that nobody timed.

    A job whose begin was not recorded is drawn as if it began to wait when all that it needs was done.
    """
    timed = {job.id: job for job in jobs if job.run_s is not None}
    blocks: list[Block] = []
    if timed:
        begins = _begins(timed, needs)
        ends = {name: begins[name] + _spent(job) for name, job in timed.items()}
        critical = _critical(ends, timed, needs)
        shown = sorted(timed, key=lambda name: (name not in critical, -ends[name]))[:_SHOWN]
        shown.sort(key=lambda name: (name not in critical, begins[name] if name in critical else -ends[name]))
        waits = any(job.queue_s is not None for job in timed.values())
        spans = tuple(_span(timed[name], begins[name], critical=name in critical, waits=waits) for name in shown)
        most = max(ends.values())
        guess = "" if all(job.begin_s is not None for job in timed.values()) else _GUESS
        blocks.append(Timeline(spans, f"Critical path: {seconds_text(most)}{guess}"))
        if wall_s is not None and wall_s >= most + 1:
            share = "what jobs share, such as dependencies and the evaluation, is no job's time"
            blocks.append(Paragraph(f"The whole run took {seconds_text(wall_s)}: {share}."))
        if not waits:
            blocks.append(Paragraph("How long jobs waited for a machine was not measured."))
        if len(timed) > _SHOWN:
            blocks.append(Paragraph(f"{len(timed) - _SHOWN:,} more jobs, all of which end sooner, are not drawn."))
    untimed = [job.id for job in jobs if job.run_s is None and job.verdict is not Verdict.UNAVAILABLE]
    if untimed:
        blocks.append(Paragraph(f"No time was measured of {names_text(untimed, _NAMED)}."))
    return tuple(blocks)


def _spent(job: JobRecord) -> float:
    return (job.queue_s or 0.0) + (job.run_s or 0.0)


def _begins(timed: Mapping[str, JobRecord], needs: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """When each job begins to wait. Needs that go in a circle, which no plan has, count as none."""
    begins: dict[str, float] = {}

    def begin(name: str, above: frozenset[str]) -> float:
        begun = timed[name].begin_s
        if begun is not None:
            begins[name] = max(0.0, begun - (timed[name].queue_s or 0.0))
        if name not in begins:
            before = [need for need in needs.get(name, ()) if need in timed and need not in above]
            begins[name] = max((begin(need, above | {name}) + _spent(timed[need]) for need in before), default=0.0)
        return begins[name]

    for name in timed:
        begin(name, frozenset({name}))
    return begins


def _critical(
    ends: Mapping[str, float], timed: Mapping[str, JobRecord], needs: Mapping[str, Sequence[str]]
) -> frozenset[str]:
    """The job that ends last, what it waited for, and so on."""
    path: list[str] = []
    last = [max(ends, key=lambda one: (ends[one], one))]
    while last and last[0] not in path:
        path += last
        before = [need for need in needs.get(last[0], ()) if need in timed]
        last = sorted(before, key=lambda one: ends[one], reverse=True)[:1]
    return frozenset(path)


def _span(job: JobRecord, begin_s: float, *, critical: bool, waits: bool) -> Span:
    run_s = job.run_s or 0.0
    waited = "wait n/a, " if job.queue_s is None else f"waited {seconds_text(job.queue_s)}, "
    tone = Tone.BAD if job.verdict in {Verdict.FAIL, Verdict.ERROR} else Tone.NEUTRAL
    failed = "" if tone is Tone.NEUTRAL else f"{job.verdict.value}, "
    text = f"{failed}{waited if waits else ''}ran {seconds_text(run_s)}"
    return Span(job.id, begin_s, job.queue_s or 0.0, run_s, text, tone, critical)
