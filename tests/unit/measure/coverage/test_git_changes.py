"""What changed since a commit, by the real git, whatever its configuration says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from nanna_ci.foundation import process
from nanna_ci.foundation.errors import ToolMissing, UsageError
from nanna_ci.measure.coverage.git_changes import GitWorkTree, NoChangesError

ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "it" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class Repository:
    """A git repository with one commit of a few files, in which the workspace is the folder `ws`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("ws/src/lib.rs", *map(str, range(1, 21)))
        self.write("ws/src/moved.rs", *(f"line {number}" for number in range(20)))
        self.write("ws/src/gone.rs", "x")
        self.write("other.rs", "outside of the workspace")
        (folder / "ws" / "picture.png").write_bytes(b"\0\1\2")
        self.commit()
        self.first = self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.folder, env=ENVIRON, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, name: str, *lines: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "it")

    @property
    def tree(self) -> GitWorkTree:
        return GitWorkTree(self.folder / "ws", process.run, {**ENVIRON, "GIT_DIR": "/nowhere"})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_committed_and_uncommitted_lines_count_and_new_files_as_a_whole(repository: Repository) -> None:
    repository.write("ws/src/lib.rs", "new", *map(str, range(1, 21)))
    repository.commit()
    lines = ["new", *map(str, range(1, 21))]
    lines[9] = "altered"
    repository.write("ws/src/lib.rs", *lines)
    repository.write("ws/src/new.rs", "x")
    repository.write("ws/a b'.rs", "x")
    repository.write("other.rs", "changed, and outside of the workspace")
    changed = repository.tree.changed_since(repository.first)
    assert changed.base == repository.first
    assert changed.files == {"src/lib.rs": {1, 10}, "src/new.rs": None, "a b'.rs": None}


def test_renames_deletions_binaries_and_unusual_names_are_followed(repository: Repository) -> None:
    repository.git("mv", "ws/src/moved.rs", "ws/src/here.rs")
    repository.write("ws/src/here.rs", *("altered" if number == 4 else f"line {number}" for number in range(20)))
    (repository.folder / "ws/src/gone.rs").unlink()
    (repository.folder / "ws/picture.png").write_bytes(b"\0\3\4\5")
    repository.write('ws/src/q"\u00e9 \t.rs', "something else")
    repository.commit()
    assert repository.tree.changed_since("HEAD^").files == {"src/here.rs": {5}, 'src/q"\u00e9 \t.rs': {1}}


def test_the_base_is_where_the_branch_left_and_not_what_came_to_it_since(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "fix")
    repository.write("ws/src/lib.rs", *map(str, range(1, 21)), "mine")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.write("ws/src/moved.rs", "theirs")
    repository.commit()
    repository.git("checkout", "--quiet", "fix")
    assert repository.tree.changed_since("main").files == {"src/lib.rs": {21}}


def test_the_users_settings_do_not_change_the_answer(repository: Repository) -> None:
    for name, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.external": "false",
        "diff.interHunkContext": "9",
        "diff.context": "5",
        "color.ui": "always",
        "core.quotePath": "false",
    }.items():
        repository.git("config", name, value)
    lines = list(map(str, range(1, 21)))
    lines[2] = lines[6] = "altered"
    repository.write("ws/src/lib.rs", *lines)
    assert repository.tree.changed_since("HEAD").files == {"src/lib.rs": {3, 7}}


@pytest.mark.parametrize("reference", ["nowhere", "-h", "--all", "", "HEAD:ws", "main..main"])
def test_what_is_no_commit_is_the_users_mistake(repository: Repository, reference: str) -> None:
    with pytest.raises(UsageError, match="is no commit of this repository"):
        repository.tree.changed_since(reference)


def test_without_a_work_tree_or_git_nobody_knows_what_changed(tmp_path: Path) -> None:
    def without_git(*_: object, **__: object) -> process.Completed:
        raise ToolMissing("git", "not found")

    with pytest.raises(NoChangesError, match="lies in no git work tree"):
        GitWorkTree(tmp_path, process.run, ENVIRON).changed_since("HEAD")
    with pytest.raises(NoChangesError, match="git is not installed"):
        GitWorkTree(tmp_path, without_git, ENVIRON).changed_since("HEAD")
    assert GitWorkTree(tmp_path, process.run, ENVIRON).branch() is None
    assert GitWorkTree(tmp_path, process.run, ENVIRON).prefix() is None


def test_a_shallow_clone_says_that_it_is_one(repository: Repository, tmp_path: Path) -> None:
    repository.git("checkout", "--quiet", "--orphan", "apart")
    repository.write("apart.rs", "x")
    repository.commit()
    with pytest.raises(NoChangesError, match=r"have no commit in common$"):
        repository.tree.changed_since("main")
    repository.git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", repository.folder.as_uri(), str(tmp_path / "c")
    )
    with pytest.raises(NoChangesError, match="this clone is shallow: fetch more of it"):
        GitWorkTree(tmp_path / "c", process.run, ENVIRON).changed_since("origin/main")


def test_branch_and_folder_are_known(repository: Repository) -> None:
    assert (repository.tree.branch(), repository.tree.prefix()) == ("main", "ws/")
    repository.git("checkout", "--quiet", "--detach")
    assert repository.tree.branch() is None
