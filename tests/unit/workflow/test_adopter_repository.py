"""What git says of an adopter's repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import ToolMissing, UsageError
from nanna_ci.workflow.adopter_repository import AdopterRepository
from support.fake_ports import FakePorts

GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
BRANCH = (*GIT, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")


def repository(fake: FakePorts) -> AdopterRepository:
    return AdopterRepository(fake.cwd, fake.run, fake.environ)


@pytest.mark.parametrize(
    ("code", "said", "branch"),
    [
        (0, b"origin/trunk\n", "trunk"),
        (0, b"origin/a/b\n", "a/b"),
        (0, b"", "main"),
        (1, b"", "main"),
        (128, b"", "main"),
    ],
)
def test_the_default_branch_is_that_of_origin_or_main(tmp_path: Path, code: int, said: bytes, branch: str) -> None:
    fake = FakePorts(tmp_path)
    fake.run.script(*BRANCH, returncode=code, stdout=said)
    assert repository(fake).default_branch() == branch


def test_outside_of_a_work_tree_git_says_why(tmp_path: Path) -> None:
    fake = FakePorts(tmp_path)
    fake.run.script(*GIT, "rev-parse", returncode=128, stderr=b"fatal: detected dubious ownership in repository\n")
    with pytest.raises(UsageError, match="is in no work tree of git: fatal: detected dubious ownership"):
        repository(fake).top()


def test_without_git_that_is_what_is_missing(tmp_path: Path) -> None:
    fake = FakePorts(tmp_path)
    fake.run.script("git", error=ToolMissing("git", "not found"))
    with pytest.raises(ToolMissing):
        repository(fake).top()
