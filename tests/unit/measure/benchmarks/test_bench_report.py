"""What people read of a run of benchmarks."""

from __future__ import annotations

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.benchmarks.bench_report import bench_document, value_text
from nanna_ci.measure.benchmarks.bench_result import BenchResult, BenchRow, BenchVerdict, judge_counts
from nanna_ci.measure.history.records import Metric, Segment
from nanna_ci.report.text import render_text

HERE = Segment("local", "AMD EPYC", "rustc 1.97.1")


def row(name: str, verdict: BenchVerdict, reason: str | None = None) -> BenchRow:
    return BenchRow(name, Metric.TIME, "ns", 100, 150, 1.5, 1.4, 1.6, 25, verdict, reason)


def text(*rows: BenchRow, interrupted: bool = False, no_counts: str | None = None) -> str:
    result = BenchResult("main", HERE, rows, interrupted=interrupted, no_counts=no_counts)
    return render_text(bench_document(result), color=False, width=None)


def test_times_are_in_the_unit_that_a_person_would_take() -> None:
    assert [value_text(value, "ns") for value in (0.5, 1, 999, 1500, 2.5e6, 3e9, None)] == [
        "0.5 ns",
        "1 ns",
        "999 ns",
        "1.5 µs",
        "2.5 ms",
        "3 s",
        None,
    ]
    assert value_text(1234567, "instructions") == "1,234,567"
    assert value_text(5, "cycles") == "5 cycles"


def test_a_warning_passes_and_is_said_with_its_interval() -> None:
    said = text(row("a", BenchVerdict.WARN, "slower"))
    assert "1 benchmark compared with main: 1 warning." in said
    assert "a: slower." in said
    assert "[1.400, 1.600]" in said


def test_a_warning_is_not_called_no_regression() -> None:
    assert "no regression" not in text(row("a", BenchVerdict.WARN, "slower"))
    assert "no regression" in text(row("a", BenchVerdict.PASS))


def test_an_interrupted_run_gives_no_answer_and_keeps_its_table() -> None:
    said = text(row("a", BenchVerdict.UNAVAILABLE, "3 of 5 pairs were measured"), interrupted=True)
    assert "No answer: interrupted" in said
    assert "1.500" in said


def test_a_failure_before_the_interruption_still_fails() -> None:
    rows = (row("a", BenchVerdict.FAIL, "slower"), row("b", BenchVerdict.UNAVAILABLE))
    assert BenchResult("main", HERE, rows, interrupted=True).verdict is Verdict.FAIL


def test_instructions_have_rows_of_their_own_or_a_reason() -> None:
    assert "a (instructions)" in text(judge_counts("a", 1000, 1000))
    assert "n/a: no valgrind" in text(row("a", BenchVerdict.PASS), no_counts="no valgrind")


def test_exactly_at_the_soft_limit_nothing_is_warned() -> None:
    assert judge_counts("a", 1000, 1050).verdict is BenchVerdict.PASS
    assert judge_counts("a", 1000, 1051).verdict is BenchVerdict.WARN
