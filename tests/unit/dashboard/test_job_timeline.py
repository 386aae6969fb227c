"""The critical path of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from nanna_ci.dashboard.job_timeline import timeline_blocks
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord
from nanna_ci.report.blocks import Paragraph, Timeline, Tone


def job(name: str, run_s: float | None, queue_s: float | None = 0.0, verdict: Verdict = Verdict.PASS) -> JobRecord:
    return JobRecord(name, verdict, "built", None, queue_s, run_s)


def timeline(jobs: list[JobRecord], needs: Mapping[str, Sequence[str]] | None = None) -> Timeline:
    found = timeline_blocks(jobs, needs or {}, None)[0]
    assert isinstance(found, Timeline)
    return found


def paragraphs(jobs: list[JobRecord], wall_s: float | None = None) -> str:
    return " ".join(one.text for one in timeline_blocks(jobs, {}, wall_s) if isinstance(one, Paragraph))


def test_a_job_begins_when_all_that_it_needs_is_done():
    found = timeline([job("test", 5, 2), job("build", 30), job("image", 10)], {"test": ("image", "build")})
    begins = {span.name: span.begin_s for span in found.spans}
    assert begins == {"test": 30, "build": 0, "image": 0}
    assert found.end_s == 37


def test_a_job_stands_where_its_begin_was_recorded():
    jobs = [replace(job("test", 5, 2), begin_s=100.0), replace(job("build", 30), begin_s=1.0)]
    found = timeline(jobs, {"test": ("build",)})
    assert {span.name: (span.begin_s, span.wait_s) for span in found.spans} == {"test": (98, 2), "build": (1, 0)}
    assert found.caption == "Critical path: 1 min 45 s"
    assert "if every job" in timeline([jobs[0], job("build", 30)]).caption


def test_the_critical_path_is_the_chain_that_the_end_waited_for():
    needs = {"test": ("image", "build"), "scan": ("image",)}
    found = timeline([job("test", 5), job("build", 30), job("image", 10), job("scan", 24)], needs)
    assert [span.name for span in found.spans if span.critical] == ["build", "test"]
    assert "35 s" in found.caption


def test_needs_in_a_circle_end_the_path_and_not_the_program():
    found = timeline([job("a", 1), job("b", 2)], {"a": ("b",), "b": ("a",)})
    assert {span.name for span in found.spans} == {"a", "b"}


def test_a_long_chain_of_needs_is_followed_to_its_end():
    names = [f"job-{number}" for number in range(200)]
    needs = {after: (before,) for before, after in pairwise(names)}
    assert timeline([job(name, 1) for name in reversed(names)], needs).end_s == 200


def test_jobs_without_times_are_named_and_not_drawn():
    jobs = [job("a", 3), job("b", None), job("c", None, verdict=Verdict.UNAVAILABLE)]
    assert [span.name for span in timeline(jobs).spans] == ["a"]
    assert "No time was measured of b." in paragraphs(jobs)


def test_a_run_without_any_time_has_no_timeline():
    assert not any(isinstance(one, Timeline) for one in timeline_blocks([job("a", None)], {}, 3.0))


def test_what_nobody_measured_is_said_once_or_beside_the_one_job():
    assert "was not measured" in paragraphs([job("a", 3, None), job("b", 3, None)])
    spans = timeline([job("a", 3, None), job("b", 4, 1)]).spans
    assert [span.text for span in spans] == ["waited 1.0 s, ran 4.0 s", "wait n/a, ran 3.0 s"]


def test_time_that_is_no_jobs_is_told_apart():
    assert "The whole run took 1 min 00 s" in paragraphs([job("a", 3)], 60.0)
    assert "whole run" not in paragraphs([job("a", 3)], 3.2)


def test_a_failed_job_is_marked_by_more_than_its_colour():
    (span,) = timeline([job("a", 3, verdict=Verdict.FAIL)]).spans
    assert span.tone is Tone.BAD
    assert span.text.startswith("fail, ")
