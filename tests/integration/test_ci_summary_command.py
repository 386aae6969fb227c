"""`ci-summary` as the workflow calls it: over artifacts as they are downloaded, on a Python without any package."""

from __future__ import annotations

import datetime
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from nanna_ci.foundation.errors import Interrupted
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import JobRecord, RunIdentity, RunRecord
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.pipeline.job_plan import Event, matrix_entries, plan_jobs
from nanna_ci.pipeline.results import JobResult, JobState, no_answer, render_result
from support.json_schemas import check

ROOT = Path(__file__).parents[2]
ENTRIES = matrix_entries(plan_jobs(load_pipeline(ROOT / "pipeline.toml"), Event.PUSH))
STEADY, SKIPPABLE = "unit-x86_64-linux-stable", "unit-x86_64-linux-nightly"
MATRIX = {"include": [entry for entry in ENTRIES if entry["id"] in {STEADY, SKIPPABLE}]}
PASSED = JobResult(STEADY, Verdict.PASS, 1.0, JobState.BUILT, evidence={"tests": {"passed": 3}})
NIGHTLY = replace(PASSED, id=SKIPPABLE)
# what the workflow itself hands over
(WORDS,) = re.findall(
    r"-m nanna_ci (ci-summary .*)",
    (ROOT / ".github/workflows/pipeline.yml").read_text().replace("\\\n", " "),
)
OPTIONAL = re.findall(r"--optional (\S+)", WORDS)
NEEDS = WORDS.split(f"--optional {OPTIONAL[-1]} ")[1].split()
SUCCESS = dict.fromkeys(NEEDS, "success")


@dataclass(frozen=True)
class Answer:
    """What a call of `ci-summary` gave: its JSON, {} if it could not say, and what stood on stderr."""

    code: int
    body: dict[str, Any]
    err: str

    @property
    def bad(self) -> list[str]:
        """The jobs that are not as they should be, and each fault of no job."""
        jobs = [f"{job['id']}: {job['standing']}" for job in self.body["jobs"] if not job["isGood"]]
        needs = [f"{need['name']}: {need['result']}" for need in self.body["needs"] if not need["isGood"]]
        return [*needs, *jobs, *self.body["problems"]]


def keep(folder: Path, results: Sequence[JobResult | tuple[str, JobResult]]) -> None:
    """A result is in the artifact of its own job, or in that of the job that is named before it."""
    for one in results:
        artifact, result = one if isinstance(one, tuple) else (one.id, one)
        job = next(
            job
            for within in (".nanna-ci/jobs", "subject/.nanna-ci/jobs")
            if not (job := folder / "results" / f"job-{artifact}" / within / result.id).exists()
        )
        job.mkdir(parents=True)
        (job / "result.json").write_bytes(render_result(result))


def environment(needs: dict[str, str], matrix: Any) -> dict[str, str]:
    return {
        "NEEDS": json.dumps({name: {"result": result, "outputs": {}} for name, result in needs.items()}),
        "MATRIX": matrix if isinstance(matrix, str) else json.dumps(matrix),
    }


def run(folder: Path, *flags: str, **environ: str) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    code = main(["ci-summary", *flags, "--format", "json"], Ports(environ=environ, stdout=out, stderr=err, cwd=folder))
    body = json.loads(out.getvalue())
    return Answer(code, check(body) if "jobs" in body else {}, err.getvalue())


def summary(
    folder: Path,
    needs: dict[str, str],
    results: Sequence[JobResult | tuple[str, JobResult]],
    matrix: Any = MATRIX,
    flags: Sequence[str] = (),
) -> Answer:
    keep(folder, results)
    return run(folder, *flags, "--results", "results", "--event", "push", *NEEDS, **environment(needs, matrix))


def failed(job: str) -> JobResult:
    return JobResult(job, Verdict.FAIL, 1.0, JobState.BUILT, reason="1 test failed")


def unavailable(job: str) -> JobResult:
    return JobResult(job, Verdict.UNAVAILABLE, reason="no nightly today")


