from __future__ import annotations

import datetime
import re

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.export.open_metrics import render_open_metrics
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    CrateCoverage,
    JobRecord,
    JobTests,
    Metric,
    RunIdentity,
    RunRecord,
    RunTests,
    Segment,
)

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*\})? [0-9.e+-]+ [0-9]+'
)


def origin(run: str, branch: str | None = "main", minute: int = 0) -> RunIdentity:
    return RunIdentity(run, "push", STARTED + datetime.timedelta(minutes=minute), branch=branch)


def check_grammar(text: str) -> None:
    """The parts of OpenMetrics 1.0 that we write: families together, TYPE first, names that end in their unit."""
    *lines, last = text.splitlines()
    assert last == "# EOF"
    assert text.endswith("\n")
    families: list[str] = []
    for line in lines:
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in families, "a family in two places"
            families.append(name)
        elif line.startswith("# UNIT "):
            assert line.split()[2] == families[-1]
            assert families[-1].endswith(f"_{line.split()[3]}")
        elif line.startswith("# HELP "):
            assert line.split()[2] == families[-1]
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample["name"] == families[-1]


def test_the_last_run_of_each_branch_is_shown_and_what_was_not_measured_is_not():
    old = RunRecord(origin("a"), Verdict.PASS, (JobRecord("unit", Verdict.PASS, run_s=9.0),))
    new = RunRecord(
        origin("b", minute=5),
        Verdict.FAIL,
        (JobRecord("unit", Verdict.FAIL, run_s=12.5), JobRecord("mac", Verdict.UNAVAILABLE)),
        wall_s=60,
    )
    other = RunRecord(origin("c", branch=None), Verdict.PASS, ())
    text = render_open_metrics([old, new, other], [], [], []).decode()
    check_grammar(text)
    assert 'nanna_ci_job_run_seconds{branch="main",job="unit"} 12.5 1795824300\n' in text
    assert 'nanna_ci_run_passed{branch="main"} 0 1795824300\nnanna_ci_run_passed 1 1795824000\n' in text
    assert 'job="mac"' not in text
    assert "queue" not in text
    assert " 9.0 " not in text


def test_tests_coverage_and_benchmarks_are_in_the_units_of_their_names():
    here = origin("a", branch=None)
    benchmarks = (
        BenchmarkValue("fold", Metric.TIME, "ns", 1500.0),
        BenchmarkValue("fold", Metric.INSTRUCTIONS, "instructions", 7.0),
        BenchmarkValue("odd", Metric.TIME, "furlongs", 1.0),
    )
    text = render_open_metrics(
        [],
        [RunTests(here, (JobTests("unit", passed=3, failed=0, flaky=1, skipped=0),))],
        [CoverageRecord(here, None, (CrateCoverage("app", 1, 4), CrateCoverage("empty", 0, 0)))],
        [BenchmarkRecord(here, Segment(None, None, None), benchmarks)],
    ).decode()
    check_grammar(text)
    assert 'nanna_ci_tests{job="unit",status="flaky"} 1 ' in text
    assert 'nanna_ci_line_coverage_ratio{crate="app"} 0.25 ' in text
    assert 'nanna_ci_benchmark_seconds{benchmark="fold"} 1.5' in text
    assert "empty" not in text
    assert "odd" not in text


def test_a_label_cannot_end_its_quotes_or_its_line():
    run = RunRecord(origin("a", branch='x"} 1\n# EOF\\'), Verdict.PASS, ())
    text = render_open_metrics([run], [], [], []).decode()
    check_grammar(text)
    assert text.count("\n# EOF\n") == 1


def test_an_empty_history_is_an_exposition_too():
    assert render_open_metrics([], [], [], []) == b"# EOF\n"
