"""A record survives its line, and a history survives any order of writers."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.foundation.visible_text import visible
from nanna_ci.measure.history.record_lines import parse_record, render_record, series_of
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    CrateCoverage,
    FlakyTest,
    JobRecord,
    JobTests,
    Metric,
    Record,
    RunIdentity,
    RunRecord,
    RunTests,
    Segment,
    Series,
    StepTime,
    TimedTest,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(visible)
SECONDS = st.integers(0, 10**7).map(lambda thousandths: thousandths / 1000)
COUNT = st.integers(0, 10**12)
RATE = st.floats(0, 1)
ORIGINS = st.builds(
    RunIdentity,
    run=TEXT,
    event=TEXT,
    started=st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2100, 1, 1)).map(  # noqa: DTZ001
        lambda moment: moment.replace(microsecond=0, tzinfo=datetime.UTC)
    ),
    commit=st.none() | st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    branch=st.none() | TEXT,
    workspace=st.none() | TEXT,
    url=st.none() | st.from_regex(r"https?://[a-z0-9./?&=-]+", fullmatch=True),
)
JOBS = st.builds(
    JobRecord,
    TEXT,
    st.sampled_from(Verdict),
    st.none() | TEXT,
    st.none() | TEXT,
    st.none() | SECONDS,
    st.none() | SECONDS,
    st.none() | RATE,
    st.none() | COUNT,
    st.none() | COUNT,
    st.lists(st.builds(StepTime, TEXT, SECONDS), max_size=3).map(tuple),
    st.none() | SECONDS,
)
TESTS = st.builds(
    JobTests,
    TEXT,
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    st.lists(st.builds(FlakyTest, TEXT, st.integers(2, 9)), max_size=2).map(tuple),
    st.lists(st.builds(TimedTest, TEXT, SECONDS), max_size=2).map(tuple),
)
CRATES = st.builds(lambda name, covered, more: CrateCoverage(name, covered, covered + more), TEXT, COUNT, COUNT)
VALUE = st.floats(1e-9, 1e12)
BENCHMARKS = st.builds(BenchmarkValue, TEXT, st.sampled_from(Metric), TEXT, VALUE, st.none() | VALUE, st.none() | VALUE)
SEGMENTS = st.builds(Segment, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        RunRecord,
        ORIGINS,
        st.sampled_from(Verdict),
        st.lists(JOBS, max_size=3).map(tuple),
        st.none() | SECONDS,
        st.none() | RATE,
        st.none() | COUNT,
    ),
    st.builds(RunTests, ORIGINS, st.lists(TESTS, max_size=3).map(tuple)),
    st.builds(CoverageRecord, ORIGINS, st.none() | TEXT, st.lists(CRATES, max_size=3).map(tuple)),
    st.builds(BenchmarkRecord, ORIGINS, SEGMENTS, st.lists(BENCHMARKS, max_size=3).map(tuple)),
)


@given(RECORDS)
def test_a_record_survives_its_line(record: Record) -> None:
    line = render_record(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse_record(series_of(record), line, "here") == record


@given(RECORDS, st.data())
def test_a_part_of_a_line_is_refused(record: Record, data: st.DataObject) -> None:
    line = render_record(record).rstrip(b"\n")
    cut = data.draw(st.integers(0, len(line) - 1))
    try:
        parse_record(series_of(record), line[:cut], "here")
    except MalformedData:
        return
    raise AssertionError("a part of a line was read")


@given(st.binary(max_size=80), st.sampled_from(Series))
def test_whatever_is_no_record_is_malformed_and_nothing_else(line: bytes, series: Series) -> None:
    try:
        parse_record(series, line, "here")
    except MalformedData:
        return
    raise AssertionError("it was read")
