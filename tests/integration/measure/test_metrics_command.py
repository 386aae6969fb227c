from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import nanna_ci
from nanna_ci.cli import main
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import (
    CoverageRecord,
    CrateCoverage,
    FlakyTest,
    JobRecord,
    JobTests,
    RunIdentity,
    RunTests,
)
from nanna_ci.pipeline.results import JobResult, JobState, render_result
from support.fake_ports import FakePorts
from support.stand_in_github_api import OWNER_REPO, StandInGithub, answer, stand_in_github

SCHEMA = json.loads((Path(nanna_ci.__file__).parent / "schemas" / "metrics.json").read_text())


@pytest.fixture
def server() -> Iterator[StandInGithub]:
    with stand_in_github() as server:
        yield server


@pytest.fixture
def fake(tmp_path: Path, server: StandInGithub) -> FakePorts:
    return FakePorts(tmp_path, environ={"GITHUB_API_URL": server.api})


def metrics(fake: FakePorts, *words: str) -> tuple[int, Any]:
    """The exit code, and the answer in JSON, held to the schema."""
    fake.stdout.seek(0)
    fake.stdout.truncate()
    code = main(["metrics", *words, "--format", "json"], fake.ports)
    data = json.loads(fake.stdout.getvalue())
    if "error" not in data:
        jsonschema.validate(data, SCHEMA)
    return code, data


def github(fake: FakePorts, *words: str) -> tuple[int, Any]:
    return metrics(fake, "--github", OWNER_REPO, *words)


def runs_in(folder: Path) -> list[str]:
    return [run.origin.run for run in HistoryFolder(folder).read_runs()]


def write_run(folder: Path, *, interrupted: bool = False) -> Path:
    """A run of `ci`, as it leaves its folder."""
    path = folder / ".nanna-ci" / "runs" / "20261128T203542Z-7"
    evidence = {"executables": [{"sizeBytes": 4200}]}
    job = JobResult("build", Verdict.PASS, 2.5, JobState.BUILT, evidence=evidence)
    (path / "jobs" / "build").mkdir(parents=True)
    (path / "jobs" / "build" / "result.json").write_bytes(render_result(job))
    body = {"command": "ci", "event": "push", "seconds": 3.5, "interrupted": interrupted, "jobs": [{"id": "build"}]}
    (path / "result.json").write_text(json.dumps(body))
    (folder / ".nanna-ci" / "latest").symlink_to(Path("runs") / path.name)
    return path


def test_runs_of_github_are_added_oldest_first_and_the_newest_is_shown(fake: FakePorts, server: StandInGithub):
    for number in range(1, 5):
        server.add_run(number, jobs=2)
    code, data = github(fake)
    assert (code, data["verdict"]) == (0, "pass")
    assert runs_in(fake.cwd / ".nanna-ci" / "history") == data["recorded"]
    assert data["recorded"] == [f"github-{number}-1" for number in range(1, 5)]
    assert (data["run"]["run"], data["comparedRuns"], data["known"]) == ("github-4-1", 3, 0)
    assert [(job["id"], job["totalSeconds"], job["usual"]["totalSeconds"]) for job in data["jobs"]] == [
        ("job-0", 40, 40),
        ("job-1", 40, 40),
    ]


