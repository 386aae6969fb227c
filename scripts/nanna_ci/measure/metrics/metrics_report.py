"""The figures of a run, job by job, beside the median of the runs before it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.measured import TREND_RUNS
from nanna_ci.measure.history.records import JobRecord, RunRecord
from nanna_ci.measure.metrics.run_changes import SLOWER_RATIO, SLOWER_S
from nanna_ci.report.blocks import Block, Cell, Document, Facts, Notice, Paragraph, Table, Tone
from nanna_ci.report.outcome import VERDICT_TONES
from nanna_ci.report.units import bytes_text, seconds_text


@dataclass(frozen=True, slots=True)
class MetricsReport:
    """What `metrics` read, and what became of it.

    `run` is the newest run that was read, None if there is none. `earlier` are the runs that it is compared with.
    `recorded` names runs that are new in the history (with `dry_run`: would be), `known` counts those that were there.
    `problem` says why not all was read or kept, `exit_code` is what it ends with.
    """

    history: str
    dry_run: bool
    recorded: tuple[str, ...]
    known: int
    run: RunRecord | None
    earlier: tuple[RunRecord, ...] = ()
    problem: str | None = None
    exit_code: int | None = None


def comparable_runs(run: RunRecord, history: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    """The last runs that began before it, of the same event and workspace."""
    origin = run.origin
    earlier = [
        one
        for one in history
        if (one.origin.event, one.origin.workspace) == (origin.event, origin.workspace)
        and one.origin.run != origin.run
        and one.origin.started <= origin.started
    ]
    return tuple(sorted(earlier, key=lambda one: one.origin.started)[-TREND_RUNS:])


def total_s(job: JobRecord) -> float | None:
    """From the time when a job could begin to its end; None if either part was not measured."""
    return None if job.queue_s is None or job.run_s is None else job.queue_s + job.run_s


_FIGURES: Final[Mapping[str, Callable[[JobRecord], float | None]]] = {
    "queueSeconds": lambda job: job.queue_s,
    "runSeconds": lambda job: job.run_s,
    "totalSeconds": total_s,
    "cacheHitRate": lambda job: job.cache_hit_rate,
    "artifactBytes": lambda job: job.artifact_bytes,
    "imageBytes": lambda job: job.image_bytes,
}


def usual_figures(job: JobRecord, earlier: Sequence[RunRecord]) -> dict[str, float | None]:
    """The median of each figure over earlier runs in which the job passed; None if none of them measured it."""
    past = [one for run in earlier for one in run.jobs if one.id == job.id and one.verdict is Verdict.PASS]
    found = {}
    for name, figure in _FIGURES.items():
        values = [value for one in past if (value := figure(one)) is not None]
        found[name] = statistics.median(values) if values else None
    return found


def metrics_document(report: MetricsReport) -> Document:
    """For people: what was recorded, then a row for each job."""
    return Document("Metrics", tuple(_blocks(report)))


def _blocks(report: MetricsReport) -> Iterator[Block]:
    if report.problem is not None:
        yield Notice(Tone.WARN, report.problem)
    count = len(report.recorded)
    does = "would be added to" if report.dry_run else "added to"
    added = f"{count} new run{'' if count == 1 else 's'} {does}" if count else "no new run for"
    there = f"; {report.known} {'was' if report.known == 1 else 'were'} there" if report.known else ""
    yield Notice(Tone.GOOD if count else Tone.NEUTRAL, f"{added} {report.history}{there}")
    run = report.run
    if run is None:
        yield Paragraph("No finished run was found.")
        return
    yield Facts(
        (
            ("run", run.origin.run),
            ("started", f"{run.origin.started:%Y-%m-%d %H:%M} UTC"),
            ("event", run.origin.event),
            ("commit", run.origin.commit),
            ("branch", run.origin.branch),
            ("whole run", None if run.wall_s is None else seconds_text(run.wall_s)),
            ("page", run.origin.url),
        )
    )
    yield Table(
        ("Job", "Verdict", "Queue", "Run", "Usual run", "Total", "Hit rate", "Size", "Usual size"),
        tuple(_row(job, report.earlier) for job in run.jobs),
        numeric=frozenset(range(2, 9)),
        sortable="jobs",
    )
    count = len(report.earlier)
    if count:
        like = "the run" if count == 1 else f"the {count} runs"
        yield Paragraph(f"Usual is the median of {like} of {run.origin.event} before this one.")
    else:
        yield Paragraph("No earlier run to compare with.")


def _row(job: JobRecord, earlier: Sequence[RunRecord]) -> tuple[Cell, ...]:
    usual = usual_figures(job, earlier)
    usual_run, size = usual["runSeconds"], _size(job)
    slower = (
        job.run_s is not None
        and usual_run is not None
        and job.run_s > max(usual_run * SLOWER_RATIO, usual_run + SLOWER_S)
    )
    usual_size = usual["imageBytes"] if job.image_bytes is not None else usual["artifactBytes"]
    rate = job.cache_hit_rate
    return (
        Cell(job.id),
        Cell(job.verdict.value, VERDICT_TONES[job.verdict]),
        _seconds_cell(job.queue_s),
        _seconds_cell(job.run_s, Tone.WARN if slower else Tone.NEUTRAL),
        _seconds_cell(usual_run),
        _seconds_cell(total_s(job)),
        Cell(None if rate is None else f"{rate:.1%}", order=rate),
        Cell(None if size is None else bytes_text(size), order=size),
        Cell(None if usual_size is None else bytes_text(round(usual_size)), order=usual_size),
    )


def _size(job: JobRecord) -> int | None:
    return job.artifact_bytes if job.image_bytes is None else job.image_bytes


def _seconds_cell(seconds: float | None, tone: Tone = Tone.NEUTRAL) -> Cell:
    return Cell(None if seconds is None else seconds_text(seconds), tone, order=seconds)


def metrics_to_json(report: MetricsReport) -> dict[str, Any]:
    """The keys of `metrics --format json`."""
    run = report.run
    return {
        "history": report.history,
        "dryRun": report.dry_run,
        "recorded": list(report.recorded),
        "known": report.known,
        "problem": report.problem,
        "run": None if run is None else _run_to_json(run),
        "comparedRuns": len(report.earlier),
        "jobs": [] if run is None else [_job_to_json(job, report.earlier) for job in run.jobs],
    }


def _run_to_json(run: RunRecord) -> dict[str, Any]:
    origin = run.origin
    return {
        "run": origin.run,
        "event": origin.event,
        "started": f"{origin.started:%Y-%m-%dT%H:%M:%SZ}",
        "commit": origin.commit,
        "branch": origin.branch,
        "url": origin.url,
        "verdict": run.verdict.value,
        "wallSeconds": _rounded(run.wall_s),
        "cacheHitRate": run.cache_hit_rate,
    }


def _job_to_json(job: JobRecord, earlier: Sequence[RunRecord]) -> dict[str, Any]:
    usual = {name: _rounded(value) for name, value in usual_figures(job, earlier).items()}
    own = {name: _rounded(figure(job)) for name, figure in _FIGURES.items()}
    return {"id": job.id, "verdict": job.verdict.value, "state": job.state, **own, "usual": usual}


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if isinstance(value, float) else value
