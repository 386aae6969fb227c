"""The page of one run."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest

from nanna_ci.dashboard.run_page import LOG_BYTES, read_run, run_document
from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.redact import learn
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.run_report import RunReport
from nanna_ci.report.blocks import Code, Details, Paragraph, Timeline
from support.fake_run import RESULTS, write_fake_run

LOG = f"jobs/{RESULTS[1].id}/log.txt"


@pytest.fixture
def folder(tmp_path):
    write_fake_run(tmp_path / "run")
    return tmp_path / "run"


def logs(folder):
    return [block for block in run_document(read_run(folder), folder, {}).blocks if isinstance(block, Details)]


def test_a_run_is_read_as_it_was_written(folder):
    report = read_run(folder)
    assert report.results == RESULTS
    assert (report.verdict, report.event, report.seconds) == (Verdict.FAIL, "push", 75.0)


def test_the_log_of_what_failed_is_folded_and_of_nothing_else(folder):
    (folder / "jobs" / RESULTS[0].id / "log.txt").write_text("a pass")
    (log,) = logs(folder)
    assert log.summary == f"Log of {RESULTS[1].id}: all of it"
    assert isinstance(log.blocks[0], Code)
    assert log.blocks[0].text.endswith("line 399 of the log\nassertion failed: 2 + 2 == 5")


def test_a_long_log_is_cut_at_a_line_and_says_where_the_rest_is(folder):
    line = "x" * 99 + "\n"
    (folder / LOG).write_text(line * 10_000 + "the end\n")
    (log,) = logs(folder)
    text, more = log.blocks
    assert isinstance(text, Code)
    assert isinstance(more, Paragraph)
    assert len(text.text) <= LOG_BYTES
    assert set(text.text.split("\n")) == {"x" * 99, "the end"}
    assert re.fullmatch(r"Log of .*: the last 262\.\d kB of 1\.0 MB", log.summary)
    assert str(folder / LOG) in more.text


def test_the_logs_of_many_failures_stay_within_their_limit_and_name_what_is_left_out(tmp_path):
    results = tuple(replace(RESULTS[1], id=f"unit-{number}") for number in range(12))
    for result in results:
        (tmp_path / "jobs" / result.id).mkdir(parents=True)
        (tmp_path / "jobs" / result.id / "log.txt").write_text("a line of nineteen\n" * 20_000)
    report = RunReport("push", results, 1.0, strict=False, interrupted=False, folder=str(tmp_path))
    blocks = run_document(report, tmp_path, {}).blocks
    shown = [block for block in blocks if isinstance(block, Details)]
    assert len(shown) in {8, 9}
    assert sum(len(one.blocks[0].text) for one in shown if isinstance(one.blocks[0], Code)) <= 2 * 1024 * 1024
    assert isinstance(blocks[-1], Paragraph)
    assert blocks[-1].text.startswith("Too long for this page: the logs of unit-")
    assert "unit-11" in blocks[-1].text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_log_that_is_no_file_is_left_out(folder):
    (folder / LOG).unlink()
    os.mkfifo(folder / LOG)
    assert logs(folder) == []
    (folder / LOG).unlink()
    (folder / LOG).symlink_to("/etc/passwd")
    assert logs(folder) == []


def test_a_secret_in_a_log_that_somebody_else_wrote_is_taken_out(folder):
    learn(["s3cretPassw0rdOfThis"])
    (folder / LOG).write_text("login s3cretPassw0rdOfThis\n")
    assert "s3cret" not in str(logs(folder))


def test_the_timeline_has_the_jobs_with_times(folder):
    blocks = run_document(read_run(folder), folder, {RESULTS[1].id: (RESULTS[0].id,)}).blocks
    (timeline,) = [block for block in blocks if isinstance(block, Timeline)]
    assert [span.name for span in timeline.spans] == [RESULTS[0].id, RESULTS[1].id]
    assert timeline.end_s == 73.75


def test_a_folder_without_a_run_is_told_apart_from_a_broken_one(folder, tmp_path):
    with pytest.raises(UsageError, match=r"holds no result\.json"):
        read_run(tmp_path)
    (folder / "jobs" / RESULTS[0].id / "result.json").unlink()
    with pytest.raises(UsageError, match=r"holds no jobs"):
        read_run(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"command": "plan"},
        {"jobs": [{"id": "../../etc"}]},
        {"jobs": [{"id": ".."}]},
        {"jobs": [{}]},
        {"jobs": {"id": "a"}},
        {"seconds": None},
        {"seconds": True},
        {"event": 1},
    ],
)
def test_a_result_that_ci_would_not_have_written_is_refused(folder, change):
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MalformedData):
        read_run(folder)
