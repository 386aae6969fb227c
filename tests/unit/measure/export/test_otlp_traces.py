from __future__ import annotations

import datetime
import json
import re
from dataclasses import replace
from typing import Any

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.export.otlp_traces import render_otlp
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord, StepTime

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
STEPS = (StepTime("build", 7.0), StepTime("test", 3.0))
RUN = RunRecord(
    RunIdentity("github-1-1", "push", STARTED, "a" * 40, "main"),
    Verdict.FAIL,
    (
        JobRecord("unit", Verdict.PASS, queue_s=2.0, run_s=10.0, steps=STEPS, begin_s=2.5),
        JobRecord("clippy", Verdict.FAIL, run_s=4.0, begin_s=0.0),
        JobRecord("fmt", Verdict.PASS, run_s=1.0),
        JobRecord("mac", Verdict.UNAVAILABLE),
    ),
    wall_s=15.0,
)


def spans_of(run: RunRecord) -> list[dict[str, Any]]:
    (resource,) = json.loads(render_otlp(run))["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    spans: list[dict[str, Any]] = scope["spans"]
    return spans


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}


def test_a_run_is_the_root_its_jobs_are_below_it_and_steps_below_their_job():
    root, unit, build, test, clippy = spans_of(RUN)
    assert [span["name"] for span in (root, unit, build, test, clippy)] == ["push", "unit", "build", "test", "clippy"]
    assert "parentSpanId" not in root
    assert {unit["parentSpanId"], clippy["parentSpanId"]} == {root["spanId"]}
    assert {build["parentSpanId"], test["parentSpanId"]} == {unit["spanId"]}
    assert {span["traceId"] for span in spans_of(RUN)} == {root["traceId"]}
    assert len({span["spanId"] for span in spans_of(RUN)}) == 5


def test_times_are_nanoseconds_as_strings_from_the_runs_start():
    root, unit, build, test, _ = spans_of(RUN)
    start = int(STARTED.timestamp()) * 10**9

    def seconds(span: dict[str, Any]) -> tuple[float, float]:
        return ((int(span["startTimeUnixNano"]) - start) / 1e9, (int(span["endTimeUnixNano"]) - start) / 1e9)

    assert [seconds(span) for span in (root, unit, build, test)] == [(0, 15), (2.5, 12.5), (2.5, 9.5), (9.5, 12.5)]


def test_jobs_without_times_have_no_span_and_are_counted():
    root, *others = spans_of(RUN)
    assert not {"fmt", "mac"} & {span["name"] for span in others}
    assert attributes(root)["nanna_ci.jobs.without_times"] == "2"
    assert attributes(root)["cicd.pipeline.result"] == "failure"


def test_the_status_is_that_of_the_verdict_and_ids_are_hexadecimal():
    root, unit, build, _, clippy = spans_of(RUN)
    assert [span["status"]["code"] for span in (root, unit, build, clippy)] == [2, 1, 0, 2]
    assert re.fullmatch(r"[0-9a-f]{32}", root["traceId"])
    assert re.fullmatch(r"[0-9a-f]{16}", unit["spanId"])


def test_half_a_surrogate_pair_does_not_spoil_the_request():
    job = JobRecord("a\ud800b", Verdict.PASS, run_s=1.0, begin_s=0.0)
    assert spans_of(replace(RUN, jobs=(job,)))[1]["name"] == "a?b"


def test_the_same_run_gives_the_same_bytes_and_another_run_another_trace():
    assert render_otlp(RUN) == render_otlp(RUN)
    other = RunRecord(RunIdentity("github-2-1", "push", STARTED), Verdict.PASS, ())
    assert spans_of(other)[0]["traceId"] != spans_of(RUN)[0]["traceId"]
    assert spans_of(other)[0]["endTimeUnixNano"] == spans_of(other)[0]["startTimeUnixNano"]
