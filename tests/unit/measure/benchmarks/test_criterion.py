"""Criterion's files: what versions of it wrote, and what cannot be a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import load_json
from nanna_ci.measure.benchmarks.criterion import parse_estimates, read_criterion
from nanna_ci.measure.history.records import Metric

RECORDED = Path(__file__).parents[3] / "data/benchmarks/criterion"
VERSIONS = ("0.3.6", "0.4.0", "0.5.1", "0.6.0")
BOUNDS = {"confidence_level": 0.95, "lower_bound": 9.0, "upper_bound": 12.0}


def estimate(point: object, bounds: object = BOUNDS) -> dict[str, Any]:
    return {"confidence_interval": bounds, "point_estimate": point, "standard_error": 0.1}


def written(home: Path, name: str, point: object, place: str = "here") -> None:
    folder = home / place / "new"
    folder.mkdir(parents=True)
    (folder / "benchmark.json").write_text(json.dumps({"full_id": name}))
    (folder / "estimates.json").write_text(json.dumps({"mean": estimate(point), "slope": None}))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["sum", "group: one/two/fold/500"])
def test_each_version_of_criterion_is_read(version: str, name: str) -> None:
    value = read_criterion(RECORDED / version, name)
    assert (value.name, value.metric, value.unit) == (name, Metric.TIME, "ns")
    assert 500 < value.value < 2000
    assert value.low is not None
    assert value.high is not None
    assert value.low < value.value < value.high


def test_the_slope_counts_and_where_there_is_none_the_mean() -> None:
    assert parse_estimates({"slope": estimate(10.0), "mean": estimate(11.0)}, "it").value == 10
    assert parse_estimates({"slope": None, "mean": estimate(11.0)}, "it").value == 11
    assert parse_estimates({"mean": estimate(11.0)}, "it").value == 11
    flat = RECORDED / "0.6.0/group_ one_two/fold/500/new/estimates.json"
    assert json.loads(flat.read_text())["slope"] is None
    assert read_criterion(RECORDED / "0.7.0", "render/cut").value > 10_000


@pytest.mark.parametrize("point", [None, 0, 0.0, -0.0, -3.5, True, "12", [], {}])
def test_what_is_no_finite_number_above_zero_is_refused(point: object) -> None:
    with pytest.raises(MalformedData, match=r"mean\.point_estimate is .*, not a finite number above 0"):
        parse_estimates({"slope": None, "mean": estimate(point)}, "it")


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_are_none_are_refused_as_they_are_read(text: bytes, tmp_path: Path) -> None:
    written(tmp_path, "it", 5)
    path = tmp_path / "here/new/estimates.json"
    path.write_bytes(path.read_bytes().replace(b"5", text))
    with pytest.raises(MalformedData):
        read_criterion(tmp_path, "it")


def test_the_smallest_number_above_zero_is_a_time() -> None:
    assert parse_estimates({"mean": estimate(5e-324)}, "it").value == 5e-324


@pytest.mark.parametrize("bounds", [None, [], {}, {"lower_bound": None, "upper_bound": "1"}, {"lower_bound": True}])
def test_an_interval_that_is_odd_is_left_out_and_the_value_counts(bounds: object) -> None:
    value = parse_estimates({"mean": estimate(11.0, bounds)}, "it")
    assert (value.value, value.low, value.high) == (11, None, None)


@pytest.mark.parametrize("document", [[], None, {}, {"slope": 3}, {"slope": None, "mean": []}, {"mean": {}}])
def test_another_shape_is_refused_by_name(document: Any) -> None:
    with pytest.raises(MalformedData, match=r"'it': estimates\.json"):
        parse_estimates(document, "it")


def test_a_benchmark_that_wrote_nothing_is_said(tmp_path: Path) -> None:
    written(tmp_path, "another", 5)
    with pytest.raises(MalformedData, match="'it': Criterion wrote no result of this name"):
        read_criterion(tmp_path, "it")


def test_two_results_of_one_name_are_not_chosen_from(tmp_path: Path) -> None:
    written(tmp_path, "it", 5)
    written(tmp_path, "it", 6, "there")
    with pytest.raises(MalformedData, match="wrote 2 results"):
        read_criterion(tmp_path, "it")


def test_what_criterion_kept_of_an_earlier_run_does_not_count(tmp_path: Path) -> None:
    written(tmp_path, "it", 5)
    shutil.copytree(tmp_path / "here/new", tmp_path / "here/base")
    assert read_criterion(tmp_path, "it").value == 5


def test_a_recorded_file_is_strict_json() -> None:
    for path in RECORDED.rglob("*.json"):
        assert load_json(path.read_bytes(), str(path))
