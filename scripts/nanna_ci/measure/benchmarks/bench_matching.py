"""Which benchmark of the head is which of the base: the same, gone, new, or the same under another name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nanna_ci.measure.benchmarks.bench_programs import BenchProgram


@dataclass(frozen=True, slots=True)
class KnownBenchmark:
    """A benchmark of one side, and the program that has it."""

    id: str
    program: BenchProgram


@dataclass(frozen=True, slots=True)
class Matched:
    """A benchmark of both sides; `name` is the head's."""

    name: str
    base: KnownBenchmark
    head: KnownBenchmark

    @property
    def is_renamed(self) -> bool:
        return self.base.id != self.head.id


@dataclass(frozen=True, slots=True)
class Matching:
    """All benchmarks of two sides, by name, in the head's order."""

    matched: tuple[Matched, ...]
    vanished: tuple[tuple[str, KnownBenchmark], ...]
    added: tuple[tuple[str, KnownBenchmark], ...]


def match_benchmarks(base: Sequence[KnownBenchmark], head: Sequence[KnownBenchmark]) -> Matching:
    """The same are those of one name. A name that several programs have counts with its program's."""
    several = {id_ for side in (base, head) for id_, count in Counter(one.id for one in side).items() if count > 1}
    before, after = (
        {f"{one.program.name}: {one.id}" if one.id in several else one.id: one for one in side} for side in (base, head)
    )
    return Matching(
        tuple(Matched(name, before[name], one) for name, one in after.items() if name in before),
        tuple((name, one) for name, one in before.items() if name not in after),
        tuple((name, one) for name, one in after.items() if name not in before),
    )


def find_renamed(matching: Matching, is_same: Callable[[KnownBenchmark, KnownBenchmark], bool]) -> Matching:
    """The matching in which a benchmark that has only got another name is one of both sides.

    A program must lack one benchmark and have one more; `is_same` says whether the base's and the head's are known to
    be one. Two of each could be paired by chance.
    """
    gone = Counter(one.program.name for _, one in matching.vanished)
    new = Counter(one.program.name for _, one in matching.added)
    renamed = []
    for _, before in matching.vanished:
        program = before.program.name
        if gone[program] != 1 or new[program] != 1:
            continue
        name, after = next((name, one) for name, one in matching.added if one.program.name == program)
        if is_same(before, after):
            renamed.append(Matched(name, before, after))
    befores, afters = {one.base for one in renamed}, {one.head for one in renamed}
    return Matching(
        (*matching.matched, *renamed),
        tuple(item for item in matching.vanished if item[1] not in befores),
        tuple(item for item in matching.added if item[1] not in afters),
    )
