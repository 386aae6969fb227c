"""One measurement against the history of its segment."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.benchmarks.history_rule import (
    HistoryComparison,
    HistoryDecision,
    HistoryVerdict,
    compare_with_history,
)
from nanna_ci.measure.history.records import BenchmarkRecord, BenchmarkValue, Metric, RunIdentity, Segment

HERE = Segment("ubuntu-24.04", "EPYC 7763", "1.95.0")
OTHERS = [
    Segment("ubuntu-24.04-arm", "EPYC 7763", "1.95.0"),
    Segment("ubuntu-24.04", "Xeon 8370C", "1.95.0"),
    Segment("ubuntu-24.04", "EPYC 7763", "1.96.0"),
    Segment("ubuntu-24.04", None, "1.95.0"),
]
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def run_of(number: int, values: Mapping[str, float], *, segment: Segment = HERE, unit: str = "ns") -> BenchmarkRecord:
    return BenchmarkRecord(
        RunIdentity(f"github-{number}-1", "push", START + datetime.timedelta(hours=number)),
        segment,
        tuple(BenchmarkValue(name, Metric.TIME, unit, value) for name, value in values.items()),
    )


def runs_of(*values: float, segment: Segment = HERE, unit: str = "ns") -> list[BenchmarkRecord]:
    return [run_of(number, {"crc32": value}, segment=segment, unit=unit) for number, value in enumerate(values)]


def compare(value: float, history: list[BenchmarkRecord], *, limit: float = 2.0) -> HistoryDecision:
    (decision,) = compare_with_history(run_of(999, {"crc32": value}), history, regression_ratio=limit).decisions
    return decision


def changes(now: BenchmarkRecord, history: list[BenchmarkRecord]) -> HistoryComparison:
    return compare_with_history(now, history, regression_ratio=2.0)


def test_a_value_that_reaches_the_ratio_fails_and_one_below_passes() -> None:
    history = runs_of(*[100.0] * 20)
    assert compare(200, history).verdict is HistoryVerdict.FAIL
    assert compare(math.nextafter(200, 0), history).verdict is HistoryVerdict.PASS
    assert compare(120, history, limit=1.2).verdict is HistoryVerdict.FAIL
    assert compare(30, history).verdict is HistoryVerdict.PASS


def test_only_the_last_20_runs_count_and_their_median_and_spread_are_shown() -> None:
    decision = compare(110, runs_of(*[9.0] * 100, *range(91, 111)))
    assert (decision.runs, decision.median, decision.low, decision.high) == (20, 100.5, 92.9, 108.1)
    assert decision.ratio == 110 / 100.5
    assert decision.reason == "1.095 times the median of the last 20 runs, 100.5 ns (10 to 90 % of them: 92.9 to 108.1)"


def test_one_outlier_in_the_history_moves_no_verdict() -> None:
    assert compare(190, runs_of(100, 100, 1, 100, 100)).verdict is HistoryVerdict.PASS
    assert compare(210, runs_of(100, 100, 9000, 100, 100)).verdict is HistoryVerdict.FAIL


def test_fewer_than_five_runs_decide_nothing() -> None:
    decision = compare(1e9, runs_of(1, 1, 1, 1))
    assert (decision.verdict, decision.runs) == (HistoryVerdict.UNKNOWN, 4)
    assert (decision.median, decision.low, decision.high, decision.ratio) == (None,) * 4
    assert compare(1e9, runs_of(1, 1, 1, 1, 1)).verdict is HistoryVerdict.FAIL
    assert compare(5, []).verdict is HistoryVerdict.UNKNOWN


@pytest.mark.parametrize("other", OTHERS)
def test_another_runner_processor_or_toolchain_starts_anew_without_an_alarm(other: Segment) -> None:
    history = runs_of(*[1.0] * 30, segment=other)
    now = run_of(999, {"crc32": 1000.0})
    found = changes(now, history)
    assert found.is_new_segment
    assert [one.verdict for one in found.decisions] == [HistoryVerdict.UNKNOWN]
    assert (found.vanished, found.added, found.unit_changed) == ((), (), ())


def test_two_segments_in_turn_each_keep_their_own_history() -> None:
    slow, fast = runs_of(*[100.0] * 5, segment=OTHERS[0]), runs_of(*[10.0] * 5)
    history = [record for pair in zip(slow, fast, strict=True) for record in pair]
    assert compare(19, history).median == 10
    (there,) = changes(run_of(999, {"crc32": 190}, segment=OTHERS[0]), history).decisions
    assert (there.median, there.verdict) == (100, HistoryVerdict.PASS)


def test_the_run_itself_in_its_history_does_not_count() -> None:
    now = run_of(999, {"crc32": 300.0})
    (decision,) = changes(now, [*runs_of(*[100.0] * 5), now]).decisions
    assert (decision.runs, decision.verdict) == (5, HistoryVerdict.FAIL)


def test_vanished_and_added_benchmarks_are_named() -> None:
    found = changes(run_of(9, {"b": 1, "new": 1}), [run_of(1, {"old": 1}), run_of(2, {"a": 1, "b": 1})])
    assert (found.vanished, found.added) == (("a",), ("new",))
    assert changes(run_of(9, {"a": 1}), []).added == ()


def test_what_vanished_on_a_new_machine_is_named_too_and_what_another_machine_lacks_is_not() -> None:
    there = run_of(1, {"a": 1, "b": 1}, segment=OTHERS[0])
    assert changes(run_of(9, {"b": 1}), [there]).vanished == ("a",)
    assert changes(run_of(9, {"b": 1}), [run_of(0, {"b": 1}), there]).vanished == ()


def test_a_renamed_benchmark_is_one_that_vanished_and_one_that_is_new() -> None:
    found = changes(run_of(9, {"crc32/simd": 1}), runs_of(*[1.0] * 20))
    assert (found.vanished, found.added) == (("crc32",), ("crc32/simd",))
    assert found.decisions[0].verdict is HistoryVerdict.UNKNOWN


def test_a_benchmark_whose_unit_changed_is_named_and_not_compared() -> None:
    found = changes(run_of(999, {"crc32": 5.0}, unit="µs"), runs_of(*[5000.0] * 20))
    assert found.unit_changed == (("crc32", "ns", "µs"),)
    assert found.decisions[0].verdict is HistoryVerdict.UNKNOWN
    assert found.vanished == ()


def test_instructions_are_not_compared_with_times() -> None:
    value = BenchmarkValue("crc32", Metric.INSTRUCTIONS, "instructions", 9e9)
    now = BenchmarkRecord(run_of(999, {}).origin, HERE, (value,))
    assert changes(now, runs_of(*[5.0] * 20)).decisions[0].verdict is HistoryVerdict.UNKNOWN


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 0.0, -1.0])
@pytest.mark.parametrize("runs", [0, 20])
def test_a_value_that_is_not_positive_and_finite_is_refused(wrong: float, runs: int) -> None:
    with pytest.raises(MalformedData, match=r"^crc32: the value of head is"):
        compare(wrong, runs_of(*[5.0] * runs))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 0.0, -1.0])
def test_a_baseline_that_is_not_positive_and_finite_is_refused(wrong: float) -> None:
    with pytest.raises(MalformedData, match=r"^crc32: the value of base is"):
        compare(5.0, runs_of(*[wrong] * 20))
