from __future__ import annotations

import datetime

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord
from nanna_ci.measure.metrics.run_changes import changes_between, changes_blocks, changes_to_json
from nanna_ci.report.blocks import Paragraph, Table

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def run(minute: int, **jobs: Verdict | float) -> RunRecord:
    """A run: a job by its verdict, or by its seconds if it was built and passed."""
    records = tuple(
        JobRecord(name, value) if isinstance(value, Verdict) else JobRecord(name, Verdict.PASS, "built", run_s=value)
        for name, value in jobs.items()
    )
    started = STARTED + datetime.timedelta(minutes=minute)
    return RunRecord(RunIdentity(f"run-{minute}", "local", started), Verdict.PASS, records)


def test_failures_fixes_and_times_are_found_by_job():
    before = run(0, a=Verdict.PASS, b=Verdict.FAIL, c=Verdict.UNAVAILABLE, d=10.0, e=20.0, f=1.0, g=Verdict.PASS)
    now = run(5, a=Verdict.ERROR, b=Verdict.PASS, c=Verdict.FAIL, d=16.0, e=8.0, f=5.0, h=Verdict.FAIL)
    changes = changes_between(before, now)
    assert changes_to_json(changes) == {
        "lastRun": "run-0",
        "newFailures": ["a", "c"],
        "fixed": ["b"],
        "slower": [{"id": "d", "beforeSeconds": 10.0, "seconds": 16.0}],
        "faster": [{"id": "e", "beforeSeconds": 20.0, "seconds": 8.0}],
        "added": ["h"],
        "removed": ["g"],
    }
    assert changes.line == (
        "since the last run, 5 min 00 s before: 2 new failures (a, c), 1 fixed (b), 1 slower (d), 1 faster (e), "
        "1 added (h), 1 gone (g)"
    )
    (_, table) = changes_blocks(changes)
    assert isinstance(table, Table)
    assert [cell.text for cell in table.rows[3]] == ["d", "slower", "10 s", "16 s"]


def test_a_job_that_still_fails_or_takes_half_as_long_again_in_seconds_is_no_change():
    changes = changes_between(run(0, a=Verdict.FAIL, b=2.0, c=100.0), run(1, a=Verdict.ERROR, b=6.9, c=149.0))
    assert changes.line == "since the last run, 1 min 00 s before: nothing changed"
    assert list(changes_blocks(changes))[1:] == [Paragraph("Nothing changed.")]


def test_the_time_of_an_output_that_was_there_before_is_not_compared():
    present = RunRecord(
        RunIdentity("x", "local", STARTED), Verdict.PASS, (JobRecord("a", Verdict.PASS, "present", run_s=0.1),)
    )
    assert not changes_between(present, run(1, a=300.0)).slower
    assert not changes_between(run(1, a=300.0), present).faster