def test_an_optional_job_may_be_skipped_and_must_not_fail(tmp_path: Path) -> None:
    passed = [PASSED, NIGHTLY]
    keep(tmp_path, passed)
    for result, code in (("skipped", 0), ("success", 0), ("failure", 1), ("cancelled", 1), ("", 1)):
        needs = SUCCESS | {"benchmark": result}
        assert summary(tmp_path, needs, (), flags=["--optional", "benchmark"]).code == code, result
    assert summary(tmp_path, SUCCESS | {"benchmark": "skipped"}, ()).bad == ["benchmark: skipped"]


def test_a_stage_may_be_skipped_only_where_the_plan_has_no_job_for_it(tmp_path: Path) -> None:
    keep(tmp_path, [PASSED, NIGHTLY])
    for need, result, bad in (
        ("build-containers", "skipped", []),
        ("build-containers", "failure", ["build-containers: failure"]),
        ("test-matrix", "skipped", ["test-matrix: skipped"]),
        ("plan", "skipped", ["plan: skipped"]),
    ):
        assert summary(tmp_path, SUCCESS | {need: result}, ()).bad == bad
    older = {"include": [{key: entry[key] for key in ("id", "jobs", "skips")} for entry in MATRIX["include"]]}
    answer = summary(tmp_path, SUCCESS | {"build-containers": "skipped"}, (), older)
    assert answer.bad == ["build-containers: skipped"], "a plan that does not say where its jobs run excuses nobody"


def test_the_tests_of_a_run_are_recorded_for_its_history(tmp_path: Path) -> None:
    keep(tmp_path, [PASSED, NIGHTLY])
    junit = (
        '<testsuites><testsuite name="demo"><testcase name="a" classname="demo" time="0.5"/></testsuite></testsuites>'
    )
    (place,) = tmp_path.glob(f"results/job-{STEADY}/**/result.json")
    (place.parent / "junit.xml").write_text(junit)
    counted = replace(PASSED, evidence={"tests": {"passed": 1}})
    place.write_bytes(render_result(counted))
    flags = ("--results", "results", "--record", "new", *NEEDS)
    run(tmp_path, *flags, **environment(SUCCESS, MATRIX))
    assert not (tmp_path / "new").exists(), "a run on nobody's GitHub has no name"
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_EVENT_NAME": "push"}
    run(tmp_path, *flags, "--dry-run", **environment(SUCCESS, MATRIX), **runner)
    assert not (tmp_path / "new").exists()
    assert run(tmp_path, *flags, **environment(SUCCESS, MATRIX), **runner).code == 0
    (record,) = HistoryFolder(tmp_path / "new").read_tests()
    assert (record.origin.run, [(one.job, one.passed) for one in record.jobs]) == ("github-7-1", [(STEADY, 1)])


# --- as the workflow runs it ----------------------------------------------------------------------------------------


