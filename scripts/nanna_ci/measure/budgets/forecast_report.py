"""A forecast for people, as blocks of `plan`, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.budgets.forecast import BAND_RUNS, SIMULATED_RUNS, Forecast, Remedy
from nanna_ci.measure.budgets.machine_schedule import AccountPlan
from nanna_ci.measure.budgets.recorded_times import MachineTimes
from nanna_ci.report.blocks import Block, Cell, Facts, Heading, Notice, Paragraph, Table, Tone
from nanna_ci.report.units import seconds_text

_TONES: Final = {Verdict.PASS: Tone.GOOD, Verdict.UNAVAILABLE: Tone.NEUTRAL}
_ROWS: Final = 8
_NAMES: Final = 5


def forecast_blocks(forecast: Forecast, history: str, account: AccountPlan) -> Iterator[Block]:
    """`history` is where the records are, as the user names it. The answer comes first."""
    yield Heading("Forecast")
    if forecast.median_s is None:
        yield Notice(Tone.WARN, f"No forecast: {_why_none(forecast, history)}.")
        return
    yield Notice(_TONES.get(forecast.budget.verdict, Tone.WARN), _answer(forecast))
    for warning in _warnings(forecast):
        yield Notice(Tone.WARN, warning)
    limits, times, at_once = forecast.limits, forecast.times, forecast.machines_at_once
    whose = "here" if times.is_local else "on GitHub"
    yield Facts(
        (
            ("History", f"{history}: {_counted(times.runs, 'run')} {whose}"),
            ("Machines", f"{len(times.machines)}{'' if at_once is None else f', {at_once} at once'}"),
            ("Account", f"{account.value}: {limits.total} machines at once, {limits.macos} of them with macOS"),
            ("Left out", ", ".join(times.left_out) or "nothing"),
        )
    )
    yield from _critical_path(forecast)
    yield from _remedies(forecast.remedies)
    yield Heading("Recorded times", 2)
    yield Table(
        ("Machine", "Runner", "Runs", "Median", "Shortest to longest"),
        tuple(map(_machine_row, sorted(times.machines, key=lambda machine: -machine.median_s))),
        frozenset({2, 3, 4}),
    )


def forecast_to_json(forecast: Forecast, history: str, account: AccountPlan) -> dict[str, Any]:
    """The key `forecast` of `plan`'s JSON: seconds rounded to thousandths, null where there is no answer."""
    band, times = forecast.band, forecast.times
    return {
        "verdict": forecast.budget.verdict.value,
        "limitSeconds": forecast.budget.limit,
        "seconds": _rounded(forecast.median_s),
        "lowSeconds": None if band is None else _rounded(band.low_s),
        "highSeconds": None if band is None else _rounded(band.high_s),
        "bandShare": None if band is None else round(band.share, 3),
        "isLowerBound": forecast.is_lower_bound,
        "withinLimit": forecast.within,
        "history": history,
        "runs": times.runs,
        "source": None if not times.runs else "local" if times.is_local else "github",
        "account": account.value,
        "limits": {"total": forecast.limits.total, "macos": forecast.limits.macos},
        "machinesAtOnce": forecast.machines_at_once,
        "machines": [_machine_to_json(machine) for machine in times.machines],
        "criticalPath": [
            {"job": job, "startSeconds": _rounded(start_s), "endSeconds": _rounded(end_s)}
            for job, start_s, end_s in forecast.critical_path
        ],
        "remedies": [
            {
                "change": "half" if one.job is not None else "macos-machine" if one.macos else "machine",
                "job": one.job,
                "savedSeconds": _rounded(one.saved_s),
            }
            for one in forecast.remedies
        ],
        "unmeasured": list(times.unmeasured),
        "uncertain": list(times.uncertain),
        "leftOut": list(times.left_out),
    }


def _why_none(forecast: Forecast, history: str) -> str:
    if not forecast.times.runs:
        return f"no run is recorded in {history}"
    runs = _counted(forecast.times.runs, "run")
    return f"{history} has {runs}, and in none of them was one of these jobs built and measured"


