"""A run of benchmarks from the programs of one side or of two: which there are, the pairs, the instructions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import UsageError, shorten
from nanna_ci.measure.benchmarks.bench_matching import KnownBenchmark, Matching, find_renamed, match_benchmarks
from nanna_ci.measure.benchmarks.bench_programs import BenchPrograms
from nanna_ci.measure.benchmarks.bench_result import (
    BenchResult,
    BenchRow,
    ProgramProblem,
    alone,
    head_values,
    instructions,
    judge_counts,
    judge_pairs,
    uncounted,
    unmeasured,
)
from nanna_ci.measure.benchmarks.instruction_counts import InstructionCounter
from nanna_ci.measure.benchmarks.interleaved import MeasuredPairs, PairedRun, Side
from nanna_ci.measure.benchmarks.program_runner import MeasurementFailed, ProgramRunner
from nanna_ci.measure.history.records import BenchmarkValue, Segment

_SAME_COUNT: Final = 0.005  # a name that is longer, and the seed of a hash map, move it by less


@dataclass(slots=True)
class BenchSide:
    """The programs of one side, and what runs them."""

    side: Side
    programs: BenchPrograms
    runner: ProgramRunner
    counter: InstructionCounter = field(init=False)

    def __post_init__(self) -> None:
        self.counter = InstructionCounter(self.runner)


@dataclass(slots=True)
class BenchRun:
    """A run, which may be interrupted at any moment: `result` says what is known by then."""

    head: BenchSide
    base: BenchSide | None
    against: str | None
    segment: Segment
    regression_ratio: float
    clock: Callable[[], float]
    say: Callable[[str], None]
    chosen: re.Pattern[str] | None = None
    no_counts: str | None = None
    _matching: Matching = field(default_factory=lambda: Matching((), (), ()))
    _pairs: list[MeasuredPairs] = field(default_factory=list)
    _alone: list[BenchmarkValue] = field(default_factory=list)
    _alone_rows: list[BenchRow] = field(default_factory=list)
    _counts: list[BenchRow] = field(default_factory=list)
    _count_values: list[BenchmarkValue] = field(default_factory=list)
    _problems: list[ProgramProblem] = field(default_factory=list)
    _seconds: float = 0.0

    def run(self) -> None:
        """Measure all of them. Raises Interrupted, and UsageError if none is chosen of those that there are."""
        started_s = self.clock()
        try:
            self._measure()
        finally:
            self._seconds = self.clock() - started_s

    def _measure(self) -> None:
        head = self._survey(self.head)
        base = [] if self.base is None else self._survey(self.base)
        chosen, base = self._choose(head), self._choose(base)
        if (head or base) and not chosen and not base and self.chosen is not None:
            raise UsageError(
                f"--filter {shorten(self.chosen.pattern)} matches no benchmark",
                hint=f"there are {', '.join(one.id for one in head[:10])}",
            )
        matching = match_benchmarks(base, chosen)
        self._matching = find_renamed(matching, self._is_same)
        self._pairs = [MeasuredPairs(matched) for matched in self._matching.matched]
        count = len(self._pairs) if self.base else len(chosen)
        self.say(f"{count} benchmark{'' if count == 1 else 's'} to {'compare' if self.base else 'measure'}")
        PairedRun(self._pairs, self._one, self.regression_ratio, self.clock, self.say).run()
        for name, benchmark in self._matching.added:
            self._measure_alone(name, benchmark)
        self._count_all()

    def _survey(self, side: BenchSide) -> list[KnownBenchmark]:
        known: list[KnownBenchmark] = []
        for program in side.programs.programs:
            try:
                known += [KnownBenchmark(name, program) for name in side.runner.list_benchmarks(program)]
            except MeasurementFailed as error:
                self._problems.append(ProgramProblem(side.side, program.name, error.message, error.tail))
        return known

    def _choose(self, known: list[KnownBenchmark]) -> list[KnownBenchmark]:
        return [one for one in known if self.chosen is None or self.chosen.search(one.id)]

    def _one(self, side: Side, benchmark: KnownBenchmark) -> BenchmarkValue:
        return self._side(side).runner.measure(benchmark.program, benchmark.id)

    def _side(self, side: Side) -> BenchSide:
        return self.head if side is Side.HEAD or self.base is None else self.base

    def _measure_alone(self, name: str, benchmark: KnownBenchmark) -> None:
        try:
            value = replace(self._one(Side.HEAD, benchmark), name=name)
        except MeasurementFailed as error:
            self._alone_rows.append(unmeasured(name, error.message, error.tail))
            return
        self._alone.append(value)
        self._alone_rows.append(alone(value, "the base does not have it" if self.base else None))
        self.say(f"{name}: {value.value:,.0f} {value.unit}")

    def _is_same(self, base: KnownBenchmark, head: KnownBenchmark) -> bool:
        """Whether two benchmarks of different names are known to be one."""
        if self.no_counts is not None:
            return False
        try:
            return abs(self._counted(Side.HEAD, head) / self._counted(Side.BASE, base) - 1) <= _SAME_COUNT
        except MeasurementFailed:
            return False

    def _counted(self, side: Side, benchmark: KnownBenchmark) -> int:
        return self._side(side).counter.count(benchmark.program, benchmark.id)

    def _count_all(self) -> None:
        if self.no_counts is not None:
            return
        self.say("counting instructions")
        for one in (pairs.matched for pairs in self._pairs if not pairs.failures):
            try:
                base, head = self._counted(Side.BASE, one.base), self._counted(Side.HEAD, one.head)
            except MeasurementFailed as error:
                self._counts.append(uncounted(one.name, error.message))
                continue
            self._counts.append(judge_counts(one.name, base, head))
            self._count_values.append(instructions(one.name, head))
        if self.base is None:
            self._count_head()

    def _count_head(self) -> None:
        measured = {value.name for value in self._alone}
        for name, benchmark in self._matching.added:
            if name not in measured:
                continue
            try:
                value = instructions(name, self._counted(Side.HEAD, benchmark))
            except MeasurementFailed as error:
                self._counts.append(uncounted(name, error.message))
                continue
            self._counts.append(alone(value, None))
            self._count_values.append(value)

    def result(self, *, interrupted: bool) -> BenchResult:
        """What is known by now."""
        units = [(one.matched.name, *one.unit_change) for one in self._pairs if one.unit_change is not None]
        return BenchResult(
            against=self.against,
            segment=self.segment,
            rows=(*(judge_pairs(one) for one in self._pairs), *self._alone_rows, *self._counts),
            values=(*head_values(self._pairs), *self._alone, *self._count_values),
            vanished=tuple(name for name, _ in self._matching.vanished),
            added=tuple(name for name, _ in self._matching.added) if self.base else (),
            renamed=tuple((one.base.id, one.name) for one in self._matching.matched if one.is_renamed),
            unit_changed=tuple(units),
            problems=tuple(self._problems),
            no_counts=self.no_counts,
            interrupted=interrupted,
            seconds=self._seconds,
        )


def working_source(programs: BenchPrograms, scratch: Path, cwd: Path) -> Path:
    """Where programs run: a copy of what they were built from, to which they may write; else the caller's folder."""
    if programs.source is None or not programs.source.is_dir():
        return cwd
    shutil.copytree(programs.source, scratch, symlinks=True, ignore=shutil.ignore_patterns(".git", "target"))
    for folder in (scratch, *_folders(scratch)):
        folder.chmod(0o755)
    return scratch


def _folders(top: Path) -> Iterable[Path]:
    return (path for path in top.rglob("*") if path.is_dir() and not path.is_symlink())
