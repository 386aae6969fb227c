"""Criterion's results: files of a private format, in which each value is refused that cannot be a time.

The rule for a value, here and wherever a benchmark's value is read: a finite number above zero. NaN and infinities
(which Criterion writes as null), zero and negative numbers are no measurement, and the benchmark has failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_object, as_text, describe, load_json
from nanna_ci.measure.history.records import BenchmarkValue, Metric

_LIMIT_BYTES: Final = MEBIBYTE
_UNIT: Final = "ns"  # Criterion's own; what a measurement of the workspace's own counts, no file says


def read_criterion(home: Path, name: str) -> BenchmarkValue:
    """What one run of a benchmark measured, with CRITERION_HOME set to `home`, a folder that was empty before.

    The value is Criterion's estimate: the slope, or the mean where there is none (flat sampling).

    Raises:
        MalformedData: there is no such result, more than one, or none that can be true.
    """
    found = [path for path in sorted(_results(home)) if _full_id(path) == name]
    if len(found) != 1:
        problem = "wrote no result" if not found else f"wrote {len(found)} results"
        raise MalformedData(shorten(name), f"Criterion {problem} of this name")
    return parse_estimates(_load(found[0].with_name("estimates.json")), name)


def parse_estimates(value: JsonValue, name: str) -> BenchmarkValue:
    """Read estimates.json, of Criterion 0.3 to 0.7. Raises MalformedData."""
    source = f"{shorten(name)}: estimates.json"
    estimates = as_object(value, source, "it")
    which = "mean" if estimates.get("slope") is None else "slope"
    estimate = as_object(estimates.get(which), source, which)
    measured = positive_number(estimate.get("point_estimate"), source, f"{which}.point_estimate")
    interval = estimate.get("confidence_interval")
    low, high = (_bound(interval, key) for key in ("lower_bound", "upper_bound"))
    return BenchmarkValue(name, Metric.TIME, _UNIT, measured, low, high)


def positive_number(value: JsonValue, source: str, what: str) -> float:
    """A finite number above zero. Raises MalformedData for all else; null is what Criterion makes of NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise MalformedData(source, f"{what} is {describe(value)}, not a finite number above 0")
    return float(value)


def _bound(interval: JsonValue, key: str) -> float | None:
    """An end of the interval, which nothing is decided by: None where it is not a number."""
    value = interval.get(key) if isinstance(interval, dict) else None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable and isinstance(value, int | float) else None


def _results(home: Path) -> Iterator[Path]:
    """The files that name a benchmark. Criterion writes them last: where there is none, it did not finish."""
    return (path for path in home.rglob("benchmark.json") if path.parent.name == "new")


def _full_id(path: Path) -> str:
    return as_text(_load(path).get("full_id"), str(path), "full_id")


def _load(path: Path) -> JsonObject:
    try:
        data = read_file(path, _LIMIT_BYTES, follow_links=False)
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error
    return as_object(load_json(data, str(path)), str(path), "it")