def _answer(forecast: Forecast) -> str:
    assert forecast.median_s is not None
    median, limit = seconds_text(forecast.median_s), seconds_text(forecast.budget.limit)
    bound = "at least" if forecast.is_lower_bound else "about"
    band = ""
    if forecast.band is not None:
        low, high = seconds_text(forecast.band.low_s), seconds_text(forecast.band.high_s)
        band = f" ({int(100 * forecast.band.share)} % of runs: {low} to {high})"
    kept = (
        ""
        if forecast.within is None
        else f"; {int(100 * forecast.within)} % of {SIMULATED_RUNS} simulated runs keep it"
    )
    match forecast.budget.verdict:
        case Verdict.PASS:
            judged = f"within the budget of {limit}{kept}"
        case Verdict.UNAVAILABLE:
            judged = f"whether it keeps the budget of {limit} is not known: {forecast.budget.measurement.note}"
        case _:
            judged = f"over the budget of {limit}{kept}"
    return f"A run takes {bound} {median}{band}: {judged}."


def _warnings(forecast: Forecast) -> Iterator[str]:
    times = forecast.times
    if times.is_local:
        yield (
            "These are times of local runs, whose jobs share one machine that needs no set-up: GitHub's will differ."
            " Waits for a machine are not in them."
        )
    elif unknown := sorted({machine.job.runner for machine in times.machines if machine.known} - times.waits_s.keys()):
        yield f"No wait for a machine is recorded of {_named(unknown)}: there it counts as nothing."
    if times.unmeasured:
        yield f"Without {_named(times.unmeasured)}: no run in which {_they(times.unmeasured)} built is recorded."
    if times.uncertain:
        yield f"Whether {_named(times.uncertain)} {_they(times.uncertain)[5:]} really built is not recorded."
    few = [machine.job.id for machine in times.machines if 0 < machine.runs < BAND_RUNS]
    if few:
        yield f"No band: fewer than {BAND_RUNS} runs are recorded of {_named(few)}."


def _named(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _they(names: tuple[str, ...]) -> str:
    return "they were" if len(names) > 1 else "it was"


def _critical_path(forecast: Forecast) -> Iterator[Block]:
    yield Heading("Critical path", 2)
    yield Paragraph(
        "If every machine takes its median time. One that starts later waits for the end of the one above it."
    )
    yield Table(
        ("Machine", "Starts after", "Ends after"),
        tuple(
            (Cell(job), Cell(seconds_text(start_s)), Cell(seconds_text(end_s)))
            for job, start_s, end_s in forecast.critical_path
        ),
        frozenset({1, 2}),
    )


def _remedies(remedies: tuple[Remedy, ...]) -> Iterator[Block]:
    yield Heading("What would shorten it", 2)
    if not remedies:
        yield Paragraph("No single job at half its time, and no further machine.")
        return
    yield Table(
        ("Change", "Saves"),
        tuple((Cell(_change(one)), Cell(seconds_text(one.saved_s))) for one in remedies[:_ROWS]),
        frozenset({1}),
    )


def _change(remedy: Remedy) -> str:
    if remedy.job is not None:
        return f"{remedy.job} in half its time"
    return f"one more machine {'with macOS ' if remedy.macos else ''}at once"


def _machine_row(machine: MachineTimes) -> tuple[Cell, ...]:
    spread = machine.spread_s
    return (
        Cell(machine.job.id),
        Cell(machine.job.runner),
        Cell(str(machine.runs)),
        Cell(_median_text(machine)),
        Cell(None if spread is None else f"{seconds_text(spread[0])} to {seconds_text(spread[1])}"),
    )


def _median_text(machine: MachineTimes) -> str | None:
    """Of a machine with parts that are not recorded, the others are a lower bound."""
    if not machine.known:
        return None
    return f"{'' if machine.runs else 'at least '}{seconds_text(machine.median_s)}"


def _machine_to_json(machine: MachineTimes) -> dict[str, Any]:
    shortest_s, longest_s = machine.spread_s or (None, None)
    return {
        "job": machine.job.id,
        "runner": machine.job.runner,
        "runs": machine.runs,
        "medianSeconds": _rounded(machine.median_s) if machine.runs else None,
        "shortestSeconds": _rounded(shortest_s),
        "longestSeconds": _rounded(longest_s),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
