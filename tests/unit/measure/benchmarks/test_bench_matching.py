"""The same benchmark on both sides, gone, new, renamed."""

from __future__ import annotations

from pathlib import Path

from nanna_ci.measure.benchmarks.bench_matching import KnownBenchmark, Matching, find_renamed, match_benchmarks
from nanna_ci.measure.benchmarks.bench_programs import BenchProgram, Harness


def known(*ids: str, program: str = "p") -> list[KnownBenchmark]:
    made = BenchProgram(program, Path(program), Harness.CRITERION, ".")
    return [KnownBenchmark(one, made) for one in ids]


def names(matching: Matching) -> tuple[list[str], list[str], list[str]]:
    return (
        [one.name for one in matching.matched],
        [name for name, _ in matching.vanished],
        [name for name, _ in matching.added],
    )


def renamed(base: list[KnownBenchmark], head: list[KnownBenchmark], *, same: bool = True) -> Matching:
    return find_renamed(match_benchmarks(base, head), lambda _, __: same)


def test_benchmarks_of_one_name_are_one() -> None:
    assert names(match_benchmarks(known("a", "b"), known("b", "c"))) == (["b"], ["a"], ["c"])


def test_a_benchmark_that_moved_to_another_program_is_the_same() -> None:
    matching = match_benchmarks(known("a"), known("a", program="q"))
    assert names(matching) == (["a"], [], [])
    assert matching.matched[0].head.program.name == "q"


def test_a_name_that_two_programs_have_counts_with_the_programs_on_both_sides() -> None:
    two = [*known("a"), *known("a", program="q")]
    assert names(match_benchmarks(two, known("a"))) == (["p: a"], ["q: a"], [])


def test_one_gone_and_one_new_of_a_program_that_are_the_same_are_one_renamed() -> None:
    matching = renamed(known("a", "old"), known("a", "new"))
    assert names(matching) == (["a", "new"], [], [])
    assert [(one.base.id, one.head.id, one.is_renamed) for one in matching.matched] == [
        ("a", "a", False),
        ("old", "new", True),
    ]


def test_what_is_not_known_to_be_the_same_is_gone_and_new() -> None:
    assert names(renamed(known("old"), known("new"), same=False)) == ([], ["old"], ["new"])


def test_two_of_a_program_are_not_paired_by_chance() -> None:
    assert names(renamed(known("x", "y"), known("v", "w"))) == ([], ["x", "y"], ["v", "w"])


def test_a_benchmark_of_another_program_is_no_new_name() -> None:
    assert names(renamed(known("old"), known("new", program="q"))) == ([], ["old"], ["new"])
