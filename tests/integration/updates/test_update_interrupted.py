"""`update` killed between its steps, and finished by another run; and how a token reaches git's server."""

from __future__ import annotations

import base64
import http.server
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_workspaces import git, write
from support.stand_in_github_api import OWNER_REPO
from support.stand_in_github_updates import BRANCH, StandInUpdates, stand_in_updates
from support.stand_in_model_registry import serving
from support.update_runs import PULL, TOKEN, UpdateRuns, lock_of


@pytest.fixture
def github() -> Iterator[StandInUpdates]:
    with stand_in_updates() as server:
        yield server


@pytest.fixture
def update(tmp_path: Path, github: StandInUpdates, monkeypatch: pytest.MonkeyPatch) -> Iterator[UpdateRuns]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as registry:
        made = UpdateRuns(tmp_path, github, registry)
        made.make_newer()
        yield made


def check_finished(update: UpdateRuns, github: StandInUpdates) -> None:
    """Another run leaves one commit of all that is newer, and one open pull request about it."""
    github.before = lambda *_: None
    update(*PULL)
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=update.remote) == "1"
    assert len(update.changed()) == 4
    (pull,) = github.pulls
    assert (pull["state"], pull["title"]) == ("open", "Update flake inputs, models and actions")
    assert update.status() == ""


def kill(run: subprocess.Popen[bytes]) -> None:
    os.kill(run.pid, signal.SIGKILL)
    run.wait(30)


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("request_of", [f"GET {OWNER_REPO}", f"GET {OWNER_REPO}/pulls", f"POST {OWNER_REPO}/pulls"])
def test_a_run_killed_at_a_request_is_finished_by_another(update, github, request_of, answered):
    started: list[subprocess.Popen[bytes]] = []

    def strike(number: int, is_answered: bool) -> None:
        if github.sent[number - 1].partition("?")[0] == request_of and is_answered == answered and started:
            kill(started.pop())

    github.before = strike
    run = update.start(*PULL)
    started.append(run)
    assert run.wait(60) == -signal.SIGKILL
    check_finished(update, github)


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_a_run_killed_while_it_pushes_is_finished_by_another(update, github, tmp_path, hook):
    pid = tmp_path / "pid"
    update.hook(hook, f"while read line; do :; done; kill -9 $(cat {pid}); rm {pid}")
    run = update.start(*PULL)
    pid.write_text(str(run.pid))
    assert run.wait(60) == -signal.SIGKILL
    deadline = time.monotonic() + 30  # git itself goes on for a moment
    while pid.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    (update.remote / "hooks" / hook).unlink()
    time.sleep(0.3)
    assert github.pulls == []
    check_finished(update, github)


def test_an_interrupted_run_ends_at_once_and_leaves_nothing(update, github):
    run = update.start(*PULL)
    github.before = lambda number, _answered: os.kill(run.pid, signal.SIGINT) if number == 2 else None
    assert run.wait(30) == 130
    assert (update.tip(), update.status(), github.pulls) == (None, "", [])
    check_finished(update, github)


def test_files_of_the_work_tree_written_in_part_are_finished_by_another_run(update):
    update()
    table = update.folder / ".github" / "workflow.toml"
    whole = {path: path.read_bytes() for path in (table, update.folder / ".github/workflows/ci.yml")}
    git("checkout", "--quiet", "--", ".github/workflow.toml", cwd=update.folder)  # it comes last
    answer = update()
    assert answer["written"] == [".github/workflow.toml"]
    assert {path: path.read_bytes() for path in whole} == whole


class GitServer(http.server.BaseHTTPRequestHandler):
    """What refuses everybody, and notes who came."""

    seen: list[str | None]

    def do_GET(self) -> None:
        given: list[str | None] = [*(self.headers.get_all("authorization") or ())]
        self.seen += given or [None]
        self.send_response(403)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def git_server() -> Iterator[tuple[str, list[str | None]]]:
    seen: list[str | None] = []
    handler = type("Seen", (GitServer,), {"seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def spy_on_git(update: UpdateRuns, folder: Path) -> Path:
    """git notes its words, and runs."""
    noted = folder / "noted"
    real = git("--exec-path", cwd=folder)
    write(folder / "bin" / "git", f'#!/bin/sh\nprintf "%s\\n" "$*" >> {noted}\nexec {real}/git "$@"\n')
    (folder / "bin" / "git").chmod(0o755)
    return noted


def test_the_token_goes_to_the_server_alone_and_into_no_argument_or_file(update, git_server, tmp_path):
    url, seen = git_server
    git("remote", "set-url", "origin", f"{url}/{OWNER_REPO}.git", cwd=update.folder)
    git("config", f"http.{url}/.extraheader", "AUTHORIZATION: basic of-the-checkout", cwd=update.folder)
    update.environ["GITHUB_SERVER_URL"] = url
    noted = spy_on_git(update, tmp_path)
    error = update(*PULL, code=3)["error"]
    assert error["message"].startswith("origin cannot be read: ")
    assert "contents: write" in error["hint"]
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert set(seen) == {f"basic {basic}"}
    written = [path.read_bytes() for path in (update.folder / ".git").rglob("*") if path.is_file()]
    for data in (noted.read_bytes(), *written, update.stdout.encode(), update.stderr.encode()):
        assert TOKEN.encode() not in data
        assert basic.encode() not in data
    assert "ls-remote" in noted.read_text()


def test_another_server_never_gets_the_token(update, git_server):
    url, seen = git_server
    git("remote", "set-url", "origin", f"{url}/{OWNER_REPO}.git", cwd=update.folder)
    update(*PULL, code=3)
    assert set(seen) == {None}


def test_a_remote_that_is_another_repository_of_the_server_is_refused(update, git_server):
    url, seen = git_server
    git("remote", "set-url", "origin", f"{url}/some/fork.git", cwd=update.folder)
    update.environ["GITHUB_SERVER_URL"] = url
    assert f"not {OWNER_REPO}" in update(*PULL, code=2)["error"]["message"]
    assert seen == []


def test_the_identity_of_the_caller_is_not_that_of_the_commit(update):
    update.environ |= {"GIT_AUTHOR_EMAIL": "me@example.invalid", "GIT_COMMITTER_EMAIL": "me@example.invalid"}
    update(*PULL)
    update.new_lock.write_bytes(lock_of("d" * 40))
    assert update(*PULL)["branch"]["isNew"] is True
