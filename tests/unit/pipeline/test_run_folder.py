"""The run folder: whole files, growing logs, runs that do not collide."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import NannaError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline import run_folder
from nanna_ci.pipeline.results import JobResult, JobState, parse_result
from nanna_ci.pipeline.run_folder import JobFolder, RunFolder, create_run_folder, ensure_base
from support.planted_secrets import SHAPED

NOW = 1_700_000_000.0
PASSED = JobResult("unit", Verdict.PASS, 1.0, JobState.BUILT)


def create(cwd: Path, pid: int = 7) -> RunFolder:
    return create_run_folder(cwd, now=NOW, pid=pid)


def test_a_run_has_its_time_and_process_in_its_name_and_stays_out_of_git(tmp_path: Path) -> None:
    folder = create(tmp_path)
    assert folder.path == tmp_path / ".nanna-ci/runs/20231114T221320Z-7"
    assert (tmp_path / ".nanna-ci/.gitignore").read_text() == "*\n"


def test_a_gitignore_that_is_there_already_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".nanna-ci").mkdir()
    (tmp_path / ".nanna-ci/.gitignore").write_text("mine\n")
    ensure_base(tmp_path)
    assert (tmp_path / ".nanna-ci/.gitignore").read_text() == "mine\n"


def test_runs_of_one_process_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    paths = {create(tmp_path).path for _ in range(5)}
    assert len(paths) == 5
    assert all(path.is_dir() for path in paths)


def test_latest_is_the_last_run_that_finished(tmp_path: Path) -> None:
    first, second = create(tmp_path, 1), create(tmp_path, 2)
    second.finish([("result.json", b"second")])
    assert (tmp_path / ".nanna-ci/latest/result.json").read_bytes() == b"second"
    first.finish([("result.json", b"first")])
    assert (tmp_path / ".nanna-ci/latest/result.json").read_bytes() == b"first"
    assert sorted(path.name for path in (tmp_path / ".nanna-ci").iterdir()) == [".gitignore", "latest", "runs"]


def test_many_runs_at_once_leave_a_whole_link_and_whole_files(tmp_path: Path) -> None:
    def run(pid: int) -> None:
        folder = create(tmp_path, pid)
        folder.job("unit").log(f"run {pid}")
        folder.job("unit").finish(PASSED)
        folder.finish([("result.json", str(pid).encode())])

    threads = [threading.Thread(target=run, args=(pid,)) for pid in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = sorted((tmp_path / ".nanna-ci/runs").iterdir())
    assert len(runs) == 12
    latest = (tmp_path / ".nanna-ci/latest").resolve()
    assert latest in runs
    for path in runs:
        pid = path.name.rpartition("-")[2]
        assert (path / "result.json").read_text() == pid
        assert (path / "jobs/unit/log.txt").read_text() == f"run {pid}\n"


def test_a_jobs_folder_has_its_result_and_its_log(tmp_path: Path) -> None:
    job = create(tmp_path).job("unit")
    assert not job.has_log
    job.log("one")
    job.log("two \u2713 \udcff")
    assert job.log_lines() == ["one", "two \u2713 ?"]
    job.finish(PASSED)
    assert parse_result((job.path / "result.json").read_bytes(), "result.json") == PASSED
    assert sorted(path.name for path in job.path.iterdir()) == ["log.txt", "result.json"]


def test_only_the_end_of_a_long_log_is_read_and_no_half_line(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    for number in range(1000):
        job.log(f"line {number}")
    lines = job.log_lines(limit_bytes=25)
    assert lines == ["line 998", "line 999"]
    job.close()


def test_what_an_earlier_run_left_in_the_folder_is_cleared(tmp_path: Path) -> None:
    for name in ("log.txt", "junit.xml", "result.json", "notes.md"):
        (tmp_path / name).write_text("old")
    JobFolder(tmp_path).clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".nanna-ci").write_text("a file")
    with pytest.raises(NannaError, match=r"\.nanna-ci: ") as caught:
        create(tmp_path)
    assert caught.value.exit_code == 3


def test_a_full_disk_leaves_the_last_run_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path, 1).finish([("result.json", b"old")])

    def full(path: Path, data: bytes, *, mode: int = 0o644) -> None:
        raise NannaError(f"{path}: cannot be written: No space left on device")

    second = create(tmp_path, 2)
    monkeypatch.setattr(run_folder, "write_atomic", full)
    with pytest.raises(NannaError, match="No space left"):
        second.finish([("result.json", b"new")])
    assert (tmp_path / ".nanna-ci/latest/result.json").read_bytes() == b"old"


def test_a_log_has_no_secret_before_the_job_has_ended(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "unit")
    job.log(f"it is {SHAPED['JWT']}")
    assert job.log_lines() == ["it is [redacted]"]
    job.close()
