"""Measures benchmarks of two sides in pairs: one of each right after the other, the order changing from pair to pair.

What slows the machine down for a while then meets both sides alike, so that the ratio of a pair says what the two
programs are.
"""

from __future__ import annotations

import enum
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from nanna_ci.measure.benchmarks.bench_matching import KnownBenchmark, Matched
from nanna_ci.measure.benchmarks.paired_rule import ALL_PAIRS, FIRST_PAIRS, PairDecision, PairVerdict, decide_pairs
from nanna_ci.measure.benchmarks.program_runner import MeasurementFailed
from nanna_ci.measure.history.records import BenchmarkValue
from nanna_ci.report.units import seconds_text

_REPORT_S: Final = 5.0


class Side(enum.Enum):
    """Of a comparison: what was there before, and what is to be judged."""

    BASE = "base"
    HEAD = "head"


Measure = Callable[[Side, KnownBenchmark], BenchmarkValue]


@dataclass(slots=True)
class MeasuredPairs:
    """A benchmark of both sides, with what was measured so far. A side with a failure is not measured again."""

    matched: Matched
    base: list[BenchmarkValue] = field(default_factory=list)
    head: list[BenchmarkValue] = field(default_factory=list)
    failures: dict[Side, MeasurementFailed] = field(default_factory=dict)
    decision: PairDecision | None = None

    @property
    def ratios(self) -> list[float]:
        """Head over base, of each pair that is whole."""
        return [after.value / before.value for before, after in zip(self.base, self.head, strict=False)]

    @property
    def unit_change(self) -> tuple[str, str] | None:
        """The units of base and head, where they are two."""
        if not self.base or not self.head or self.base[0].unit == self.head[0].unit:
            return None
        return self.base[0].unit, self.head[0].unit

    @property
    def is_open(self) -> bool:
        """Whether more pairs would say more."""
        decided = self.decision is not None and self.decision.verdict is not PairVerdict.MORE_PAIRS
        return not decided and not self.failures and self.unit_change is None


@dataclass(slots=True)
class PairedRun:
    """Measures pairs of all benchmarks until each is decided; whatever stops it, `measured` keeps what there is."""

    measured: Sequence[MeasuredPairs]
    measure: Measure
    regression_ratio: float
    clock: Callable[[], float]
    say: Callable[[str], None]
    _done: int = 0
    _started_s: float = 0.0
    _said_s: float = 0.0

    def run(self) -> None:
        """Five pairs of each, then up to 25 of those that five do not clear."""
        self._started_s = self._said_s = self.clock()
        for number in range(ALL_PAIRS):
            still = [one for one in self.measured if one.is_open]
            if not still:
                return
            for index, one in enumerate(still):
                self._pair(one, number)
                self._report(one, number, _left(still, index, number))
            if number + 1 in (FIRST_PAIRS, ALL_PAIRS):
                for one in still:
                    if one.is_open:
                        self._decide(one)

    def _pair(self, one: MeasuredPairs, number: int) -> None:
        sides = [(Side.BASE, one.matched.base, one.base), (Side.HEAD, one.matched.head, one.head)]
        for side, benchmark, values in sides if number % 2 == 0 else reversed(sides):
            try:
                values.append(self.measure(side, benchmark))
            except MeasurementFailed as error:
                one.failures[side] = error
        self._done += 1

    def _decide(self, one: MeasuredPairs) -> None:
        one.decision = decide_pairs(
            one.ratios,
            regression_ratio=self.regression_ratio,
            benchmarks=len(self.measured),
            name=one.matched.name,
        )

    def _report(self, one: MeasuredPairs, number: int, left: int) -> None:
        now = self.clock()
        if now - self._said_s >= _REPORT_S:
            self._said_s = now
            remaining = (now - self._started_s) / self._done * left
            more = f"{left} more pair{'' if left == 1 else 's'}"
            self.say(f"{one.matched.name}: pair {number + 1}; {more}, about {seconds_text(remaining)}")


def _left(still: Sequence[MeasuredPairs], index: int, number: int) -> int:
    """Pairs that are to come after that of one benchmark; during the first five nobody knows which will need more."""
    planned = FIRST_PAIRS if number < FIRST_PAIRS else ALL_PAIRS
    return sum(planned - number - (place <= index) for place, one in enumerate(still) if one.is_open)


def middle(values: Sequence[BenchmarkValue]) -> float | None:
    """The median of measured values; None of none."""
    return statistics.median(value.value for value in values) if values else None
