"""What a run measured of each target, out of its record; and what earlier runs of the same kind measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.budget_rule import BudgetTarget, Measurement
from nanna_ci.measure.history.records import JobRecord, RunRecord
from nanna_ci.pipeline.job_plan import ProductKind
from nanna_ci.pipeline.results import JobState

TREND_RUNS = 20
"""How many earlier runs a trend looks at."""
BUILT_STATES = frozenset({JobState.BUILT.value, JobState.RAN.value})
"""The states of a job that was really built or run."""
_NOT_MEASURED = "its time was not measured"


def measured_from(
    run: RunRecord, history: Sequence[RunRecord], *, machines: int | None = None, worst_ratio: float | None = None
) -> tuple[Measurement, ...]:
    """A run's measurements. Earlier runs are those of the same event before it in `history`.

    `machines` is how many the plan keeps busy at once, `worst_ratio` the largest median ratio of its benchmarks.
    """
    earlier = [one for one in history if one.origin.event == run.origin.event and one.origin.run != run.origin.run]
    earlier = earlier[-TREND_RUNS:]

    def past(value: Callable[[RunRecord], float | None]) -> tuple[float, ...]:
        return tuple(found for one in earlier if (found := value(one)) is not None)

    return (
        Measurement(BudgetTarget.CACHE_HIT_RATE, run.cache_hit_rate, earlier=past(lambda one: one.cache_hit_rate)),
        _pipeline(run, past(lambda one: _whole(one).value)),
        *_times(BudgetTarget.IMAGE, ProductKind.IMAGE, run, past),
        *_times(BudgetTarget.BINARY, ProductKind.BUILD, run, past),
        Measurement(BudgetTarget.PARALLEL_JOBS, machines),
        Measurement(BudgetTarget.CACHE, run.cache_bytes, earlier=past(lambda one: one.cache_bytes)),
        *_sizes(run, past),
        Measurement(BudgetTarget.REGRESSION, worst_ratio),
    )


def _pipeline(run: RunRecord, past: tuple[float, ...]) -> Measurement:
    whole = _whole(run)
    return Measurement(BudgetTarget.PIPELINE, whole.value, earlier=past, note=whole.note)


def _whole(run: RunRecord) -> Measurement:
    """The time of a run is that of the pipeline only if no job was left out."""
    left_out = sum(job.verdict is Verdict.UNAVAILABLE for job in run.jobs)
    if run.wall_s is None:
        return Measurement(BudgetTarget.PIPELINE, None)
    if left_out:
        return Measurement(BudgetTarget.PIPELINE, None, note=f"{left_out} of {len(run.jobs)} jobs did not run")
    return Measurement(BudgetTarget.PIPELINE, run.wall_s)


_Past = Callable[[Callable[[RunRecord], float | None]], tuple[float, ...]]


def _times(target: BudgetTarget, kind: ProductKind, run: RunRecord, past: _Past) -> Iterator[Measurement]:
    for job in run.jobs:
        if job.id.startswith(f"{kind.value}-") and job.verdict is not Verdict.UNAVAILABLE:
            seconds = built_s(job)
            note = None if seconds is not None else _why_not(job)
            yield Measurement(target, seconds, job.id, past(_of(job.id, built_s)), note)


def _sizes(run: RunRecord, past: _Past) -> Iterator[Measurement]:
    for job in run.jobs:
        if job.artifact_bytes is not None:
            earlier = past(_of(job.id, lambda found: found.artifact_bytes))
            yield Measurement(BudgetTarget.ARTIFACT, job.artifact_bytes, job.id, earlier)


def built_s(job: JobRecord) -> float | None:
    """Seconds of a job that was really built or run; None for one whose output was there before."""
    return job.run_s if job.state in BUILT_STATES else None


def _why_not(job: JobRecord) -> str:
    return _NOT_MEASURED if job.state in BUILT_STATES or job.state is None else f"it was {job.state}, not built"


def _of(name: str, value: Callable[[JobRecord], float | None]) -> Callable[[RunRecord], float | None]:
    return lambda run: next((value(job) for job in run.jobs if job.id == name), None)
