from __future__ import annotations

import datetime
import json

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.record_lines import parse_record, render_record
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord, Series

STARTED = datetime.datetime(2026, 11, 28, 19, 34, 23, tzinfo=datetime.UTC)
RUN = RunRecord(
    RunIdentity("github-7-1", "push", STARTED, "a" * 40, "main", "https://github.com/o/r/actions/runs/7"),
    Verdict.PASS,
    (JobRecord("unit", Verdict.PASS, state="built", run_s=1.5),),
    wall_s=60,
)


def changed(**values: object) -> bytes:
    return json.dumps(json.loads(render_record(RUN)) | values).encode()


def test_a_run_is_one_short_line_without_what_was_not_measured():
    assert render_record(RUN) == (
        b'{"schemaVersion":1,"run":"github-7-1","event":"push","started":"2026-11-28T19:34:23Z","commit":"'
        + b"a" * 40
        + b'","branch":"main","url":"https://github.com/o/r/actions/runs/7","verdict":"pass","wallSeconds":60,'
        b'"jobs":[{"id":"unit","verdict":"pass","state":"built","runSeconds":1.5}]}\n'
    )


def test_what_was_not_measured_is_none_and_not_zero():
    record = parse_record(Series.RUNS, render_record(RUN), "here")
    assert isinstance(record, RunRecord)
    (job,) = record.jobs
    assert (job.queue_s, job.cache_hit_rate, job.artifact_bytes) == (None, None, None)


def test_a_name_that_controls_a_terminal_is_written_as_an_escape():
    line = render_record(RunRecord(RunIdentity("r", "push", STARTED, branch="a\x1b[2J\u202eb"), Verdict.PASS, ()))
    assert b"\x1b" not in line
    assert parse_record(Series.RUNS, line, "here").origin.branch not in {None, "a\x1b[2J\u202eb"}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"schemaVersion": 2}, "schemaVersion is 2, only 1 is known"),
        ({"run": ""}, "run is '', not text"),
        ({"run": None}, "run is missing"),
        ({"started": "yesterday"}, "started is 'yesterday', not a time"),
        ({"started": "2026-11-28T19:34:23"}, "not a time such as"),
        ({"commit": "abc"}, "not a full hash"),
        ({"url": "javascript:alert(1)"}, "not an http or https address"),
        ({"branch": "a\u202eb"}, "branch is"),
        ({"verdict": "green"}, "not one of pass, fail, unavailable, error"),
        ({"wallSeconds": -1}, "not a number of 0 or more"),
        ({"wallSeconds": "60"}, "not a number of 0 or more"),
        ({"wallSeconds": True}, "not a number of 0 or more"),
        ({"cacheHitRate": 1.01}, "not a share of 0 to 1"),
        ({"cacheBytes": 1.5}, "not a whole number"),
        ({"jobs": {}}, "jobs is an object, not an array"),
        (
            {"jobs": [{"id": "a", "verdict": "pass", "runSecond": 1}]},
            "an unknown key; its keys are id, verdict, runSecond",
        ),
        ({"color": "red"}, "an unknown key; its keys are"),
    ],
)
def test_a_line_that_we_would_not_write_is_refused_with_its_place(values: dict[str, object], problem: str):
    with pytest.raises(MalformedData, match=r"^runs\.jsonl, line 3: ") as caught:
        parse_record(Series.RUNS, changed(**values), "runs.jsonl, line 3")
    assert problem.replace("'", "") in str(caught.value).replace('"', "").replace("'", "")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(number: str):
    line = render_record(RUN).replace(b'"wallSeconds":60', b'"wallSeconds":' + number.encode())
    with pytest.raises(MalformedData):
        parse_record(Series.RUNS, line, "here")


def test_a_key_that_comes_twice_is_refused():
    with pytest.raises(MalformedData, match="twice"):
        parse_record(Series.RUNS, render_record(RUN).replace(b'"event"', b'"run":"x","event"'), "here")


def test_a_benchmark_of_nothing_and_coverage_beyond_all_lines_are_refused():
    head = b'{"schemaVersion":1,"run":"r","event":"push","started":"2026-11-28T19:34:23Z",'
    benchmark = b'"segment":{},"benchmarks":[{"name":"a","metric":"time","unit":"ns","value":0}]}'
    with pytest.raises(MalformedData, match=r"value is .0., not more than 0"):
        parse_record(Series.BENCHMARKS, head + benchmark, "here")
    with pytest.raises(MalformedData, match="3 lines covered of 2"):
        parse_record(Series.COVERAGE, head + b'"crates":[{"name":"a","coveredLines":3,"lines":2}]}', "here")


@pytest.mark.parametrize(
    "steps",
    [
        "null, 1",
        '{"name": "Build"}',
        '{"name": "Build", "seconds": -1.5}',
        '{"name": "Build", "seconds": true}',
        '{"name": "Build", "seconds": 1e400}',
        '{"name": 1, "seconds": 1.5}',
        '{"name": "Build", "seconds": 1.5, "more": 1}',
        '{"name": "\\ud800", "seconds": 1.5}',
        '{"name": "a\\u001bb", "seconds": 1.5}',
        '{"name": ["Build"], "seconds": 1.5}',
        "[" * 100 + "]" * 100,
    ],
)
def test_a_step_is_refused_beside_one_of_a_name_that_was_read_before(steps: str):
    good = '{"name": "Build", "seconds": 1.5}'
    body = changed(jobs=["here"]).decode()
    for given in (good, f"{good}, {good}"):
        line = body.replace('"here"', f'{{"id": "unit", "verdict": "pass", "steps": [{given}]}}').encode()
        record = parse_record(Series.RUNS, line, "here")
        assert isinstance(record, RunRecord)
        assert {step.seconds for step in record.jobs[0].steps} == {1.5}
    bad = body.replace('"here"', f'{{"id": "unit", "verdict": "pass", "steps": [{good}, {steps}]}}')
    with pytest.raises(MalformedData):
        parse_record(Series.RUNS, bad.encode(), "here")
