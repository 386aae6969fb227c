"""Reading the text of `cargo bench`, of real programs and of broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.benchmarks.bencher_text import parse_bencher_text
from nanna_ci.measure.history.records import BenchmarkValue, Metric

DATA = Path(__file__).parents[3] / "data" / "bencher"


def parse(text: str) -> tuple[BenchmarkValue, ...]:
    return parse_bencher_text(text, "bench.txt")


def test_a_real_run_of_libtest_gives_its_four_benchmarks() -> None:
    values = parse((DATA / "libtest.txt").read_text())
    assert [(one.name, one.unit, one.value) for one in values] == [
        ("crc::nothing", "ns", 0.27),
        ("crc::prints", "ns", 0.55),
        ("crc::sorts_10000", "ns", 132792.68),
        ("crc::sums_4096_bytes", "ns", 1664.24),
    ]
    assert (values[3].low, values[3].high) == (1664.24 - 16.51, 1664.24 + 16.51)


def test_a_real_run_of_criterion_gives_the_names_of_its_groups() -> None:
    values = parse((DATA / "criterion.txt").read_text())
    assert [(one.name, one.unit) for one in values] == [("render/whole", "ns"), ("render/cut", "ns")]
    assert all(one.value > 0 and one.metric is Metric.TIME for one in values)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("test a ... bench:         135 ns/iter (+/- 24)", BenchmarkValue("a", Metric.TIME, "ns", 135, 111, 159)),
        ("test b  ... bench:  1,018,149 ns/iter (+/- 1,755)", ("b", "ns", 1018149)),
        ("test c ... bench:           8 ns/iter (+/- 70)", BenchmarkValue("c", Metric.TIME, "ns", 8, 0, 78)),
        ("test For loop (Execution) ... bench:  12314 ns/iter (+/- 123)", ("For loop (Execution)", "ns", 12314)),
        ("test cmov ... bench:        2835 cycles/iter (+/- 14)", ("cmov", "cycles", 2835)),
        ("test d ... bench:  0.00 ns/iter (+/- 0.00)", ("d", "ns", 0)),
        ("test e ... bench:  12 ns/iter (+/- 1) = 2461 MB/s\r", ("e", "ns", 12)),
        ("\x1b[32mtest f ... bench:  12 µs/iter (+/- 1)\x1b[0m", ("f", "µs", 12)),
    ],
)
def test_each_shape_of_a_line_is_read(line: str, expected: BenchmarkValue | tuple[str, str, float]) -> None:
    (value,) = parse(f"running 1 test\n{line}\n")
    assert expected in (value, (value.name, value.unit, value.value))


@pytest.mark.parametrize("text", ["", "\n", "test a ... ok\ntest b ... ignored\ntest c ... FAILED\n", "bench: done\n"])
def test_text_without_benchmarks_gives_none(text: str) -> None:
    assert parse(text) == ()


@pytest.mark.parametrize(
    "line",
    [
        "test a ... bench:         135 ns/iter",
        "test a ... bench:         NaN ns/iter (+/- 1)",
        "test a ... bench:         -5 ns/iter (+/- 1)",
        "test a ... bench:         1.2.3 ns/iter (+/- 1)",
        "test download ... bench:        9001 MS/s (+/- 69)",
        "test a ... bench: warning: 5 ns/iter (+/- 1)",
        "test a ... bench: 5 ns/iter (+/- 1) and more",
    ],
)
def test_a_benchmarks_line_that_cannot_be_read_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(MalformedData, match=r"^bench\.txt: line 2: .* does not give a time$"):
        parse(f"running 1 test\n{line}\n")


def test_a_number_larger_than_any_is_refused() -> None:
    with pytest.raises(MalformedData, match=r"line 1: .*larger than a number can be"):
        parse(f"test a ... bench: {'9' * 400} ns/iter (+/- 1)")


def test_a_value_whose_name_was_torn_off_is_refused() -> None:
    text = "test a ... Warning: Unable to complete 100 samples\nbench:     1672496 ns/iter (+/- 10166)\n"
    with pytest.raises(MalformedData, match=r"line 2: .*has no name before it"):
        parse(text)


def test_several_programs_may_use_one_name() -> None:
    line = "test a ... bench: 5 ns/iter (+/- 1)\n"
    assert [one.name for one in parse(line + "\nrunning 1 test\n" + line)] == ["a", "a"]
