"""How programs are started, and what is read out of what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandTimedOut, ToolMissing
from nanna_ci.measure.benchmarks.bench_programs import BenchProgram, Harness
from nanna_ci.measure.benchmarks.instruction_counts import InstructionCounter, name_of_none
from nanna_ci.measure.benchmarks.program_runner import (
    MeasurementFailed,
    ProgramRunner,
    exactly,
    parse_references,
)
from support.fake_ports import FakeRun

CRITERION = BenchProgram("it--c", Path("/p/it--c"), Harness.CRITERION, "crates/it")
LIBTEST = BenchProgram("it--l", Path("/p/it--l"), Harness.LIBTEST, ".")
# of valgrind 3.24.0, around a program that started another one
CACHEGRIND = """==7== Cachegrind, a high-precision tracing profiler
==7== Command: /p/it--c
==8==
==8== I refs:        441,501
Testing it
==7==
==7== I refs:        {count}
"""
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "/p/it--c")


def runner(run: FakeRun, **environ: str) -> ProgramRunner:
    return ProgramRunner(run, environ, Path("/source"), 0.5, 30.0)


@pytest.mark.parametrize("listed", ["a: benchmark\nb/c d: 2: benchmark\n", "a: bench\n\nb/c d: 2: bench\n"])
def test_names_are_listed_as_old_and_new_criterion_print_them(listed: str) -> None:
    run = FakeRun()
    run.script("/p/it--c", "--bench", "--list", stdout=b"Gnuplot not found\n" + listed.encode())
    assert runner(run).list_benchmarks(CRITERION) == ("a", "b/c d: 2")


def test_a_test_beside_a_benchmark_is_none() -> None:
    run = FakeRun()
    run.script("/p/it--l", stdout=b"tests::adds: test\ntests::slow: benchmark\n\n1 test, 1 benchmark\n")
    assert runner(run).list_benchmarks(LIBTEST) == ("tests::slow",)


def test_a_program_runs_in_its_packages_folder_and_hears_nothing_that_would_change_its_answer() -> None:
    run = FakeRun()
    run.script("/p/it--c")
    runner(run, CRITERION_DEBUG="1", RUST_TEST_THREADS="9", NEXTEST="1", LANG="C", A_TOKEN="s3cret").list_benchmarks(
        CRITERION
    )
    (call,) = run.calls
    assert call.options["cwd"] == Path("/source/crates/it")
    assert call.options["env"] == {"LANG": "C", "CARGO_MANIFEST_DIR": "/source/crates/it"}


def test_criterion_is_told_its_times_and_one_name() -> None:
    run = FakeRun()
    run.script("/p/it--c")
    with pytest.raises(MeasurementFailed, match="Criterion wrote no result"):
        runner(run).measure(CRITERION, "a+b (2)")
    (call,) = run.calls
    times = ("--measurement-time", "0.5", "--warm-up-time", "0.15")
    assert call.argv[1:] == ("--bench", "--noplot", "--nresamples", "1001", *times, "--", r"^a\+b \(2\)$")
    assert "nanna-ci-criterion-" in call.options["env"]["CRITERION_HOME"]


def test_libtest_is_told_one_name_and_its_text_read() -> None:
    run = FakeRun()
    text = b"test it::a ... bench:         250 ns/iter (+/- 12)\n"
    run.script("/p/it--l", "--bench", "--exact", "--", "it::a", stdout=text)
    assert runner(run).measure(LIBTEST, "it::a").value == 250


@pytest.mark.parametrize(
    ("name", "filter_"),
    [("a", "^a$"), ("a.b*c", r"^a\.b\*c$"), (r"x\y", r"^x\\y$"), ("é #1 [x]", r"^é \#1 \[x\]$"), ("a b", "^a b$")],
)
def test_a_name_is_matched_as_it_is(name: str, filter_: str) -> None:
    assert exactly(name) == filter_


@pytest.mark.parametrize(
    ("what", "problem", "tail"),
    [
        ({"returncode": 101, "stderr": b"one\ntwo\n"}, "it--c exited with 101", "one\ntwo"),
        ({"returncode": -11}, "it--c ended by signal 11", ""),
        ({"returncode": 1, "stdout": b"said here\n"}, "it--c exited with 1", "said here"),
        ({"error": CommandTimedOut(["it"], 30, "so far")}, "it--c did not end within 60 s", "so far"),
        ({"error": ToolMissing("it", "not found")}, "it: not found", ""),
    ],
)
def test_a_bad_end_is_said_with_the_end_of_the_output(what: dict[str, Any], problem: str, tail: str) -> None:
    run = FakeRun()
    run.script("/p/it--c", **what)
    with pytest.raises(MeasurementFailed) as raised:
        runner(run).list_benchmarks(CRITERION)
    assert (raised.value.message, raised.value.tail) == (problem, tail)


def test_the_output_is_cut_to_its_last_lines() -> None:
    run = FakeRun()
    run.script("/p/it--c", returncode=1, stderr=b"".join(b"%d\n" % number for number in range(100)))
    with pytest.raises(MeasurementFailed) as raised:
        runner(run).list_benchmarks(CRITERION)
    assert raised.value.tail.splitlines() == [str(number) for number in range(80, 100)]


def test_instructions_are_those_of_the_program_and_not_of_one_that_it_started() -> None:
    assert parse_references(CACHEGRIND.format(count="15,577,447"), "it") == 15_577_447


@pytest.mark.parametrize("text", ["", "==7== Cachegrind, a\n==8== I refs:  5\n", "==7== I refs: 5\n"])
def test_a_text_without_the_programs_count_is_no_count(text: str) -> None:
    with pytest.raises(MeasurementFailed, match="valgrind counted no instructions"):
        parse_references(text, "it")


def counting(run: FakeRun, name: str, count: str) -> None:
    text = CACHEGRIND.format(count=count).encode()
    run.script(*VALGRIND, "--bench", "--test", "--", exactly(name), stderr=text)


def test_what_the_program_executes_without_the_benchmark_is_taken_off_and_measured_once() -> None:
    run = FakeRun()
    counting(run, "a~", "1,000")
    counting(run, "ab", "1,500")
    counting(run, "ac", "3,000")
    counter = InstructionCounter(runner(run))
    assert [counter.count(CRITERION, name) for name in ("ab", "ac", "ab")] == [500, 2000, 500]
    assert len(run.calls) == 4


def test_a_benchmark_that_adds_nothing_has_no_count() -> None:
    run = FakeRun()
    counting(run, "~", "1,000")
    counting(run, "a", "1,000")
    with pytest.raises(MeasurementFailed, match="a: executes no more instructions than it--c without it"):
        InstructionCounter(runner(run)).count(CRITERION, "a")


def test_the_name_of_no_benchmark_is_as_long_as_the_benchmarks() -> None:
    assert [name_of_none(name) for name in ("a/b", "x", "a~")] == ["a/~", "~", "a!"]


def test_a_harness_that_is_not_known_cannot_be_made_to_run_a_benchmark_once() -> None:
    program = BenchProgram("it", Path("/p/it"), Harness.UNKNOWN, ".")
    with pytest.raises(MeasurementFailed, match="nothing is known of its harness"):
        InstructionCounter(runner(FakeRun())).count(program, "a")


def test_no_time_at_all_is_refused_in_a_text_too() -> None:
    run = FakeRun()
    run.script("/p/it--l", stdout=b"test it::a ... bench:           0 ns/iter (+/- 0)\n")
    with pytest.raises(MeasurementFailed, match=r"'it::a': the value is '0\.0', not a finite number above 0"):
        runner(run).measure(LIBTEST, "it::a")
