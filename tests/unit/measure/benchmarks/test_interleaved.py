"""Pairs: in which order, of which benchmarks, and how many."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import Interrupted
from nanna_ci.measure.benchmarks.bench_matching import KnownBenchmark, Matched
from nanna_ci.measure.benchmarks.bench_programs import BenchProgram, Harness
from nanna_ci.measure.benchmarks.interleaved import MeasuredPairs, PairedRun, Side
from nanna_ci.measure.benchmarks.paired_rule import PairVerdict
from nanna_ci.measure.benchmarks.program_runner import MeasurementFailed
from nanna_ci.measure.history.records import BenchmarkValue, Metric

PROGRAM = BenchProgram("it--bench", Path("it--bench"), Harness.CRITERION, ".")


def pairs(name: str) -> MeasuredPairs:
    known = KnownBenchmark(name, PROGRAM)
    return MeasuredPairs(Matched(name, known, known))


class FakeMachine:
    """Answers with times by side and name; a clock that goes a second a measurement."""

    def __init__(self, **heads: float) -> None:
        self.heads = heads
        self.calls: list[tuple[Side, str]] = []
        self.said: list[str] = []
        self.failing: dict[tuple[Side, str], Exception] = {}
        self.units: dict[tuple[Side, str], str] = {}

    def measure(self, side: Side, benchmark: KnownBenchmark) -> BenchmarkValue:
        self.calls.append((side, benchmark.id))
        if (side, benchmark.id) in self.failing:
            raise self.failing[side, benchmark.id]
        value = 100 * (self.heads[benchmark.id] if side is Side.HEAD else 1)
        unit = self.units.get((side, benchmark.id), "ns")
        return BenchmarkValue(benchmark.id, Metric.TIME, unit, value)

    def run(self, *measured: MeasuredPairs) -> None:
        PairedRun(measured, self.measure, 2.0, lambda: float(len(self.calls)), self.said.append).run()

    def count(self, name: str) -> int:
        return Counter(self.calls)[Side.HEAD, name]


def test_base_and_head_follow_each_other_and_take_turns_in_being_first() -> None:
    machine = FakeMachine(a=1.0, b=1.0)
    machine.run(pairs("a"), pairs("b"))
    first, second = [(Side.BASE, "a"), (Side.HEAD, "a")], [(Side.HEAD, "a"), (Side.BASE, "a")]
    assert [call for call in machine.calls if call[1] == "a"] == [*first, *second, *first, *second, *first]
    assert [name for _, name in machine.calls] == ["a", "a", "b", "b"] * 5


def test_only_what_five_pairs_do_not_clear_is_measured_25_times() -> None:
    machine, fast, slow = FakeMachine(fast=1.05, slow=1.3), pairs("fast"), pairs("slow")
    machine.run(fast, slow)
    assert (machine.count("fast"), machine.count("slow")) == (5, 25)
    assert fast.decision is not None
    assert slow.decision is not None
    assert (fast.decision.verdict, slow.decision.verdict) == (PairVerdict.PASS, PairVerdict.WARN)


def test_twice_the_time_fails() -> None:
    one = pairs("a")
    FakeMachine(a=2.0).run(one)
    assert one.decision is not None
    assert one.decision.verdict is PairVerdict.FAIL


@pytest.mark.parametrize("side", Side)
def test_a_side_that_fails_ends_its_benchmark_and_the_others_go_on(side: Side) -> None:
    machine, bad, good = FakeMachine(bad=1.0, good=1.0), pairs("bad"), pairs("good")
    machine.failing[side, "bad"] = MeasurementFailed("exited with 101", "the end")
    machine.run(bad, good)
    assert list(bad.failures) == [side]
    assert machine.calls.count((side, "bad")) == 1
    assert machine.count("good") == 5


def test_units_that_differ_are_not_divided() -> None:
    machine, one = FakeMachine(a=1.0), pairs("a")
    machine.units[Side.HEAD, "a"] = "ops"
    machine.run(one)
    assert one.unit_change == ("ns", "ops")
    assert (machine.count("a"), one.decision) == (1, None)


def test_an_interruption_leaves_what_was_measured() -> None:
    machine, done, open_ = FakeMachine(done=1.0, open=1.0), pairs("done"), pairs("open")
    machine.failing[Side.HEAD, "open"] = Interrupted(2)
    with pytest.raises(Interrupted):
        machine.run(done, open_)
    assert (done.ratios, open_.ratios, len(open_.base)) == ([1.0], [], 1)


def test_progress_says_how_much_is_left() -> None:
    machine = FakeMachine(a=1.0, b=1.0)
    machine.run(pairs("a"), pairs("b"))
    assert machine.said[0] == "a: pair 2; 7 more pairs, about 14 s"
    assert machine.said[-1].startswith("a: pair 5; 1 more pair, about 2")


def test_progress_counts_the_pairs_of_what_goes_on_to_25() -> None:
    machine = FakeMachine(a=1.5)
    machine.run(pairs("a"))
    later = next(line for line in machine.said if line.startswith("a: pair 9;"))
    assert later == "a: pair 9; 16 more pairs, about 32 s"
