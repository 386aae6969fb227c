"""The cachix program, by script."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cache.cachix_api import CACHIX_API, CachixCache
from nanna_ci.cache.push.cachix import CachixProgram, has_credentials
from nanna_ci.foundation.errors import CommandFailed, ToolMissing, UsageError
from nanna_ci.store.store_path import StorePath
from support.fake_ports import FakeRun
from support.fake_store_paths import path

CACHE = CachixCache(CACHIX_API, "nanna-coder")
A, C = path("a-foo"), path("c-bar")
TOKEN = "s3cret"


def ignore(_: StorePath) -> None:
    pass


def program(run: FakeRun, cache: CachixCache = CACHE, **environ: str) -> CachixProgram:
    return CachixProgram(cache, run, environ={"CACHIX_AUTH_TOKEN": TOKEN, **environ})


@pytest.mark.parametrize(
    ("said", "version"),
    [("cachix 1.7.9\n", "1.7.9"), ("1.7\n", "1.7"), ("cachix 2.0.0-rc1", "2.0.0"), ("1.10", "1.10")],
)
def test_a_version_that_is_new_enough(said: str, version: str) -> None:
    run = FakeRun()
    run.script("cachix", "--version", stdout=said.encode())
    assert program(run).version() == version


def test_a_version_on_stderr_counts_too() -> None:
    run = FakeRun()
    run.script("cachix", "--version", stderr=b"cachix 1.7.9\n")
    assert program(run).version() == "1.7.9"


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ({"stdout": b"cachix 1.6.1\n"}, "cachix: version 1.6.1 is older than 1.7.0"),
        ({"stdout": b"cachix 0.99.99\n"}, "cachix: version 0.99.99 is older than 1.7.0"),
        ({"stdout": b"hello\n"}, "cachix: `cachix --version` names no version"),
        ({"error": ToolMissing("cachix", "not found")}, "cachix: not found"),
        ({"error": ToolMissing("cachix", "cannot be started: Permission denied")}, "cachix: cannot be started: Perm"),
        (
            {"returncode": 127, "stderr": b"libstdc++ is missing"},
            "cachix: does not run: cachix exited with 127: libstdc",
        ),
    ],
)
def test_missing_broken_or_too_old_is_a_missing_tool_with_a_hint(what: dict[str, object], problem: str) -> None:
    run = FakeRun()
    run.script("cachix", "--version", **what)
    with pytest.raises(ToolMissing) as caught:
        program(run).version()
    assert caught.value.message.startswith(problem)
    assert "nixpkgs#cachix" in (caught.value.hint or "")
    assert caught.value.exit_code == 3


def test_paths_go_in_on_stdin_and_the_token_stays_in_the_environment() -> None:
    run = FakeRun()
    run.script("cachix", "push")
    program(run, HOME="/home/me").push([A, C], on_path=ignore)
    (call,) = run.calls
    assert call.argv == ("cachix", "push", "nanna-coder")
    assert call.options["stdin"] == f"{A}\n{C}\n".encode()
    assert call.options["env"] == {"CACHIX_AUTH_TOKEN": TOKEN, "HOME": "/home/me"}
    assert TOKEN in call.options["secrets"]  # though it is too short to be taken for one by the look of it


def test_a_service_of_ones_own_is_named_to_cachix() -> None:
    run = FakeRun()
    run.script("cachix")
    program(run, CachixCache("https://cachix.example.org:8443/api/v1", "mine")).push([A], on_path=ignore)
    assert run.calls[0].argv == ("cachix", "--hostname", "https://cachix.example.org:8443", "push", "mine")


def test_each_path_that_is_sent_is_reported_when_it_begins() -> None:
    said = f"Pushing 2 paths (1 are already present) using zstd to cache nanna-coder\n\nPushing {A} (1.00 KiB)\n"
    said += f"\x1b[33mretry #1 \x1b[0mPushing {C} (2.00 KiB)\nAll done.\n"
    run = FakeRun()
    run.script("cachix", "push", stderr=said.encode())
    seen: list[StorePath] = []
    program(run).push([A, C], on_path=seen.append)
    assert seen == [A, C]


def test_a_push_that_fails_says_so() -> None:
    run = FakeRun()
    run.script("cachix", "push", returncode=1, stderr=b"Binary cache nanna-coder does not exist.\n")
    with pytest.raises(CommandFailed, match="does not exist"):
        program(run).push([A], on_path=ignore)


@pytest.mark.parametrize("name", ["../x", "-x", "x\0y", "", "a/b"])
def test_an_invalid_name_starts_no_process(name: str) -> None:
    run = FakeRun()
    with pytest.raises(UsageError):
        program(run, CachixCache(CACHIX_API, name))
    assert run.calls == []


def test_credentials_are_a_variable_or_the_file_of_cachix_authtoken(tmp_path: Path) -> None:
    assert has_credentials({"CACHIX_AUTH_TOKEN": "x"})
    assert has_credentials({"CACHIX_SIGNING_KEY": "x"})
    home = {"HOME": str(tmp_path)}
    assert not has_credentials({})
    assert not has_credentials({"CACHIX_AUTH_TOKEN": " ", **home})  # what GitHub gives a fork for a secret: empty
    (tmp_path / ".config/cachix").mkdir(parents=True)
    (tmp_path / ".config/cachix/cachix.dhall").write_text("{}")
    assert has_credentials(home)
    assert not has_credentials({**home, "XDG_CONFIG_HOME": str(tmp_path / "other")})
