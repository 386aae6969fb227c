"""`nanna-ci plan` as its user sees it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from nanna_ci.measure.budgets.machine_schedule import AccountPlan
from nanna_ci.usage.plan import ACCOUNTS
from support.fake_recorded_runs import built, github_runs, local_run, write_runs

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "scripts/nanna_ci/schemas/plan.json"


def plan(*flags: str, cwd: Path = ROOT, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(["plan", *flags], Ports(environ=environ or {}, stdout=out, stderr=err, cwd=cwd))
    return code, out.getvalue(), err.getvalue()


def plan_json(*flags: str, cwd: Path = ROOT) -> tuple[int, dict[str, Any]]:
    code, out, _ = plan(*flags, "--format", "json", cwd=cwd)
    answer: dict[str, Any] = json.loads(out)
    return code, answer


def violations(answer: object, folder: Path) -> str:
    """What check-jsonschema has against an answer."""
    program = shutil.which("check-jsonschema")
    assert program is not None, "check-jsonschema is not on PATH: the test environment must have it"
    path = folder / "answer.json"
    path.write_text(json.dumps(answer))
    argv = [program, "--schemafile", str(SCHEMA), str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout if done.returncode else ""


def pipeline_in(folder: Path, text: str) -> Path:
    path = folder / "pipeline.toml"
    path.write_text(text)
    return path


def test_the_table_shows_each_job_with_runner_and_installable() -> None:
    code, out, err = plan()
    assert (code, err) == (0, "")
    line = next(line for line in out.splitlines() if line.startswith("build-aarch64-linux"))
    assert line.split() == [
        "build-aarch64-linux",
        "ubuntu-24.04-arm",
        ".#packages.aarch64-linux.nanna-coder",
        "-",
    ]


def test_the_table_shows_what_a_container_test_runs_and_needs() -> None:
    _, out, _ = plan()
    line = next(line for line in out.splitlines() if line.startswith("container-test-harness-x86_64-linux"))
    assert line.split()[1:] == ["ubuntu-24.04", "container-test", "harness", "image-harness-x86_64-linux"]


def test_json_has_every_job_of_the_event() -> None:
    code, push = plan_json()
    assert (code, push["verdict"], push["event"], len(push["jobs"])) == (0, "pass", "push", 40)
    _, release = plan_json("--event", "release")
    assert {job["channel"] for job in release["jobs"]} == {"stable"}


def test_json_is_as_its_schema_says(tmp_path: Path) -> None:
    _, answer = plan_json()
    assert violations(answer, tmp_path) == ""
    assert "'surprise' was unexpected" in violations({**answer, "surprise": 1}, tmp_path)
    assert "'needs' is a required property" in violations(
        {**answer, "jobs": [{key: value for key, value in answer["jobs"][0].items() if key != "needs"}]}, tmp_path
    )


def test_github_gets_the_matrix_as_an_output(tmp_path: Path) -> None:
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    outputs.touch()
    summary.touch()
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
    code, _, err = plan("--event", "pull_request", "--format", "github", environ=environ)
    assert (code, err) == (0, "")
    lines = outputs.read_text().splitlines()
    given = {begin.partition("<<")[0]: value for begin, value, _ in batched(lines, 3)}
    assert given.pop("cache") == "nanna-coder"
    entries = json.loads(given.pop("matrix"))["include"]
    parts = {name: json.loads(value)["include"] for name, value in given.items()}
    assert sorted(parts) == ["build_matrix", "container_matrix", "test_matrix"]
    assert [entry for part in ("test_matrix", "build_matrix", "container_matrix") for entry in parts[part]] == entries
    jobs = plan_json("--event", "pull_request")[1]["jobs"]
    assert {job for entry in entries for job in entry["jobs"]} == {job["id"] for job in jobs}
    assert "build-aarch64-darwin" in summary.read_text()


def test_a_stage_without_jobs_has_no_matrix_that_github_would_refuse(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.touch()
    pipeline_in(tmp_path, '[workspace]\nname = "x"\n')
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(outputs)}
    assert plan("--format", "github", cwd=tmp_path, environ=environ)[0] == 0
    given = {begin.partition("<<")[0]: value for begin, value, _ in batched(outputs.read_text().splitlines(), 3)}
    assert (given["build_matrix"], given["container_matrix"], given["cache"]) == ("", "", "")
    assert {entry["stage"] for entry in json.loads(given["test_matrix"])["include"]} == {"test-matrix"}


def batched(lines: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(lines[at : at + size]) for at in range(0, len(lines), size)]


def test_a_plan_without_a_job_is_a_fail(tmp_path: Path) -> None:
    pipeline_in(tmp_path, 'test = []\n[workspace]\nname = "x"\n')
    code, answer = plan_json(cwd=tmp_path)
    assert (code, answer["verdict"], answer["jobs"]) == (1, "fail", [])
    code, out, _ = plan(cwd=tmp_path)
    assert code == 1
    assert "No job runs for push" in out


def test_a_plan_over_its_budget_says_so_and_passes(tmp_path: Path) -> None:
    pipeline_in(tmp_path, '[workspace]\nname = "x"\n[budget]\nparallel_jobs = 4\n')
    code, out, _ = plan(cwd=tmp_path)
    assert code == 0
    assert "5 machines at once are over the budget of 4." in out
    pipeline_in(tmp_path, '[workspace]\nname = "x"\n[budget]\nparallel_jobs = 5\n')
    assert "over the budget" not in plan(cwd=tmp_path)[1]


def history_in(folder: Path, *, runs: int = 20, seconds: float = 100.0) -> str:
    """A history of runs on GitHub in which every job of this repository's plan was built."""
    jobs = [job["id"] for job in plan_json()[1]["jobs"]]
    write_runs(folder / "history", github_runs(*[dict.fromkeys(jobs, seconds)] * runs))
    return str(folder / "history")


