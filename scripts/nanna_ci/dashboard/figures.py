"""The figures behind a page of trends: what is drawn, and what `--format json` gives."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from nanna_ci.dashboard.time_steps import Spread, TimeSteps
from nanna_ci.report.blocks import Trend, Trends
from nanna_ci.report.units import bytes_text, seconds_text

_NICE_SECONDS: Final = (1, 2, 4, 10, 20, 30, 60, 120, 240, 480, 600, 1200, 1800, 2400, 3600, 7200, 14400, 28800, 86400)
_NANOSECONDS: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))
_COUNTS: Final = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))


class FigureUnit(enum.Enum):
    """What a figure's values count."""

    SECONDS = "s"
    SHARE = "share"
    BYTES = "bytes"
    NANOSECONDS = "ns"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Figure:
    """One value over time. `usual` is the median of the runs before the latest, at most COMPARED_RUNS.

    `breaks` are steps before which another machine or toolchain measured; `marks` are steps where the level changed.
    """

    name: str
    unit: FigureUnit
    spreads: tuple[Spread | None, ...]
    latest: float | None
    usual: float | None
    breaks: frozenset[int] = frozenset()
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """Figures of one kind over the same runs, one at least. `dates` are those of the runs, oldest first."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    steps: TimeSteps
    dates: tuple[str, ...] = field(repr=False)
    wide: bool = False


def value_text(value: float, unit: FigureUnit) -> str:
    """A value for people."""
    match unit:
        case FigureUnit.SECONDS:
            return seconds_text(value)
        case FigureUnit.SHARE:
            return f"{value * 100:.1f} %"
        case FigureUnit.BYTES:
            return bytes_text(round(value))
        case FigureUnit.NANOSECONDS:
            return _scaled(value, _NANOSECONDS, " ")
        case FigureUnit.COUNT:
            return _scaled(value, _COUNTS, "")
        case _:
            assert_never(unit)


def _scaled(value: float, units: tuple[tuple[float, str], ...], blank: str) -> str:
    size, name = next((one for one in units if abs(value) >= one[0]), units[-1])
    return f"{value / size:.3g}{blank}{name}"


def panel_block(panel: Panel) -> Trends:
    """The panel as a block of a document."""
    dates, steps = panel.dates, panel.steps
    trends = tuple(_trend(figure) for figure in panel.figures)
    if not steps.exact_from:
        return Trends(panel.title, trends, 0, (dates[0], dates[-1]), wide=panel.wide)
    exact = steps.bounds[steps.exact_from]
    most = max(end - start for start, end in steps.ranges())
    note = f"shaded: up to {most:,} runs a step"
    return Trends(panel.title, trends, steps.exact_from, (dates[0], dates[exact], dates[-1]), note, wide=panel.wide)


def _trend(figure: Figure) -> Trend:
    known = [spread for spread in figure.spreads if spread is not None]
    text = None if figure.latest is None else value_text(figure.latest, figure.unit)
    if not known:
        return Trend(figure.name, text, "never measured", figure.spreads, ())
    low, high = min(spread[0] for spread in known), max(spread[2] for spread in known)
    said = [] if figure.usual is None else [f"usual: {value_text(figure.usual, figure.unit)}"]
    if low != high:
        said.append(f"range: {value_text(low, figure.unit)} to {value_text(high, figure.unit)}")
    note = " · ".join(said) or "measured once"
    return Trend(
        figure.name, text, note, figure.spreads, _ticks(low, high, figure.unit), figure.breaks, figure.marks[-3:]
    )


def _ticks(low: float, high: float, unit: FigureUnit) -> tuple[tuple[float, str], ...]:
    """Three heights of an axis. It begins at 0, but for shares that are all near 1, and for benchmarks, whose intervals
    would be too narrow to see: its labels say where.
    """
    bottom = 0.0
    if unit is FigureUnit.SHARE:
        bottom = next(start for start in (0.9, 0.8, 0.5, 0.0) if low >= start or start == 0.0)
        top = 1.0
    elif unit in {FigureUnit.NANOSECONDS, FigureUnit.COUNT} and low >= high / 2 > 0:
        step = _nice_top(max((high - low) * 0.6, high * 0.05), unit)
        bottom = math.floor(low / step) * step
        while bottom + 2 * step < high:
            step *= 2
        top = bottom + 2 * step
    else:
        top = _nice_top(high, unit)
    return tuple((at, _tick_text(at, unit)) for at in (bottom, (bottom + top) / 2, top))


def _nice_top(high: float, unit: FigureUnit) -> float:
    if unit is FigureUnit.SECONDS and high <= _NICE_SECONDS[-1]:
        return float(next(top for top in _NICE_SECONDS if top >= high))
    if unit is FigureUnit.BYTES:
        high = max(high, 2.0)  # half of it has a label too
    if not 0 < high < float("inf"):
        return 1.0
    power = 10.0 ** math.floor(math.log10(high))
    return next((step * power for step in (1, 2, 3, 4, 5, 6, 8) if step * power >= high), 10 * power)


def _tick_text(value: float, unit: FigureUnit) -> str:
    if value == 0:
        return "0"
    if unit is FigureUnit.SHARE:
        return f"{value * 100:.4g} %"
    if unit is FigureUnit.SECONDS:
        if value < 60:
            return f"{value:g} s"
        return f"{value / 60:g} min" if value < 7200 else f"{value / 3600:g} h"
    return value_text(value, unit).replace(".0 ", " ")


def panel_to_json(panel: Panel) -> dict[str, Any]:
    """The panel in camelCase: steps with the days and the number of their runs, values as [low, middle, high]."""
    ranges = list(panel.steps.ranges())
    return {
        "name": panel.name,
        "exactFrom": panel.steps.exact_from,
        "steps": [{"first": panel.dates[start], "runs": end - start} for start, end in ranges],
        "figures": [_figure_to_json(figure) for figure in panel.figures],
    }


def _figure_to_json(figure: Figure) -> Mapping[str, Any]:
    return {
        "name": figure.name,
        "unit": figure.unit.value,
        "latest": _rounded(figure.latest),
        "usual": _rounded(figure.usual),
        "values": [None if spread is None else [_rounded(value) for value in spread] for spread in figure.spreads],
        "breaks": sorted(figure.breaks),
        "marks": [{"step": at, "text": said} for at, said in figure.marks],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
