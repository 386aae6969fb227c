"""What `ci` keeps of a run, beside what the command's own tests show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import CommandFailed, Interrupted, NannaError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.jobs.run_history import remember_run
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import CrateCoverage
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.pipeline.results import JobResult, JobState
from nanna_ci.pipeline.run_folder import create_run_folder
from nanna_ci.pipeline.run_report import RunReport
from support.fake_ports import FakePorts

COVERAGE = "coverage-x86_64-linux-stable"


def coverage_result(output: Path) -> JobResult:
    evidence = {"outputs": {"out": {"path": str(output)}}, "lineCoveragePercent": 50.0}
    return JobResult(COVERAGE, Verdict.PASS, 1.0, JobState.BUILT, evidence=evidence)


NO_GIT = CommandFailed(("git",), 128, "fatal: not a git repository")


def remember(tmp_path: Path, *results: JobResult, git: NannaError = NO_GIT) -> HistoryFolder:
    (tmp_path / "pipeline.toml").write_text('[workspace]\nname = "w"\n')
    fake = FakePorts(tmp_path)
    fake.run.script("git", error=git)
    context = fake.context()
    folder = create_run_folder(tmp_path, now=0, pid=1)
    report = RunReport("push", results, 2.0, strict=False, interrupted=False, folder=str(folder.path))
    memory = remember_run(report, (), load_pipeline(tmp_path / "pipeline.toml"), folder, context)
    assert memory.problem is None
    return HistoryFolder(folder.base / "history")


def test_the_figures_of_a_coverage_job_are_kept_crate_by_crate(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "lcov.info").write_text("SF:/source/app/src/lib.rs\nDA:1,1\nDA:2,0\nend_of_record\n")
    crates = {"schemaVersion": 1, "workspace": "", "crates": [{"name": "app", "folder": "app"}]}
    (output / "crates.json").write_text(json.dumps(crates | {"tool": None, "rust": None}))
    history = remember(tmp_path, coverage_result(output))
    (record,) = history.read_coverage()
    assert record.crates == (CrateCoverage("app", 1, 2),)
    assert record.origin == history.read_runs()[0].origin


def test_a_run_without_coverage_keeps_none(tmp_path: Path) -> None:
    history = remember(tmp_path, JobResult("fmt", Verdict.PASS, 1.0, JobState.BUILT))
    assert (len(history.read_runs()), history.read_coverage(), history.read_tests()) == (1, [], [])


def test_a_signal_while_a_run_is_kept_ends_the_command(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        remember(tmp_path, git=Interrupted(2))
