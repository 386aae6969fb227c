"""`bench` with real Criterion programs, which Nix builds for the work tree and for the commit before it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.fake_workspaces import run_command
from support.json_schemas import check

WORKSPACE = Path(__file__).parents[1] / "workspace"
RENDER = "pub fn render(question: &str, documents: &[Document], budget_bytes: usize) -> Result<String, TooLong> {"
THRICE = f"""{RENDER}
    for _ in 0..2 {{
        let _ = std::hint::black_box(rendered(question, documents, budget_bytes));
    }}
    rendered(question, documents, budget_bytes)
}}

{RENDER.replace("pub fn render(", "fn rendered(")}"""


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """tests/workspace in a folder of a repository, as it is in its one commit."""
    folder = tmp_path / "repository" / "below"
    shutil.copytree(WORKSPACE, folder, ignore=shutil.ignore_patterns("target", ".nanna-ci"))
    git(folder.parent, "init", "--quiet")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "--quiet", "--message", "one")
    return folder


def bench(source: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    done = run_command(source, "bench", "--time", "0.05", *words)
    return done, check(json.loads(done.stdout))


def rows(answer: Any, metric: str) -> dict[str, Any]:
    return {row["name"]: row for row in answer["benchmarks"] if row["metric"] == metric}


def test_three_times_the_work_of_the_commit_before_fails_by_time_and_warns_by_instructions(workspace: Path) -> None:
    change(workspace / "prompts/src/lib.rs", RENDER, THRICE)
    done, answer = bench(workspace, "--against", "HEAD")
    assert done.returncode == 1, done.stderr
    assert answer["segment"]["toolchain"].startswith("rustc 1.")
    times, counts = rows(answer, "time"), rows(answer, "instructions")
    assert times.keys() == counts.keys() == {"render/whole", "render/cut"}
    for row in times.values():
        assert (row["verdict"], row["pairs"]) == ("fail", 25), row
        assert 2 < row["median"] < 4
        assert row["low"] > 1
    for row in counts.values():
        assert row["verdict"] == "warn"
        assert 2 < row["median"] < 3.5


def test_a_benchmark_with_another_name_is_known_by_its_instructions_and_one_that_is_gone_fails(workspace: Path) -> None:
    benches = workspace / "prompts/benches/render.rs"
    change(benches, '"whole"', '"everything"')
    done, answer = bench(workspace, "--against", "HEAD", "--filter", "whole|everything")
    assert done.returncode in (0, 1), done.stderr
    assert answer["renamed"] == [{"before": "render/whole", "after": "render/everything"}]
    assert answer["vanished"] == answer["added"] == []
    assert rows(answer, "time").keys() == {"render/everything"}
    change(benches, '"cut"', '"short"')
    done, answer = bench(workspace, "--against", "HEAD", "--filter", "cut")
    assert (done.returncode, answer["vanished"]) == (1, ["render/cut"])


def test_a_ref_that_is_none_is_a_wrong_command_line(workspace: Path) -> None:
    done = run_command(workspace, "bench", "--against", "no-such-branch")
    assert done.returncode == 2
    assert "--against 'no-such-branch' is no commit of" in done.stderr
