from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.forge.github_api import Page
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.history.record_lines import parse_record, render_record
from nanna_ci.measure.history.records import RunRecord, Series
from nanna_ci.measure.metrics.github_runs import parse_runs, record_of_run
from support.stand_in_github_api import job_body, run_body

TIMES = st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='seconds')}Z")
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(allow_nan=False), st.text(max_size=8), TIMES
)
ODD = VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=3), VALUES, max_size=2)


def odd(body: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The body with a few keys changed to anything, or left out."""
    changes = st.dictionaries(st.sampled_from(sorted(body)), ODD, max_size=2)
    without = st.sets(st.sampled_from(sorted(body)), max_size=1)
    return st.tuples(changes, without).map(
        lambda drawn: {key: value for key, value in (body | drawn[0]).items() if key not in drawn[1]}
    )


@given(odd(run_body(1)), st.lists(odd(job_body("unit")), max_size=3))
def test_any_answer_is_refused_or_gives_a_record_whose_times_make_sense(
    run: dict[str, Any], jobs: list[dict[str, Any]]
):
    try:
        heads = list(parse_runs(Page({"workflow_runs": [run]}, "runs", None, None)))
        records = [record_of_run(head, jobs, "jobs") for head in heads]
    except MalformedData:
        return
    for record in records:
        assert parse_record(Series.RUNS, render_record(record), "line") == record
        assert len(record.jobs) == len(jobs)
        assert all(
            value is None or value >= 0 for job in record.jobs for value in (job.queue_s, job.run_s, job.begin_s)
        )


@given(st.lists(st.tuples(TIMES, TIMES, TIMES), max_size=4))
def test_a_record_of_github_is_read_back_as_it_was(stamps: list[tuple[str, str, str]]):
    (head,) = parse_runs(Page({"workflow_runs": [run_body(1)]}, "runs", None, None))
    jobs = [
        job_body(f"job {at}", created_at=created, started_at=started, completed_at=completed)
        for at, (created, started, completed) in enumerate(stamps)
    ]
    record = record_of_run(head, jobs, "jobs")
    again = parse_record(Series.RUNS, render_record(record), "line")
    assert isinstance(again, RunRecord)
    assert again == record