def test_a_forecast_follows_the_plan_and_is_as_its_schema_says(tmp_path: Path) -> None:
    history = history_in(tmp_path)
    code, answer = plan_json("--forecast", "--history", history)
    forecast = answer["forecast"]
    # 30 machines, of which 6 have macOS: with 20 and 5 at once, some wait for others
    assert (code, forecast["verdict"], forecast["seconds"], forecast["machinesAtOnce"]) == (0, "pass", 220, 20)
    assert (forecast["source"], forecast["runs"], forecast["unmeasured"]) == ("github", 20, [])
    assert violations(answer, tmp_path) == ""
    assert "'surprise' was unexpected" in violations({**answer, "forecast": {**forecast, "surprise": 1}}, tmp_path)
    _, answer = plan_json("--forecast", "--history", history, "--account", "enterprise")
    assert (answer["forecast"]["seconds"], answer["forecast"]["machinesAtOnce"]) == (110, 30)
    code, out, err = plan("--forecast", "--history", history)
    assert (code, err) == (0, "")
    assert "A run takes about 3 min 40 s" in out.splitlines()[out.splitlines().index("Forecast") + 3]


def test_a_forecast_over_the_budget_warns_and_the_plan_passes(tmp_path: Path) -> None:
    history = history_in(tmp_path, seconds=800.0)
    code, answer = plan_json("--forecast", "--history", history)
    assert (code, answer["verdict"], answer["forecast"]["verdict"]) == (0, "pass", "fail")
    assert "over the budget of 20 min 00 s" in plan("--forecast", "--history", history)[1]


def test_without_history_there_is_no_forecast_but_the_plan(tmp_path: Path) -> None:
    config = pipeline_in(tmp_path, '[workspace]\nname = "x"\n')
    code, answer = plan_json("--forecast", cwd=tmp_path)
    assert (code, answer["forecast"]["seconds"], answer["forecast"]["verdict"]) == (0, None, "unavailable")
    assert len(answer["forecast"]["unmeasured"]) == 5
    assert violations(answer, tmp_path) == ""
    assert "No forecast: no run is recorded in .nanna-ci/history." in plan("--forecast", cwd=tmp_path)[1]
    assert plan_json("--config", str(config))[1]["forecast"] is None


def test_runs_of_other_workspaces_do_not_count(tmp_path: Path) -> None:
    pipeline_in(tmp_path, '[workspace]\nname = "x"\n')
    runs = [local_run(number, [built("unit-x86_64-linux-stable", 60.0 + number)]) for number in range(3)]
    here, other, unnamed = (
        replace(run, origin=replace(run.origin, workspace=workspace))
        for run, workspace in zip(runs, (str(tmp_path), "/elsewhere", None), strict=True)
    )
    write_runs(tmp_path / ".nanna-ci/history", [here, other, unnamed])
    forecast = plan_json("--forecast", cwd=tmp_path)[1]["forecast"]
    assert (forecast["source"], forecast["runs"], forecast["seconds"]) == ("local", 2, 61)


def test_flags_of_the_forecast_without_it_are_a_usage_error(tmp_path: Path) -> None:
    for flags in (("--history", str(tmp_path)), ("--account", "team")):
        code, out, err = plan(*flags)
        assert (code, out) == (2, "")
        assert "add --forecast" in err
    code, _, err = plan("--forecast", "--history", "branch:..")
    assert (code, "names no branch" in err) == (2, True)


def test_a_broken_history_is_refused_with_file_and_line(tmp_path: Path) -> None:
    history = history_in(tmp_path, runs=2)
    with Path(history, "runs.jsonl").open("ab") as file:
        file.write(b"{}\n")
    code, out, err = plan("--forecast", "--history", history)
    assert (code, out) == (4, "")
    assert f"{history}/runs.jsonl, line 3" in err


def test_the_accounts_of_the_flag_are_those_with_limits() -> None:
    assert tuple(ACCOUNTS) == tuple(AccountPlan)


def test_config_comes_from_the_flag_then_the_environment_then_the_folder(tmp_path: Path) -> None:
    other = pipeline_in(tmp_path, '[workspace]\nname = "x"\n')
    assert len(plan_json("--config", str(other))[1]["jobs"]) == 5
    code, out, _ = plan("--format", "json", environ={"NANNA_CI_CONFIG": str(other)})
    assert (code, len(json.loads(out)["jobs"])) == (0, 5)


def test_a_mistake_in_the_file_is_a_usage_error_with_place_and_hint(tmp_path: Path) -> None:
    path = pipeline_in(tmp_path, '[workspace]\nnam = "x"\n')
    code, out, err = plan(cwd=tmp_path)
    assert (code, out) == (2, "")
    assert err == f'nanna-ci: error: {path}: workspace.nam: unknown key\nhint: did you mean "name"?\n'


def test_an_unknown_event_is_a_usage_error() -> None:
    code, _, err = plan("--event", "deployment")
    assert code == 2
    assert "deployment" in err
