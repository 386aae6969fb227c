"""A job's result survives its file, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, decide_verdict, parse_result, render_result, verdict_line

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def results(draw: st.DrawFn) -> JobResult:
    verdict = draw(st.sampled_from(Verdict))
    passed = verdict is Verdict.PASS
    return JobResult(
        id=draw(TEXT),
        verdict=verdict,
        seconds=draw(st.none() | st.integers(0, 10**9).map(lambda number: number / 1000)),
        state=draw(st.sampled_from(JobState) if passed else st.none() | st.sampled_from(JobState)),
        reason=draw(st.none() | TEXT if passed else TEXT.filter(bool)),
        evidence=draw(st.dictionaries(TEXT, JSON, max_size=4)),
        failing_tests=tuple(draw(st.lists(TEXT, max_size=4))),
        log_tail=tuple(draw(st.lists(TEXT, max_size=4))),
        reproduce=draw(st.none() | TEXT),
    )


@given(results())
def test_a_result_comes_back_from_its_file(result: JobResult) -> None:
    data = render_result(result)
    assert parse_result(data, "result.json") == result
    assert render_result(parse_result(data, "result.json")) == data


@given(results(), JSON, st.data())
def test_a_changed_file_is_read_or_refused_and_nothing_else(result: JobResult, value: Any, data: st.DataObject) -> None:
    body = json.loads(render_result(result))
    body[data.draw(st.sampled_from(sorted(body)))] = value
    try:
        parsed = parse_result(json.dumps(body).encode(), "result.json")
    except MalformedData:
        return
    assert json.loads(render_result(parsed)) == body


@given(st.lists(st.sampled_from(Verdict), max_size=6), st.booleans())
def test_a_failure_more_never_mends_a_run(verdicts: list[Verdict], strict: bool) -> None:
    some = [
        JobResult(f"job-{number}", verdict, state=JobState.RAN, reason="because")
        for number, verdict in enumerate(verdicts)
    ]
    worse = [*some, JobResult("more", Verdict.FAIL, reason="it failed")]
    assert decide_verdict(worse, strict=strict) is Verdict.FAIL
    assert verdict_line(worse, strict=strict).startswith("fail: ")
