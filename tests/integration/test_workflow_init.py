"""`workflow init` in real git repositories: what it writes, what it leaves alone, and what it refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation import process
from support.checked_workflows import check_folder
from support.fake_adopters import COMMIT, NEXT_COMMIT, REPOSITORY, flake_lock, make_adopter
from support.fake_ports import FakePorts
from support.fake_workspaces import git
from support.json_schemas import check

CI = ".github/workflows/ci.yml"
FILES = [CI, ".github/workflows/ci-post.yml", ".github/workflow.toml"]


@dataclass(frozen=True)
class Answer:
    code: int
    data: Mapping[str, Any]

    @property
    def error(self) -> str:
        return str(self.data["error"]["message"])


def init(folder: Path, *words: str) -> Answer:
    fake = FakePorts(folder, environ={"PATH": os.environ["PATH"], "HOME": str(folder)})
    ports = replace(fake.ports, run=process.run)
    code = main(["workflow", "init", "--format", "json", *words], ports)
    data = json.loads(fake.stdout.getvalue())
    if "error" not in data:
        check(data)
    return Answer(code, data)


def tree(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def adopter(tmp_path: Path) -> Path:
    return make_adopter(tmp_path)


def test_three_files_are_written_and_the_check_finds_nothing_in_them(adopter: Path) -> None:
    before = set(tree(adopter))
    answer = init(adopter)
    assert (answer.code, answer.data["verdict"]) == (0, "pass")
    assert sorted(set(tree(adopter)) - before) == sorted(FILES)
    assert (
        f"uses: {REPOSITORY}/.github/workflows/pipeline.yml@{COMMIT} # unstable-2026-08-03"
        in (adopter / CI).read_text()
    )
    assert answer.data["init"] == {
        "repository": REPOSITORY,
        "commit": COMMIT,
        "version": "unstable-2026-08-03",
        "branch": "main",
        "refused": [],
    }
    assert check_folder(adopter).places == []


def test_a_second_run_changes_nothing(adopter: Path) -> None:
    init(adopter)
    before = tree(adopter)
    again = init(adopter)
    assert (again.code, again.data["changes"], tree(adopter)) == (0, [], before)


def test_a_dry_run_shows_every_difference_and_writes_nothing(adopter: Path) -> None:
    before = tree(adopter)
    answer = init(adopter, "--dry-run")
    assert (answer.code, [one["path"] for one in answer.data["changes"]]) == (0, FILES)
    assert "+name: CI\n" in answer.data["changes"][0]["diff"]
    assert tree(adopter) == before


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_file_with_another_text_is_left_alone_and_no_other_is_written(adopter: Path, words: tuple[str, ...]) -> None:
    (adopter / CI).parent.mkdir(parents=True)
    (adopter / CI).write_text("name: mine\n")
    before = tree(adopter)
    answer = init(adopter, *words)
    assert (answer.code, answer.data["verdict"], answer.data["init"]["refused"]) == (1, "fail", [CI])
    assert "-name: mine\n" in answer.data["changes"][0]["diff"]
    assert tree(adopter) == before


def test_with_force_it_is_written_over_and_keeps_its_mode(adopter: Path) -> None:
    (adopter / CI).parent.mkdir(parents=True)
    (adopter / CI).write_text("name: mine\n")
    (adopter / CI).chmod(0o640)
    assert init(adopter, "--force").code == 0
    assert (adopter / CI).read_text().count("name: CI\n") == 1
    assert (adopter / CI).stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_leaves_everything_as_it_was(
    adopter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(adopter)
    (adopter / "flake.lock").write_text(flake_lock(rev=NEXT_COMMIT))
    before = tree(adopter)
    replace_file, done = os.replace, []

    def fail_at_the_third(source: str, target: Path) -> None:
        done.append(target)
        if len(done) == 3:
            raise OSError(28, "No space left on device")
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_third)
    answer = init(adopter, "--force")
    assert answer.code == 3
    assert "workflow.toml: cannot be written: No space left on device" in answer.error
    assert tree(adopter) == before


def test_an_update_of_the_lock_is_taken_over_with_force(adopter: Path) -> None:
    init(adopter)
    (adopter / "flake.lock").write_text(flake_lock(rev=NEXT_COMMIT))
    assert init(adopter).code == 1
    assert init(adopter, "--force").code == 0
    assert COMMIT not in "".join((adopter / path).read_text() for path in FILES)


def test_the_default_branch_is_that_of_the_remote(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git("init", "--quiet", "--initial-branch=trunk", cwd=origin)
    git("commit", "--quiet", "--allow-empty", "--message=first", cwd=origin)
    git("clone", "--quiet", str(origin), str(clone), cwd=tmp_path)
    (clone / "flake.lock").write_text(flake_lock())
    assert init(clone).data["init"]["branch"] == "trunk"
    assert 'push: {branches: ["trunk"], tags: ["v*"]}' in (clone / CI).read_text()


def test_it_writes_into_the_repositorys_own_folder_from_wherever_it_is_called(adopter: Path) -> None:
    (adopter / "crates").mkdir()
    assert init(adopter / "crates").code == 0
    assert (adopter / CI).exists()


def test_the_input_may_have_another_name(adopter: Path) -> None:
    (adopter / "flake.lock").write_text(flake_lock(name="ci"))
    refused = init(adopter)
    assert (refused.code, "no input 'pipeline'; its inputs: ci" in refused.error) == (2, True)
    assert init(adopter, "--input", "ci").code == 0


@pytest.mark.parametrize(
    ("text", "code", "problem"),
    [
        (None, 2, "it says which commit of the pipeline is run"),
        ("{}", 4, "flake.lock: version 'null' is not 5, 6 or 7"),
        (flake_lock(type="path"), 2, "input pipeline is of type 'path'"),
    ],
)
def test_without_a_lock_that_pins_the_pipeline_nothing_is_written(
    adopter: Path, text: str | None, code: int, problem: str
) -> None:
    (adopter / "flake.lock").unlink() if text is None else (adopter / "flake.lock").write_text(text)
    before = tree(adopter)
    answer = init(adopter)
    assert (answer.code, problem in answer.error) == (code, True), answer.error
    assert tree(adopter) == before


def test_outside_of_a_repository_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flake.lock").write_text(flake_lock())
    answer = init(tmp_path)
    assert (answer.code, "is in no work tree of git" in answer.error) == (2, True)
    assert not (tmp_path / ".github").exists()


@pytest.mark.parametrize("name", [".github", ".github/workflows", CI])
def test_a_link_is_not_followed_out_of_the_repository(adopter: Path, tmp_path_factory: Any, name: str) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (adopter / name).parent.mkdir(parents=True, exist_ok=True)
    (adopter / name).symlink_to(elsewhere)
    answer = init(adopter, "--force")
    assert (answer.code, answer.error) == (2, f"{name} is a link")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(("place", "code"), [(".github", 2), (".github/workflows", 2)])
def test_a_file_where_a_folder_should_be_is_named(adopter: Path, place: str, code: int) -> None:
    (adopter / place).parent.mkdir(parents=True, exist_ok=True)
    (adopter / place).write_text("")
    answer = init(adopter, "--force")
    assert (answer.code, answer.error) == (code, f"{CI}: cannot be read: Not a directory")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["init", "--fix"], "--fix is for workflow check"),
        (["init", "--file", "x"], "--file is for workflow check"),
        (["check", "--force"], "--force is for workflow init"),
        (["check", "--input", "x"], "--input is for workflow init"),
    ],
)
def test_a_flag_of_the_other_action_is_a_usage_error(adopter: Path, words: list[str], problem: str) -> None:
    fake = FakePorts(adopter)
    assert main(["workflow", *words], fake.ports) == 2
    assert problem in fake.stderr.getvalue()
