from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nanna_ci
from nanna_ci.foundation.errors import MalformedData, NannaError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import CoverageRecord, CrateCoverage, RunIdentity, RunRecord

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)


def run(name: str, verdict: Verdict = Verdict.PASS) -> RunRecord:
    return RunRecord(RunIdentity(name, "push", STARTED), verdict, ())


def test_a_history_that_is_not_there_is_empty(tmp_path: Path):
    history = HistoryFolder(tmp_path / "none")
    assert history.read_runs() == history.read_tests() == history.read_coverage() == history.read_benchmarks() == []
    assert not (tmp_path / "none").exists()


def test_records_come_back_in_the_order_in_which_they_were_added(tmp_path: Path):
    history = HistoryFolder(tmp_path / "made/for it")
    coverage = CoverageRecord(run("a").origin, "cargo-llvm-cov 0.9.1", (CrateCoverage("a", 1, 2),))
    assert [history.append(record) for record in (run("b"), run("a"), coverage)] == [True] * 3
    assert [record.origin.run for record in history.read_runs()] == ["b", "a"]
    assert history.read_coverage() == [coverage]


def test_the_same_record_again_changes_nothing_and_another_of_that_run_is_refused(tmp_path: Path):
    history = HistoryFolder(tmp_path)
    history.append(run("a"))
    history.append(run("b"))
    before = (tmp_path / "runs.jsonl").read_bytes()
    assert not history.append(run("a"))
    with pytest.raises(MalformedData, match=r"runs\.jsonl, line 1: a is recorded already, with other figures"):
        history.append(run("a", Verdict.FAIL))
    assert (tmp_path / "runs.jsonl").read_bytes() == before


def test_several_records_are_added_together_or_none_of_a_series(tmp_path: Path):
    history = HistoryFolder(tmp_path)
    history.append(run("a"))
    coverage = CoverageRecord(run("b").origin, None, ())
    assert history.append_all([run("a"), run("b"), coverage, run("c"), run("c")]) == 3
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(MalformedData, match="b is recorded already"):
        history.append_all([run("d"), run("b", Verdict.FAIL)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert [record.origin.run for record in history.read_runs()] == ["a", "b", "c"]


def test_a_record_that_could_not_be_read_again_is_never_written(tmp_path: Path):
    wrong = RunRecord(RunIdentity("a", "push", STARTED, commit="main"), Verdict.PASS, ())
    with pytest.raises(MalformedData, match="commit is 'main'"):
        HistoryFolder(tmp_path).append(wrong)
    assert HistoryFolder(tmp_path).read_runs() == []


@pytest.mark.parametrize("bad", [b"{", b"", b"[]", b'{"schemaVersion":1}', b"\xff", b"null"])
def test_a_line_that_cannot_be_read_is_refused_by_its_number(tmp_path: Path, bad: bytes):
    history = HistoryFolder(tmp_path)
    history.append(run("a"))
    path = tmp_path / "runs.jsonl"
    path.write_bytes(path.read_bytes() + bad + b"\n")
    history.append(run("b"))
    with pytest.raises(MalformedData, match=r"runs\.jsonl, line 2: ") as caught:
        history.read_runs()
    assert "mend or remove that line by hand" in str(caught.value.hint)


def test_nothing_is_added_to_a_line_that_was_cut_off(tmp_path: Path):
    history = HistoryFolder(tmp_path)
    history.append(run("a"))
    path = tmp_path / "runs.jsonl"
    path.write_bytes(path.read_bytes() + b'{"schemaVersion":1,"ru')
    before = path.read_bytes()
    for action in (history.read_runs, lambda: history.append(run("b"))):
        with pytest.raises(MalformedData, match=r"line 2: it is cut off"):
            action()
    assert path.read_bytes() == before


def test_a_series_that_cannot_be_written_is_as_it_was(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NannaError, match="cannot be opened"):
        HistoryFolder(tmp_path / "file").append(run("a"))


WRITER = """
import datetime, sys
from pathlib import Path
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import RunIdentity, RunRecord
started = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
for number in range(int(sys.argv[3])):
    identity = RunIdentity(f"{sys.argv[2]}-{number}", "push", started)
    HistoryFolder(Path(sys.argv[1])).append(RunRecord(identity, Verdict.PASS, ()))
    print(number, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    environ = os.environ | {"PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, env=environ)


def test_two_writers_at_once_lose_nothing_and_a_killed_one_leaves_whole_lines(tmp_path: Path):
    with writer(tmp_path, "killed", 100_000) as killed, writer(tmp_path, "steady", 60) as steady:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"0\n"
        steady.communicate(timeout=60)
        killed.kill()
        killed.communicate(timeout=60)
    names = [record.origin.run for record in HistoryFolder(tmp_path).read_runs()]
    assert [name for name in names if name.startswith("steady")] == [f"steady-{number}" for number in range(60)]
    others = [name for name in names if name.startswith("killed")]
    assert others
    assert others == [f"killed-{number}" for number in range(len(others))]
    assert HistoryFolder(tmp_path).append(run("after"))