def as_the_workflow_does(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The step of the workflow, on a Python that finds no package but ours (-S)."""
    (folder / "texts").mkdir(exist_ok=True)
    for name in ("summary.md", "outputs.txt"):
        (folder / name).touch()
    of_runner = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "scripts"),
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "outputs.txt"),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "me/mine",
        "GITHUB_RUN_ID": "7",
    }
    argv = [sys.executable, "-S", "-m", "nanna_ci", *WORDS.split()]
    return subprocess.run(
        argv, cwd=folder, env=of_runner | environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_step_of_the_workflow_passes_a_run_that_passed(tmp_path: Path) -> None:
    keep(tmp_path, [PASSED, NIGHTLY])
    done = as_the_workflow_does(tmp_path, environment(SUCCESS, MATRIX))
    assert (done.returncode, done.stderr) == (0, "")
    assert "verdict<<" in (tmp_path / "outputs.txt").read_text()
    assert "\npass\n" in (tmp_path / "outputs.txt").read_text()
    assert (tmp_path / "summary.md").read_text().startswith("# CI summary\n\n> ✔ pass: 2 passed")
    assert json.loads((tmp_path / "texts/alerts.json").read_text()) == {"schemaVersion": 1, "alerts": []}
    assert json.loads((tmp_path / "texts/badge.json").read_text())["message"] == "passing"


def test_the_step_of_the_workflow_fails_a_cancelled_run_and_says_so_everywhere(tmp_path: Path) -> None:
    needs = SUCCESS | {"test-matrix": "cancelled", "pipeline-tests": "cancelled"}
    keep(tmp_path, [PASSED])
    done = as_the_workflow_does(tmp_path, environment(needs, MATRIX))
    assert done.returncode == 1
    assert (
        "::error title=CI summary::fail: test-matrix was cancelled; pipeline-tests was cancelled; 1 absent"
        in done.stderr
    )
    assert "\nfail\n" in (tmp_path / "outputs.txt").read_text()
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("# CI summary\n\n> ✘ fail: test-matrix was cancelled")
    assert "https&#58;//github.com/me/mine/actions/runs/7/attempts/1" in text
    (alert,) = json.loads((tmp_path / "texts/alerts.json").read_text())["alerts"]
    assert (alert["key"], alert["title"]) == ("ci-failed-push", "CI fails on push")
    assert (tmp_path / "texts/comment.md").read_text().startswith("<!-- nanna-ci: ci-summary -->\n\n[The run](https://")


# --- the rule, over real files --------------------------------------------------------------------------------------


def test_a_run_passes_in_which_all_passed(tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS, [PASSED, NIGHTLY])
    assert (answer.code, answer.bad, answer.err) == (0, [], "")
    assert answer.body["verdict"] == "pass"


def test_flaky_tests_are_named_with_their_tries(tmp_path: Path) -> None:
    keep(tmp_path, [replace(PASSED, evidence={"tests": {"flaky": 1}}), NIGHTLY])
    (tmp_path / f"results/job-{STEADY}/.nanna-ci/jobs/{STEADY}/junit.xml").write_text(
        '<testsuite name="demo"><testcase name="net"><flakyFailure/><flakyFailure/></testcase></testsuite>'
    )
    answer = summary(tmp_path, SUCCESS, [])
    assert answer.code == 0
    assert answer.body["jobs"][0]["flakyTests"] == [{"name": "demo net", "attempts": 3}]


def test_a_declared_skip_passes(tmp_path: Path) -> None:
    assert summary(tmp_path, SUCCESS, [PASSED, unavailable(SKIPPABLE)]).code == 0


@pytest.mark.parametrize("need", NEEDS)
@pytest.mark.parametrize("result", ["failure", "cancelled", "neutral", ""])
def test_any_other_end_of_a_need_fails(need: str, result: str, tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS | {need: result}, [PASSED, NIGHTLY])
    assert (answer.code, answer.bad) == (1, [f"{need}: {result}"])


@pytest.mark.parametrize("need", NEEDS)
def test_an_absent_need_fails(need: str, tmp_path: Path) -> None:
    needs = {name: result for name, result in SUCCESS.items() if name != need}
    answer = summary(tmp_path, needs, [PASSED, NIGHTLY])
    assert (answer.code, answer.bad) == (1, [f"{need}: absent"])


def test_a_bad_end_of_an_undeclared_need_fails(tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS | {"extra": "skipped"}, [PASSED, NIGHTLY])
    assert (answer.code, answer.bad) == (1, ["extra: skipped"])


@pytest.mark.parametrize(
    ("results", "complaint"),
    [
        ([PASSED], f"{SKIPPABLE}: absent"),
        ([PASSED, failed(SKIPPABLE)], f"{SKIPPABLE}: failed"),
        ([unavailable(STEADY), NIGHTLY], f"{STEADY}: could not run"),
        ([PASSED, no_answer(SKIPPABLE, "no space")], f"{SKIPPABLE}: no answer"),
        ([PASSED, failed(STEADY), NIGHTLY], f"{STEADY}: failed"),
        ([replace(PASSED, evidence={}), NIGHTLY], f"{STEADY}: no test ran"),
    ],
)
def test_a_planned_job_that_did_not_pass_wherever_it_ran_fails(
    results: list[JobResult], complaint: str, tmp_path: Path
) -> None:
    answer = summary(tmp_path, SUCCESS, results)
    assert (answer.code, answer.bad) == (1, [complaint])


def test_what_a_job_needs_must_have_passed_on_every_machine_that_ran_it(tmp_path: Path) -> None:
    def entry(*jobs: str) -> dict[str, object]:
        return {"id": jobs[-1], "jobs": list(jobs), "skips": []}

    matrix = {"include": [MATRIX["include"][0], entry("image-a", "test-a"), entry("image-a", "image-b", "test-b")]}
    places = [("test-a", "image-a"), ("test-a", "test-a")]
    places += [("test-b", "image-a"), ("test-b", "image-b"), ("test-b", "test-b")]
    passed: list[Any] = [PASSED, *((artifact, replace(PASSED, id=job)) for artifact, job in places)]
    assert matrix["include"][0]["id"] == STEADY
    assert summary(tmp_path / "all", SUCCESS, passed, matrix).code == 0
    assert summary(tmp_path / "absent", SUCCESS, [*passed[:4], passed[5]], matrix).bad == ["image-b: absent"]
    other = [*passed[:3], ("test-b", failed("image-a")), *passed[4:]]
    assert summary(tmp_path / "failed", SUCCESS, other, matrix).bad == ["image-a: failed"]


def test_a_scan_that_could_not_run_passes_only_where_that_is_declared(tmp_path: Path) -> None:
    scanned: dict[str, Any] = {"id": "test-a", "jobs": ["image-a", "test-a", "scan-a"], "skips": ["scan-a"]}
    matrix = {"include": [MATRIX["include"][0], scanned]}
    ran: list[Any] = [PASSED, *(("test-a", replace(PASSED, id=job)) for job in ("image-a", "test-a"))]
    assert summary(tmp_path / "skip", SUCCESS, [*ran, ("test-a", unavailable("scan-a"))], matrix).code == 0
    assert summary(tmp_path / "fail", SUCCESS, [*ran, ("test-a", failed("scan-a"))], matrix).bad == ["scan-a: failed"]
    scanned["skips"] = []
    undeclared = summary(tmp_path / "all", SUCCESS, [*ran, ("test-a", unavailable("scan-a"))], matrix)
    assert undeclared.bad == ["scan-a: could not run"]
    scanned["skips"] = ["scan-a"]
    other = [*ran[:2], ("test-a", unavailable("test-a")), ("test-a", replace(PASSED, id="scan-a"))]
    assert summary(tmp_path / "main", SUCCESS, other, matrix).bad == ["test-a: could not run"]


def test_a_result_in_another_jobs_artifact_does_not_count_and_is_named(tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS, [(STEADY, NIGHTLY), PASSED])
    assert answer.bad == [f"{SKIPPABLE}: absent"]
    assert answer.body["unplanned"] == [f"{SKIPPABLE} in the artifact of {STEADY}: pass"]


def test_a_result_under_another_jobs_name_fails(tmp_path: Path) -> None:
    place = tmp_path / "results" / f"job-{SKIPPABLE}" / ".nanna-ci/jobs" / SKIPPABLE
    place.mkdir(parents=True)
    (place / "result.json").write_bytes(render_result(PASSED))
    answer = summary(tmp_path, SUCCESS, [PASSED])
    assert (answer.code, answer.bad) == (1, [f"{SKIPPABLE}: unreadable"])


@pytest.mark.parametrize("put", [os.mkfifo, lambda place: place.symlink_to("/dev/zero"), Path.mkdir])
def test_it_does_not_hang_on_a_result_that_is_not_a_file(put: Callable[[Path], None], tmp_path: Path) -> None:
    place = tmp_path / "results" / f"job-{SKIPPABLE}" / ".nanna-ci/jobs" / SKIPPABLE
    place.mkdir(parents=True)
    put(place / "result.json")
    assert summary(tmp_path, SUCCESS, [PASSED]).bad == [f"{SKIPPABLE}: unreadable"]


def test_an_entry_without_jobs_fails(tmp_path: Path) -> None:
    matrix = {"include": [*MATRIX["include"], {"id": "unit-x", "jobs": [], "skips": []}]}
    assert summary(tmp_path, SUCCESS, [PASSED, NIGHTLY], matrix).bad == ["unit-x is not among its own jobs"]


@pytest.mark.parametrize("matrix", ["", " \n", {"include": []}])
def test_a_run_for_which_nothing_was_planned_fails(matrix: Any, tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS, [PASSED, NIGHTLY], matrix)
    assert (answer.code, answer.bad) == (1, ["the plan has no jobs"])


def test_without_any_artifact_every_job_is_absent(tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS, [])
    assert answer.bad == [f"{STEADY}: absent", f"{SKIPPABLE}: absent", "no test of the workspace ran"]


# --- files in place of variables, and what is wrong with either -----------------------------------------------------


def test_a_local_run_is_held_against_the_plan_of_its_event(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(
        '[workspace]\nname = "demo"\nbinaries = ["demo"]\n[[test]]\nkind = "unit"\nrunners = ["ubuntu-24.04"]\n'
    )
    plan = ["plan", "--format", "json", "--output", "plan.json", "--event"]
    assert main([*plan, "pull_request"], Ports(environ={}, cwd=tmp_path)) == 0
    (tmp_path / "needs.json").write_text('{"plan": {"result": "success", "outputs": {}}}')
    jobs = [job["id"] for job in json.loads((tmp_path / "plan.json").read_text())["jobs"]]
    for job in jobs:
        folder = tmp_path / "run/jobs" / job
        folder.mkdir(parents=True)
        (folder / "result.json").write_bytes(render_result(replace(PASSED, id=job)))
    flags = ["--needs", "needs.json", "--plan", "plan.json", "--results", "run"]
    answer = run(tmp_path, *flags)
    assert (answer.code, answer.body["event"], len(answer.body["jobs"])) == (0, "pull_request", len(jobs))
    other = run(tmp_path, *flags, "--event", "release")
    assert (other.code, other.bad) == (1, ["the plan is for the event pull_request, and this is release"])


@pytest.mark.parametrize(
    ("environ", "code", "message"),
    [
        ({"MATRIX": ""}, 2, "neither --needs nor $NEEDS is given"),
        ({"NEEDS": "{}"}, 2, "neither --plan nor $MATRIX is given"),
        ({"NEEDS": "{}", "MATRIX": '{"include": []}'}, 2, "the event is not known"),
        ({"NEEDS": "", "MATRIX": ""}, 4, "$NEEDS: line 1 column 1"),
        ({"NEEDS": "[]", "MATRIX": ""}, 4, "$NEEDS: the file is an array, not an object"),
        ({"NEEDS": '{"plan": "success"}', "MATRIX": ""}, 4, "$NEEDS: plan is 'success', not an object"),
        ({"NEEDS": "{}", "MATRIX": "{}"}, 4, "$MATRIX: neither a matrix"),
        ({"NEEDS": "{}", "MATRIX": '{"include": [{"id": "a"}]}'}, 4, "$MATRIX: include[0].jobs is 'null'"),
        ({"NEEDS": "{}", "MATRIX": '{"include": [{"id": 1, "jobs": [], "skips": []}]}'}, 4, "include[0].id is '1'"),
        ({"NEEDS": "{}", "MATRIX": '{"command": "plan", "event": "push", "jobs": [{"id": "a"}]}'}, 4, "skippable"),
    ],
)
def test_bad_input_is_refused_in_a_line(environ: dict[str, str], code: int, message: str, tmp_path: Path) -> None:
    answer = run(tmp_path, "--results", ".", **environ)
    assert answer.code == code
    assert message in answer.err


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    answer = run(tmp_path, "--results", ".", "--needs", "none.json", MATRIX="")
    assert (answer.code, answer.err) == (2, "nanna-ci: error: --needs none.json: No such file or directory\n")


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    keep(tmp_path, [PASSED, NIGHTLY])
    flags = ["--results", "results", "--event", "push", "--dry-run", "--comment", "c", "--alert", "a", "--badge", "b"]
    assert run(tmp_path, *flags, *NEEDS, **environment(SUCCESS, MATRIX)).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_budgets_are_compared_with_a_history_that_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_bytes((ROOT / "pipeline.toml").read_bytes())
    origin = RunIdentity("github-1-1", "push", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    record = RunRecord(origin, Verdict.PASS, (JobRecord("image-a", Verdict.PASS, "built", run_s=2.0),))
    HistoryFolder(tmp_path / "history").append(record)
    before = (tmp_path / "history/runs.jsonl").read_bytes()
    keep(tmp_path, [PASSED, replace(PASSED, id="image-a")])
    matrix = {"include": [{"id": job, "jobs": [job], "skips": []} for job in (STEADY, "image-a")]}
    flags = ["--results", "results", "--event", "push", "--history", "history", *NEEDS]
    answer = run(tmp_path, *flags, **environment(SUCCESS, matrix))
    (image,) = [one for one in answer.body["budgets"] if one["subject"] == "image-a"]
    assert (answer.code, image["value"], image["trend"], image["verdict"]) == (0, 1.0, -0.5, "pass")
    assert (tmp_path / "history/runs.jsonl").read_bytes() == before
    (tmp_path / "history/runs.jsonl").write_bytes(before + b"{}\n")
    corrupt = run(tmp_path, *flags, **environment(SUCCESS, matrix))
    assert corrupt.code == 0
    assert "runs.jsonl, line 2" in corrupt.body["unread"][0]


def test_a_history_on_a_branch_that_cannot_be_fetched_costs_the_trends_alone(tmp_path: Path) -> None:
    keep(tmp_path, [PASSED, NIGHTLY])
    flags = ["--results", "results", "--event", "push", *NEEDS, "--history"]
    lost = run(tmp_path, *flags, "branch:ci-history", **environment(SUCCESS, MATRIX))
    assert lost.code == 0
    assert lost.body["unread"][0].startswith("no trends: ")
    wrong = run(tmp_path, *flags, "branch:..", **environment(SUCCESS, MATRIX))
    assert wrong.code == 2


def test_a_signal_while_the_history_is_read_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: HistoryFolder) -> list[RunRecord]:
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(HistoryFolder, "read_runs", interrupted)
    flags = ["--results", "results", "--event", "push", "--history", "history"]
    assert run(tmp_path, *flags, **environment(SUCCESS, MATRIX)).code == 130


def test_without_a_pipeline_there_are_no_budgets_and_the_answer_stands(tmp_path: Path) -> None:
    answer = summary(tmp_path, SUCCESS, [PASSED, NIGHTLY])
    assert (answer.code, answer.body["budgets"]) == (0, None)


def test_a_pull_request_raises_no_alert(tmp_path: Path) -> None:
    flags = ["--results", "results", "--event", "pull_request", "--alert", "alerts.json"]
    assert run(tmp_path, *flags, **environment(SUCCESS, MATRIX)).code == 1
    assert json.loads((tmp_path / "alerts.json").read_text())["alerts"] == []


@pytest.mark.parametrize(("ref", "event"), [("refs/tags/v1.2.3", "release"), ("refs/heads/main", "push")])
def test_the_alert_of_a_tag_that_was_pushed_is_one_of_a_release(tmp_path: Path, ref: str, event: str) -> None:
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": ref}
    run(tmp_path, "--results", "results", "--alert", "alerts.json", **environment(SUCCESS, MATRIX), **runner)
    assert [one["key"] for one in json.loads((tmp_path / "alerts.json").read_text())["alerts"]] == [
        f"ci-failed-{event}"
    ]


def test_under_strict_a_budget_that_nobody_measured_or_that_is_exceeded_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_bytes((ROOT / "pipeline.toml").read_bytes())
    answer = summary(tmp_path, SUCCESS, [PASSED, NIGHTLY], flags=("--strict",))
    assert answer.code == 1
    assert "budget not kept: size of the cache: n/a, limit at most 50.0 GB" in answer.bad
    assert not [one for one in answer.bad if "machines at once" in one], "two are within thirty"
    loose = tmp_path / "loose"
    loose.mkdir()
    assert summary(loose, SUCCESS, [PASSED, NIGHTLY]).code == 0


def test_under_strict_a_check_without_a_pipeline_to_take_budgets_from_fails(tmp_path: Path) -> None:
    flags = ("--strict", "--config", str(tmp_path / "none.toml"))
    answer = summary(tmp_path, SUCCESS, [PASSED, NIGHTLY], flags=flags)
    assert answer.code == 1
    assert [one for one in answer.bad if one.startswith("no budgets: ")]
