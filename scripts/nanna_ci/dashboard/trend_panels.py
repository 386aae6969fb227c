"""Which figures a page of trends shows: what takes longest, is largest, moved most; the rest is in tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nanna_ci.dashboard.figures import Figure, FigureUnit, Panel
from nanna_ci.dashboard.run_columns import Column, JobColumns, RunColumns
from nanna_ci.dashboard.time_steps import TimeSteps, plan_steps, spread_intervals, spread_values, usual_value
from nanna_ci.measure.benchmarks.change_points import ChangePoint, find_change_points
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
    runs, jobs = columns.runs, columns.current
    dates = _dates(record.origin for record in runs)
    small = _Axis(plan_steps(len(runs), _STEPS), dates)
    wide = _Axis(plan_steps(len(runs), _WIDE_STEPS), dates, wide=True)
    longest = [(name, jobs[name].run_s) for name in slowest_jobs(jobs)[:JOBS_DRAWN]]
    steps = ((f"{name}: {step}", column) for name, job in jobs.items() for step, column in job.steps.items())
    cache: Column = [record.cache_bytes for record in runs]
    sizes = [
        *_largest(((f"{name}: artifact", job.artifact_bytes) for name, job in jobs.items()), _SIZES_DRAWN),
        *_largest(((f"{name}: image", job.image_bytes) for name, job in jobs.items()), _SIZES_DRAWN),
        ("all of the cache", cache),
    ]
    wall: Column = [run.wall_s for run in runs]
    rates: Column = [run.cache_hit_rate for run in runs]
    panels = (
        wide.panel("wall", "Whole runs", FigureUnit.SECONDS, [("from start to end", wall)]),
        small.panel("jobs", "Jobs that take longest, without their wait", FigureUnit.SECONDS, longest),
        small.panel("steps", "Steps that take longest", FigureUnit.SECONDS, _largest(steps, _STEPS_DRAWN)),
        wide.panel("hitRate", "Paths that caches had", FigureUnit.SHARE, [("hit rate", rates)]),
        small.panel("sizes", "Artifacts, images and the cache", FigureUnit.BYTES, sizes),
    )
    return tuple(panel for panel in panels if panel.figures)


@dataclass(frozen=True, slots=True)
class _Axis:
    """The runs below a panel."""

    steps: TimeSteps
    dates: tuple[str, ...]
    wide: bool = False

    def panel(self, name: str, title: str, unit: FigureUnit, columns: Iterable[tuple[str, Column]]) -> Panel:
        """The columns with a value as figures."""
        figures = tuple(
            Figure(label, unit, spread_values(column, self.steps), column[-1], usual_value(column))
            for label, column in columns
            if any(value is not None for value in column)
        )
        return Panel(name, title, figures, self.steps, self.dates, self.wide)


def slowest_jobs(jobs: dict[str, JobColumns]) -> list[str]:
    """The jobs that were ever timed, the one with the longest usual time first."""
    times = {name: usual_value([*job.run_s, None]) for name, job in jobs.items()}
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
    axis = _Axis(steps, _dates(record.origin for record in ordered))
    return axis.panel("coverage", "Lines that tests ran", FigureUnit.SHARE, columns)


def benchmark_panel(records: Sequence[BenchmarkRecord]) -> Panel | None:
    """The benchmarks of the last record, those that moved most first; None without records."""
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
    axis = _Axis(steps, _dates(record.origin for record in ordered))
    figures = [_benchmark(name, columns[name, metric], segments, axis) for name, metric in current]
    figures.sort(key=lambda figure: (-_moved(figure), figure.name))
    return Panel(
        "benchmarks",
        "Benchmarks, with the interval of each measurement",
        tuple(figures[:_BENCHMARKS_DRAWN]),
        axis.steps,
        axis.dates,
    )


def _benchmark(
    name: str,
    values: list[BenchmarkValue | None],
    segments: Sequence[Segment],
    axis: _Axis,
) -> Figure:
    """Compared and joined only within a segment, that is one kind of runner, processor and toolchain."""
    latest = values[-1]
    of_segment = [
        at
        for at, value in enumerate(values)
        if value is not None and latest is not None and segments[at] == segments[-1] and value.unit == latest.unit
    ]
    measured = [value.value for at in of_segment if (value := values[at]) is not None]
    step_of = {at: step for step, (start, end) in enumerate(axis.steps.ranges()) for at in range(start, end)}
    cut = {
        step_of[after]
        for before, after in zip(range(len(values) - 1), range(1, len(values)), strict=True)
        if segments[before] != segments[after]
    }
    marks = tuple(
        (step_of[of_segment[change.index]], f"{axis.dates[of_segment[change.index]]}: {_change_text(change)}")
        for change in find_change_points(measured)
    )
    metric = "" if latest is None or latest.metric is Metric.TIME else f" ({latest.metric.value})"
    unit = FigureUnit.NANOSECONDS if latest is not None and latest.unit == "ns" else FigureUnit.COUNT
    return Figure(
        name + metric,
        unit,
        spread_intervals(values, axis.steps),
        None if latest is None else latest.value,
        usual_value(measured),
        frozenset(cut),
        marks,
    )


def _change_text(change: ChangePoint) -> str:
    return "its level changed" if change.ratio is None else f"its level changed by {change.ratio - 1:+.0%}"


def _moved(figure: Figure) -> float:
    if figure.latest is None or not figure.usual:
        return 0.0
    return abs(figure.latest / figure.usual - 1)


def _largest(columns: Iterable[tuple[str, Column]], count: int) -> list[tuple[str, Column]]:
    measured = [(name, column, newest) for name, column in columns if (newest := _newest(column)) is not None]
    measured.sort(key=lambda one: (-one[2], one[0]))
    return [(name, column) for name, column, _ in measured[:count]]


def _newest(column: Column) -> float | None:
    return next((value for value in reversed(column) if value is not None), None)


def _dates(origins: Iterable[RunIdentity]) -> tuple[str, ...]:
    return tuple(origin.started.strftime("%Y-%m-%d") for origin in origins)