def test_only_runs_that_are_not_there_are_asked_for(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    github(fake)
    server.add_run(2)
    server.calls.clear()
    code, data = github(fake)
    assert (code, data["recorded"], data["known"]) == (0, ["github-2-1"], 1)
    assert [call.target.split("?")[0].rpartition("/actions/")[2] for call in server.calls] == [
        "workflows/ci.yml/runs",
        "runs/2/attempts/1/jobs",
    ]


def test_a_list_that_has_not_changed_is_one_request_that_costs_nothing(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    github(fake)
    server.calls.clear()
    code, data = github(fake)
    assert (code, data["recorded"], data["run"]["run"]) == (0, [], "github-1-1")
    (call,) = server.calls
    assert "if-none-match" in call.headers


def test_another_history_gets_the_runs_though_the_list_has_not_changed(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    github(fake)
    assert github(fake, "--history", "other")[1]["recorded"] == ["github-1-1"]
    (fake.cwd / "other" / "runs.jsonl").unlink()
    assert github(fake, "--history", "other")[1]["recorded"] == ["github-1-1"]


def test_a_second_attempt_is_a_run_of_its_own(fake: FakePorts, server: StandInGithub):
    run = server.add_run(1, conclusion="failure")
    github(fake)
    run.body.update(run_attempt=2, conclusion="success", run_started_at="2026-11-28T10:01:01Z")
    assert github(fake)[1]["recorded"] == ["github-1-2"]


def test_a_dry_run_writes_nothing(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    code, data = github(fake, "--dry-run")
    assert (code, data["recorded"], data["dryRun"], data["run"]["run"]) == (0, ["github-1-1"], True, "github-1-1")
    assert list(fake.cwd.iterdir()) == []


def test_what_was_read_before_the_rate_limit_is_kept_and_the_next_time_goes_on(fake: FakePorts, server: StandInGithub):
    for number in range(1, 5):
        server.add_run(number)
    limit = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9999999999"}
    server.fail("/runs/3/", answer(403, {"message": "API rate limit exceeded"}, **limit))
    code, data = github(fake)
    assert (code, data["verdict"], data["recorded"]) == (3, "unavailable", ["github-1-1", "github-2-1"])
    assert data["problem"].startswith("2 of 4 new runs read. 127.0.0.1: the rate limit is used up until")
    code, data = github(fake)
    assert (code, data["recorded"], data["problem"]) == (0, ["github-3-1", "github-4-1"], None)


def test_a_run_that_is_refused_keeps_those_before_it(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    server.add_run(2).jobs[0]["started_at"] = "yesterday"
    code, data = github(fake)
    assert (code, data["recorded"]) == (4, ["github-1-1"])
    assert "started_at is 'yesterday'" in data["problem"]


def test_a_repository_without_finished_runs_has_none(fake: FakePorts, server: StandInGithub):
    server.add_run(1, status="queued", conclusion=None)
    code, data = github(fake)
    assert (code, data["run"], data["recorded"], data["jobs"]) == (0, None, [], [])


def test_newest_bounds_how_many_are_read(fake: FakePorts, server: StandInGithub):
    for number in range(1, 6):
        server.add_run(number)
    assert github(fake, "--newest", "2")[1]["recorded"] == ["github-4-1", "github-5-1"]


def test_a_corrupt_history_is_refused_before_github_is_asked(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    (fake.cwd / "h").mkdir()
    (fake.cwd / "h" / "runs.jsonl").write_bytes(b'{"schemaVersion":1')
    code, data = github(fake, "--history", "h")
    assert code == 4
    assert "runs.jsonl, line 1: it is cut off" in data["error"]["message"]
    assert server.calls == []
    assert (fake.cwd / "h" / "runs.jsonl").read_bytes() == b'{"schemaVersion":1'


def test_a_run_of_ci_is_added_once(fake: FakePorts):
    write_run(fake.cwd)
    code, data = metrics(fake)
    assert (code, data["recorded"]) == (0, ["local-20261128T203542Z-7"])
    assert data["run"]["started"] == "2026-11-28T20:35:42Z"
    (run,) = HistoryFolder(fake.cwd / ".nanna-ci" / "history").read_runs()
    assert run.jobs == (JobRecord("build", Verdict.PASS, "built", run_s=2.5, artifact_bytes=4200),)
    code, data = metrics(fake)
    assert (code, data["recorded"], data["known"]) == (0, [], 1)


def test_a_dry_run_of_a_run_of_ci_writes_nothing(fake: FakePorts):
    write_run(fake.cwd)
    code, data = metrics(fake, "--dry-run")
    assert (code, data["recorded"], data["dryRun"]) == (0, ["local-20261128T203542Z-7"], True)
    assert not (fake.cwd / ".nanna-ci" / "history").exists()


def test_another_history_gets_a_run_as_ci_recorded_it(fake: FakePorts):
    path = write_run(fake.cwd)
    metrics(fake)
    file = fake.cwd / ".nanna-ci" / "history" / "runs.jsonl"
    line = file.read_text().replace('"event":"local"', '"event":"local","commit":"' + "a" * 40 + '"', 1)
    body = json.loads(line)
    file.write_text(json.dumps(body) + "\n")
    assert metrics(fake, "--run", str(path), "--history", "other")[1]["run"]["commit"] == "a" * 40


def test_an_interrupted_run_is_shown_and_not_kept(fake: FakePorts):
    write_run(fake.cwd, interrupted=True)
    code, data = metrics(fake)
    assert (code, data["recorded"]) == (3, [])
    assert "interrupted" in data["problem"]
    assert not (fake.cwd / ".nanna-ci" / "history").exists()


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_open_metrics_have_the_newest_run(fake: FakePorts, server: StandInGithub, words: tuple[str, ...]):
    server.add_run(1)
    assert main(["metrics", "--github", OWNER_REPO, "--format", "openmetrics", *words], fake.ports) == 0
    text = fake.stdout.getvalue()
    assert 'nanna_ci_job_queue_seconds{branch="main",job="job-0"} 10.0 1795860060' in text
    assert text.endswith("# EOF\n")


def test_a_trace_is_that_of_the_run_shown(fake: FakePorts, server: StandInGithub):
    server.add_run(1)
    assert main(["metrics", "--github", OWNER_REPO, "--format", "otlp"], fake.ports) == 0
    (resource,) = json.loads(fake.stdout.getvalue())["resourceSpans"]
    names = [span["name"] for span in resource["scopeSpans"][0]["spans"]]
    assert names == ["push", "job-0", "Set up Nix", "Run the job"]


def test_what_other_jobs_recorded_is_kept_once(fake: FakePorts, server: StandInGithub):
    server.add_run(7)
    origin = RunIdentity("github-7-1", "push", datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC))
    HistoryFolder(fake.cwd / "results/coverage/history").append(
        CoverageRecord(origin, None, (CrateCoverage("a", 1, 2),))
    )
    tests = RunTests(origin, (JobTests("unit", 3, 0, 1, 0, (FlakyTest("shaky", 2),)),))
    HistoryFolder(fake.cwd / "results/summary").append(tests)
    for _ in range(2):
        assert github(fake, "--records", "results")[0] == 0
        kept = HistoryFolder(fake.cwd / ".nanna-ci/history")
        assert [one.line_rate for one in kept.read_coverage()] == [0.5]
        assert kept.read_tests() == [tests]
        assert runs_in(fake.cwd / ".nanna-ci" / "history") == ["github-7-1"]


def test_a_dry_run_keeps_no_record_of_other_jobs(fake: FakePorts, server: StandInGithub):
    server.add_run(7)
    origin = RunIdentity("github-7-1", "push", datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC))
    HistoryFolder(fake.cwd / "results").append(CoverageRecord(origin, None, (CrateCoverage("a", 1, 2),)))
    assert github(fake, "--records", "results", "--dry-run")[1]["recorded"] == ["github-7-1"]
    assert not (fake.cwd / ".nanna-ci").exists()


def test_a_record_that_cannot_be_read_is_named_and_nothing_is_kept(fake: FakePorts):
    (fake.cwd / "results").mkdir()
    (fake.cwd / "results/tests.jsonl").write_text("{}\n")
    code, data = github(fake, "--records", "results")
    assert (code, "tests.jsonl, line 1" in data["error"]["message"]) == (4, True)
    assert not (fake.cwd / ".nanna-ci").exists()


def test_no_run_is_no_trace(fake: FakePorts):
    assert main(["metrics", "--github", OWNER_REPO, "--format", "otlp"], fake.ports) == 3
    assert "there is no run" in fake.stderr.getvalue()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--github", "x"), 2, "is not a repository"),
        (("--github", "nanna/none"), 3, "HTTP 404"),
        (("--github", OWNER_REPO, "--workflow", "x"), 2, "--workflow"),
        (("--github", OWNER_REPO, "--newest", "0"), 2, "--newest"),
        (("--github", OWNER_REPO, "--newest", "²"), 2, "--newest"),
        (("--github", OWNER_REPO, "--run", "x"), 2, "not allowed with"),
        (("--run", "nowhere"), 2, "it holds no result.json"),
        ((), 2, "it holds no result.json"),
    ],
)
def test_bad_input_is_named(fake: FakePorts, words: tuple[str, ...], code: int, said: str):
    assert main(["metrics", *words], fake.ports) == code
    assert said in fake.stderr.getvalue()


def test_an_interrupt_while_github_answers_ends_it_and_writes_nothing(tmp_path: Path, server: StandInGithub):
    server.add_run(1)
    asked, done = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        asked.set()
        done.wait(20)

    server.fail("/runs/1/", wait)
    environ = {**os.environ, "GITHUB_API_URL": server.api, "PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])}
    words = (sys.executable, "-m", "nanna_ci", "metrics", "--github", OWNER_REPO)
    with subprocess.Popen(words, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert asked.wait(20)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    done.set()
    assert process.returncode == 130, stderr.decode()
    assert stderr.endswith(b"nanna-ci: error: interrupted\n")
    assert list(tmp_path.iterdir()) == []
