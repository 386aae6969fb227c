"""`nanna-ci report` as its user sees it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.context import Ports
from support.fake_history import write_fake_history
from support.fake_run import write_fake_run
from support.json_schemas import check

ROOT = Path(__file__).parents[2]


def report(cwd: Path, *flags: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(["report", *flags], Ports(environ={}, stdout=out, stderr=err, cwd=cwd))
    return code, out.getvalue(), err.getvalue()


def report_json(cwd: Path, *flags: str) -> dict[str, Any]:
    code, out, _ = report(cwd, *flags, "--format", "json")
    assert code == 0
    return check(json.loads(out))


def test_without_flags_a_page_of_this_folders_history_is_written_and_named(tmp_path):
    write_fake_history(tmp_path / ".nanna-ci/history", 3, jobs=2)
    code, out, err = report(tmp_path)
    assert (code, out) == (0, "")
    page = tmp_path / ".nanna-ci/report.html"
    assert err == f"writes {page}\n"
    assert "3 runs since" in page.read_text()


def test_without_a_history_the_page_says_how_to_get_one(tmp_path):
    assert report(tmp_path, "--output", "index.html")[0] == 0
    assert "no run yet" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("runs", [0, 1, 2, 300])
def test_json_has_the_figures_behind_the_charts(tmp_path, runs):
    write_fake_history(tmp_path / "history", runs, jobs=3)
    answer = report_json(tmp_path, "--history", "history")
    assert answer["trends"]["runs"] == runs
    names = [panel["name"] for panel in answer["trends"]["panels"]]
    assert names == (["wall", "jobs", "steps", "hitRate", "sizes", "coverage", "benchmarks"] if runs else [])
    for panel in answer["trends"]["panels"]:
        assert sum(step["runs"] for step in panel["steps"]) == runs
        assert {len(figure["values"]) for figure in panel["figures"]} == {len(panel["steps"])}


def test_budgets_and_needs_are_those_of_the_pipeline_that_is_there(tmp_path):
    write_fake_history(tmp_path / "history", 2, jobs=2)
    assert "Budgets" not in report(tmp_path, "--history", "history", "--format", "text")[1]
    (tmp_path / "pipeline.toml").write_text('[workspace]\nname = "a"\nbinaries = ["a"]\n')
    assert "Budgets" in report(tmp_path, "--history", "history", "--format", "text")[1]


def test_a_broken_pipeline_is_an_error_and_not_as_good_as_none(tmp_path):
    (tmp_path / "pipeline.toml").write_text("[workspace")
    assert report(tmp_path, "--format", "text")[0] == 2


def test_runs_of_another_workspace_are_left_out_and_counted(tmp_path):
    history = tmp_path / "history"
    write_fake_history(history, 3, jobs=2)
    lines = [json.loads(line) for line in (history / "runs.jsonl").read_text().splitlines()]
    lines[0]["workspace"] = "/elsewhere"
    (history / "runs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = report(tmp_path, "--history", "history", "--format", "text")[1]
    assert "2 runs since" in text
    assert "left out, of other workspaces: 1" in text


def test_a_corrupt_line_is_refused_by_its_number_and_nothing_is_written(tmp_path):
    write_fake_history(tmp_path / "history", 3, jobs=2)
    with (tmp_path / "history/runs.jsonl").open("a") as file:
        file.write("{}\n")
    code, _, err = report(tmp_path, "--history", "history", "--output", "page.html")
    assert code == 4
    assert "runs.jsonl, line 4" in err
    assert not (tmp_path / "page.html").exists()


def test_the_page_of_a_run_has_its_failures_and_their_logs(tmp_path):
    write_fake_run(tmp_path / "run")
    assert report(tmp_path, "--run", "run", "--output", "page.html")[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert "line 17 of the log" in page
    assert "harness::adds" not in page  # in a page, no two colons stand together
    assert "adds &lt;b&gt;two&lt;/b&gt; numbers" in page
    answer = report_json(tmp_path, "--run", "run")
    assert [job["verdict"] for job in answer["run"]["jobs"]] == ["pass", "fail", "unavailable"]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--run", "nowhere"), 2, "holds no result.json"),
        (("--history", "nowhere"), 2, "there is no such folder"),
        (("--history", "branch:../x"), 2, "names no branch"),
        (("--history", "a", "--run", "b"), 2, "not allowed with argument"),
        (("--output", "no/such/folder/page.html"), 3, "cannot be written"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path, flags, code, said):
    found, _, err = report(tmp_path, *flags)
    assert found == code
    assert said in err
    assert "Traceback" not in err


def test_the_benchmarks_of_github_action_benchmark_come_before_our_own(tmp_path):
    write_fake_history(tmp_path / "history", 2, jobs=2)
    given = (ROOT / "tests/data/bencher/data.js").read_text()
    kept = json.loads(given[given.index("{") :])
    entries = [entry for entry in kept["entries"]["Rust Benchmark"] if entry["tool"] == "cargo"]
    (tmp_path / "data.js").write_text(f"window.BENCHMARK_DATA = {json.dumps(kept | {'entries': {'one': entries}})}")
    answers = [report_json(tmp_path, "--history", "history", *flags) for flags in ((), ("--data-js", "data.js"))]
    runs = []
    for answer in answers:
        (panel,) = [one for one in answer["trends"]["panels"] if one["name"] == "benchmarks"]
        runs.append(sum(step["runs"] for step in panel["steps"]))
    assert len(entries) > 0
    assert runs[1] - runs[0] == len(entries)
    (tmp_path / "broken.js").write_text("window.BENCHMARK_DATA = {")
    code, _, err = report(tmp_path, "--history", "history", "--data-js", "broken.js")
    assert (code, "broken.js" in err) == (4, True)
