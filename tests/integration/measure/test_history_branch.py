"""A history on a branch, with the real git: writers at once, a killed one, remotes and branches that are not right."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nanna_ci
from nanna_ci.foundation import process
from nanna_ci.foundation.errors import MalformedData, NannaError, UsageError
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.git_branch import PUSHES, HistoryBranch
from nanna_ci.measure.history.record_lines import render_record
from nanna_ci.measure.history.records import CoverageRecord, Record, RunIdentity, RunRecord

STARTED = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@localhost",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@localhost",
}


def git(folder: Path, *words: str, stdin: bytes = b"") -> str:
    argv = ["git", "-C", str(folder), *words]
    done = subprocess.run(argv, input=stdin, capture_output=True, check=True, env=ENVIRON)
    return done.stdout.decode()


def run(name: str, verdict: Verdict = Verdict.PASS) -> RunRecord:
    return RunRecord(RunIdentity(name, "push", STARTED), verdict, ())


def branch(folder: Path, name: str = "ci-history") -> HistoryBranch:
    return HistoryBranch(folder, name, run=process.run, environ=ENVIRON, sleep=lambda seconds: None)


def clone(tmp_path: Path, name: str) -> Path:
    git(tmp_path, "clone", "--quiet", str(tmp_path / "remote.git"), name)
    return tmp_path / name


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A clone with a commit, of a bare repository beside it."""
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", "remote.git")
    work = clone(tmp_path, "work")
    (work / "file").write_text("committed")
    git(work, "add", "file")
    git(work, "commit", "--quiet", "-m", "first")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    return work


def names(folder: Path) -> list[str]:
    return [record.origin.run for record in branch(folder).read_runs()]


def test_the_branch_is_made_with_the_first_record_and_each_record_is_a_commit(work: Path, tmp_path: Path):
    assert branch(work).read_runs() == []
    assert branch(work).append(run("a"))
    assert branch(work).append(run("b"))
    assert names(clone(tmp_path, "other")) == ["a", "b"]
    remote = tmp_path / "remote.git"
    assert git(remote, "log", "--format=%s", "ci-history").split("\n")[:2] == ["Record b", "Record a"]
    assert git(remote, "ls-tree", "--name-only", "ci-history") == "runs.jsonl\n"


def test_several_records_are_one_commit_and_those_that_are_there_none(work: Path, tmp_path: Path):
    records: list[Record] = [run("a"), CoverageRecord(run("a").origin, None, ()), run("b")]
    assert branch(work).append_all(records) == 3
    assert branch(work).append_all(records) == 0
    remote = tmp_path / "remote.git"
    assert git(remote, "log", "--format=%s", "ci-history") == "Record a, b\n"
    assert git(remote, "ls-tree", "--name-only", "ci-history") == "coverage.jsonl\nruns.jsonl\n"
    assert branch(work).append_all([run(str(number)) for number in range(4)]) == 4
    assert git(remote, "log", "-1", "--format=%s", "ci-history") == "Record 4 runs\n"


def test_nothing_of_the_work_tree_the_index_or_the_branches_changes(work: Path):
    (work / "file").write_text("changed")
    (work / "staged").write_text("staged")
    git(work, "add", "staged")
    before = [git(work, *words) for words in (["status", "--porcelain"], ["branch"], ["rev-parse", "HEAD"])]
    branch(work).append(run("a"))
    assert names(work) == ["a"]
    assert before == [git(work, *words) for words in (["status", "--porcelain"], ["branch"], ["rev-parse", "HEAD"])]
    assert not (work / ".git/FETCH_HEAD").exists()


def test_the_same_record_again_makes_no_commit_and_another_of_that_run_is_refused(work: Path, tmp_path: Path):
    branch(work).append(run("a"))
    before = git(tmp_path / "remote.git", "rev-parse", "ci-history")
    assert not branch(clone(tmp_path, "other")).append(run("a"))
    with pytest.raises(MalformedData, match=r"ci-history of origin: runs\.jsonl, line 1: a is recorded already"):
        branch(work).append(run("a", Verdict.FAIL))
    assert git(tmp_path / "remote.git", "rev-parse", "ci-history") == before


def test_a_branch_that_holds_something_else_is_refused_and_left_alone(work: Path, tmp_path: Path):
    before = git(tmp_path / "remote.git", "rev-parse", "main")
    for action in (branch(work, "main").read_runs, lambda: branch(work, "main").append(run("a"))):
        with pytest.raises(UsageError, match="main of origin is no history: it holds file"):
            action()
    assert git(tmp_path / "remote.git", "rev-parse", "main") == before


