"""`nanna-ci plan` as its user sees it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports

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
        "ubuntu-24.04",
        ".#packages.x86_64-linux.nanna-coder-aarch64-linux",
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
    name, value, end = outputs.read_text().splitlines()
    assert name == f"matrix<<{end}"
    entries = json.loads(value)["include"]
    jobs = plan_json("--event", "pull_request")[1]["jobs"]
    assert {job for entry in entries for job in entry["jobs"]} == {job["id"] for job in jobs}
    assert "build-aarch64-darwin" in summary.read_text()


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
    code, _, err = plan("--event", "schedule")
    assert code == 2
    assert "schedule" in err
