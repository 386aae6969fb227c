"""Which figures a page of trends shows: what takes longest, is largest, moved most; the rest is in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from nanna_ci.dashboard.figures import COMPARED_RUNS, Figure, Panel, FigureUnit
from nanna_ci.dashboard.run_columns import Column, JobColumns, RunColumns
from nanna_ci.dashboard.time_steps import TimeSteps, plan_steps, recent_median, spread_intervals, spread_values
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    Metric,
    RunIdentity,
    Segment,
)

JOBS_DRAWN: Final = 12
_STEPS_DRAWN: Final = 6
_CRATES_DRAWN: Final = 8
_SIZES_DRAWN: Final = 8
_BENCHMARKS_DRAWN: Final = 24
_STEPS: Final = 120
_WIDE_STEPS: Final = 240


def run_panels(columns: RunColumns) -> tuple[Panel, ...]:
    """What the records of runs show; a panel without a single value is left out."""
    runs = columns.runs
    dates = _dates(record.origin for record in runs)
    wide, small = plan_steps(len(runs), _WIDE_STEPS), plan_steps(len(runs), _STEPS)
    jobs = columns.current
    by_time = slowest_jobs(jobs)
    steps = {f"{name}: {step}": column for name, job in jobs.items() for step, column in job.steps.items()}
    longest_steps = sorted(steps, key=lambda name: (-(_newest(steps[name]) or 0.0), name))[:_STEPS_DRAWN]
    sizes = [
        *_largest((f"{name}: artifact", job.artifact_bytes) for name, job in jobs.items()),
        *_largest((f"{name}: image", job.image_bytes) for name, job in jobs.items()),
        ("all of the cache", [record.cache_bytes for record in runs]),
    ]
    panels = (
        _wide("wall", "Whole runs", "Start to end", FigureUnit.SECONDS, [run.wall_s for run in runs], wide, dates),
        _panel(
            "jobs",
            f"The {min(JOBS_DRAWN, len(by_time))} jobs that take longest, without their wait",
            FigureUnit.SECONDS,
            [(name, jobs[name].run_s) for name in by_time[:JOBS_DRAWN]],
            small,
            dates,
        ),
        _panel(
            "steps",
            "The longest steps of jobs",
            FigureUnit.SECONDS,
            [(one, steps[one]) for one in longest_steps],
            small,
            dates,
        ),
        _wide(
            "hitRate",
            "Paths that caches had",
            "Hit rate",
            FigureUnit.SHARE,
            [run.cache_hit_rate for run in runs],
            wide,
            dates,
        ),
        _panel("sizes", "Sizes", FigureUnit.BYTES, sizes, small, dates),
    )
    return tuple(panel for panel in panels if panel.figures)


def slowest_jobs(jobs: dict[str, JobColumns]) -> list[str]:
    """The jobs that were ever timed, the one with the longest usual time first."""
    times = {name: recent_median([*job.run_s, 0.0], COMPARED_RUNS) for name, job in jobs.items()}
    return sorted(
        (name for name, time in times.items() if time is not None), key=lambda name: (-(times[name] or 0), name)
    )


def coverage_panel(records: Sequence[CoverageRecord]) -> Panel | None:
    """All lines, then the largest crates; None without records."""
    ordered = sorted(records, key=lambda record: record.origin.started)
    if not ordered:
        return None
    rates: dict[str, Column] = {"all crates": [record.line_rate for record in ordered]}
    for at, record in enumerate(ordered):
        for crate in record.crates:
            if crate.lines:
                rates.setdefault(crate.name, [None] * len(ordered))[at] = crate.covered_lines / crate.lines
    lines = {crate.name: crate.lines for crate in ordered[-1].crates}
    crates = sorted((name for name in lines if name in rates), key=lambda name: (-lines[name], name))[:_CRATES_DRAWN]
    steps = plan_steps(len(ordered), _STEPS)
    columns = [(name, rates[name]) for name in ("all crates", *crates)]
    dates = _dates(record.origin for record in ordered)
    return _panel("coverage", "Lines that tests ran", FigureUnit.SHARE, columns, steps, dates)


def benchmark_panel(
    records: Sequence[BenchmarkRecord], find_changes: Callable[[Sequence[float]], Sequence[int]]
) -> Panel | None:
    """The benchmarks of the last record, those that moved most first; None without records.

    `find_changes` gives the places where the level of values, all of one segment, changed.
    """
    ordered = sorted(records, key=lambda record: record.origin.started)
    if not ordered:
        return None
    columns: dict[tuple[str, Metric], list[BenchmarkValue | None]] = {}
    for at, record in enumerate(ordered):
        for value in record.benchmarks:
            columns.setdefault((value.name, value.metric), [None] * len(ordered))[at] = value
    steps = plan_steps(len(ordered), _STEPS)
    segments = [record.segment for record in ordered]
    current = [(one.name, one.metric) for one in ordered[-1].benchmarks]
    dates = _dates(record.origin for record in ordered)
    figures = [
        _benchmark(name, columns[name, metric], segments, steps, dates, find_changes) for name, metric in current
    ]
    figures.sort(key=lambda figure: (-_moved(figure), figure.name))
    return Panel(
        "benchmarks",
        "Benchmarks, with the interval of each measurement",
        tuple(figures[:_BENCHMARKS_DRAWN]),
        steps,
        dates,
    )


def _benchmark(
    name: str,
    values: list[BenchmarkValue | None],
    segments: Sequence[Segment],
    steps: TimeSteps,
    dates: tuple[str, ...],
    find_changes: Callable[[Sequence[float]], Sequence[int]],
) -> Figure:
    """Compared and joined only within a segment, that is one kind of runner, processor and toolchain."""
    latest = values[-1]
    of_segment = [
        at
        for at, value in enumerate(values)
        if value is not None and latest is not None and segments[at] == segments[-1] and value.unit == latest.unit
    ]
    measured = [value.value for at in of_segment if (value := values[at]) is not None]
    step_of = {at: step for step, (start, end) in enumerate(steps.ranges()) for at in range(start, end)}
    cut = {
        step_of[after]
        for before, after in zip(range(len(values) - 1), range(1, len(values)), strict=True)
        if segments[before] != segments[after]
    }
    marks = tuple(
        (step_of[of_segment[at]], f"{dates[of_segment[at]]}: its level changed") for at in find_changes(measured)
    )
    metric = "" if latest is None or latest.metric is Metric.TIME else f" ({latest.metric.value})"
    unit = FigureUnit.NANOSECONDS if latest is not None and latest.unit == "ns" else FigureUnit.COUNT
    return Figure(
        name + metric,
        unit,
        spread_intervals(values, steps),
        None if latest is None else latest.value,
        recent_median(measured, COMPARED_RUNS),
        frozenset(cut),
        marks,
    )


def _moved(figure: Figure) -> float:
    if figure.latest is None or not figure.usual:
        return 0.0
    return abs(figure.latest / figure.usual - 1)


def _largest(columns: Iterable[tuple[str, Column]]) -> list[tuple[str, Column]]:
    measured = [(name, column) for name, column in columns if _newest(column) is not None]
    return sorted(measured, key=lambda one: (-(_newest(one[1]) or 0.0), one[0]))[:_SIZES_DRAWN]


def _newest(column: Column) -> float | None:
    return next((value for value in reversed(column) if value is not None), None)


def _panel(
    name: str,
    title: str,
    unit: FigureUnit,
    columns: Sequence[tuple[str, Column]],
    steps: TimeSteps,
    dates: tuple[str, ...],
    *,
    wide: bool = False,
) -> Panel:
    figures = tuple(
        Figure(label, unit, spread_values(column, steps), column[-1], recent_median(_closed(column), COMPARED_RUNS))
        for label, column in columns
        if any(value is not None for value in column)
    )
    return Panel(name, title, figures, steps, dates, wide)


def _closed(column: Column) -> Column:
    """The column with a value of the latest run, measured or not, so that what was before is what is compared."""
    return [*column[:-1], 0.0 if column[-1] is None else column[-1]]


def _wide(
    name: str, title: str, label: str, unit: FigureUnit, column: Column, steps: TimeSteps, dates: tuple[str, ...]
) -> Panel:
    return _panel(name, title, unit, [(label, column)], steps, dates, wide=True)


def _dates(origins: Iterable[RunIdentity]) -> tuple[str, ...]:
    return tuple(origin.started.strftime("%Y-%m-%d") for origin in origins)