def test_a_corrupt_line_on_the_branch_is_refused_by_its_number_and_never_reset(work: Path, tmp_path: Path):
    blob = git(work, "hash-object", "-w", "--stdin", stdin=render_record(run("a")) + b"{}\n").strip()
    tree = git(work, "mktree", stdin=f"100644 blob {blob}\truns.jsonl\n".encode()).strip()
    commit = git(work, "commit-tree", tree, "-m", "by hand").strip()
    git(work, "push", "--quiet", "origin", f"{commit}:refs/heads/ci-history")
    with pytest.raises(MalformedData, match=r"runs\.jsonl, line 2: "):
        branch(work).read_runs()
    assert branch(work).append(run("b"))
    assert git(tmp_path / "remote.git", "show", "ci-history:runs.jsonl").splitlines()[1] == "{}"


def test_a_remote_that_is_gone_is_named_with_gits_own_words(work: Path, tmp_path: Path):
    (tmp_path / "remote.git").rename(tmp_path / "moved.git")
    for action in (branch(work).read_runs, lambda: branch(work).append(run("a"))):
        with pytest.raises(NannaError, match=r"origin cannot be read: fatal: .*remote\.git") as caught:
            action()
        assert caught.value.exit_code == 3


def test_a_remote_that_takes_no_push_is_tried_once_and_keeps_its_history(work: Path, tmp_path: Path):
    branch(work).append(run("a"))
    hook = tmp_path / "remote.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(NannaError, match="the record was not pushed, after 1 tries: remote: not today"):
        branch(work).append(run("b"))
    hook.unlink()
    assert names(work) == ["a"]


def test_a_writer_that_is_always_overtaken_gives_up_after_a_bounded_number_of_tries(work: Path, tmp_path: Path):
    other = clone(tmp_path, "other")
    pushed = 0

    def overtaken(argv: list[str], **options: object) -> process.Completed:
        nonlocal pushed
        if "push" in argv:
            pushed += 1
            branch(other).append(run(f"other-{pushed}"))
        return process.run(argv, **options)  # type: ignore[arg-type]

    slow = HistoryBranch(work, "ci-history", run=overtaken, environ=ENVIRON, sleep=lambda seconds: None)
    with pytest.raises(NannaError, match=f"not pushed, after {PUSHES} tries"):
        slow.append(run("slow"))
    assert pushed == PUSHES
    assert names(work) == [f"other-{number}" for number in range(1, PUSHES + 1)]


WRITER = """
import datetime, os, sys, time
from pathlib import Path
from nanna_ci.foundation import process
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.git_branch import HistoryBranch
from nanna_ci.measure.history.records import CoverageRecord, RunIdentity, RunRecord
folder, name, count, stop = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "stop"
def run(argv, **options):
    if stop and "push" in argv:
        print("about to push", flush=True)
        time.sleep(600)
    return process.run(argv, **options)
for number in range(count):
    identity = RunIdentity(f"{name}-{number}", "push", datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC))
    HistoryBranch(folder, "ci-history", run=run, environ=dict(os.environ), sleep=time.sleep).append(
        RunRecord(identity, Verdict.PASS, ())
    )
"""


def writer(folder: Path, name: str, count: int, stop: str = "") -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", WRITER, str(folder), name, str(count), stop or "go"]
    environ = ENVIRON | {"PYTHONPATH": str(Path(nanna_ci.__file__).parents[1])}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, env=environ)


def test_two_writers_at_once_lose_nothing(work: Path, tmp_path: Path):
    with writer(work, "one", 4) as one, writer(clone(tmp_path, "other"), "two", 4) as two:
        assert (one.wait(120), two.wait(120)) == (0, 0)
    expected = sorted(f"{name}-{number}" for name in ("one", "two") for number in range(4))
    assert sorted(names(work)) == expected


def test_a_writer_that_is_killed_before_its_push_leaves_nothing_behind(work: Path, tmp_path: Path):
    branch(work).append(run("a"))
    with writer(work, "killed", 1, "stop") as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"about to push\n"
        killed.kill()
    assert names(work) == ["a"]
    assert branch(work).append(run("b"))
    assert names(clone(tmp_path, "other")) == ["a", "b"]
