"""`cache-push` through a stand-in for the cachix program, into a folder served as a Cachix service serves it.

The stand-in copies with the real nix. Needs `nix` on PATH, 2.26 or later, that may build.
"""

from __future__ import annotations

import base64
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from support import stand_in_cachix_program as stand_in
from support.cache_push_with_nix import Sandbox, make_sandbox, names, served

TOKEN = "eyJhbGciOiJIUzI1NiJ9.dG9rZW4tMDEyMzQ1Njc4OQ.c2lnbmF0dXJl"
PREFIX = "/api/v1/cache/mine"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    yield from make_sandbox(tmp_path)


@pytest.fixture
def cachix(sandbox: Sandbox) -> Iterator[str]:
    sandbox.environ["CACHIX_AUTH_TOKEN"] = TOKEN
    stand_in.install(sandbox.bin, sandbox.cache)
    sandbox.cache.mkdir()
    (sandbox.cache / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    with served(sandbox.cache, prefix=PREFIX) as url:
        yield url


def test_paths_on_stdin_the_token_in_the_environment_and_a_receipt(sandbox: Sandbox, cachix: str) -> None:
    foo, source, bar = sandbox.build("foo", "source", "bar")
    code, answer, said = sandbox.push("--to", cachix, foo, source, bar)
    assert (code, sorted(names(answer["pushed"])), answer["route"]) == (0, ["a-foo", "c-bar"], "cachix"), said
    version, push = stand_in.calls(sandbox.bin)
    assert version["argv"] == ["--version"]
    assert push["argv"] == ["--hostname", cachix.removesuffix(PREFIX), "push", "mine"]
    assert push["stdin"] == "".join(f"{path}\n" for path in sorted([foo, bar]))
    assert "CACHIX_AUTH_TOKEN" in push["environ"]
    assert sandbox.push("--to", cachix, foo, bar)[0] == 0  # again: nothing is sent, all is there


def test_one_that_is_too_old_is_a_missing_tool(sandbox: Sandbox, cachix: str) -> None:
    stand_in.install(sandbox.bin, sandbox.cache, version="1.6.1")
    code, answer, said = sandbox.push("--to", cachix, *sandbox.build("foo"))
    assert (code, answer["verdict"]) == (3, "unavailable")
    assert "cachix: version 1.6.1 is older than 1.7.0" in said
    assert "hint: nix profile install" in said


@pytest.mark.parametrize("mode", [None, 0o644])
def test_one_that_is_not_there_or_not_executable_is_one_too(sandbox: Sandbox, cachix: str, mode: int | None) -> None:
    (sandbox.bin / "cachix").unlink() if mode is None else (sandbox.bin / "cachix").chmod(mode)
    sandbox.environ["PATH"] = str(sandbox.bin)
    real = shutil.which("nix")
    assert real is not None
    (sandbox.bin / "nix").symlink_to(real)
    code, _, said = sandbox.push("--to", cachix, "/nix/store/" + "0" * 32 + "-x")
    assert code == 3
    assert ("cachix: not found" if mode is None else "cachix: cannot be started: Permission denied") in said


def test_a_push_that_dies_half_way_lists_both_and_a_rerun_goes_on(sandbox: Sandbox, cachix: str) -> None:
    paths = sandbox.build("foo", "bar", "needs", "top")
    stand_in.install(sandbox.bin, sandbox.cache, dies_at="d-needs")
    code, answer, said = sandbox.push("--to", cachix, *paths)
    assert "the service went away; 4 paths again, one by one" in said
    assert (code, sorted(names(answer["pushed"]))) == (1, ["a-foo", "c-bar", "f-top"])
    reasons = {one["storePath"]: one["reason"] for one in answer["failed"]}
    assert reasons[paths[2]] == "was not pushed: cachix exited with 1: ConnectionError: the service went away"
    assert set(names(list(reasons))) <= {"d-needs", "b-source"}
    stand_in.install(sandbox.bin, sandbox.cache)
    code, answer, _ = sandbox.push("--to", cachix, *paths)
    assert (code, len(answer["pushed"]), answer["failed"]) == (0, 4, [])


def test_what_cachix_leaves_to_another_cache_must_be_in_that_one(sandbox: Sandbox, cachix: str) -> None:
    source, needs = sandbox.build("source", "needs")
    stand_in.install(sandbox.bin, sandbox.cache, leaves=["b-source"])
    upstream = f"file://{sandbox.folder}/upstream"
    sandbox.run("nix", "copy", "--to", upstream, source)
    sandbox.environ["NIX_CONFIG"] = f"substituters = {upstream}\nextra-experimental-features = nix-command"
    code, answer, said = sandbox.push("--to", cachix, needs)
    assert (code, answer["pushed"], answer["receipt"]["elsewhere"]) == (0, [needs], [source]), said
    assert sandbox.held() == ["d-needs"]


def test_the_token_is_in_no_output_whatever_cachix_says(sandbox: Sandbox, cachix: str) -> None:
    spellings = [TOKEN, base64.b64encode(TOKEN.encode()).decode(), quote(TOKEN, safe=""), TOKEN[:20], TOKEN[20:]]
    spelt = "".join(f"%{byte:02x}" for byte in TOKEN.encode())
    says = [f"error: {TOKEN} was refused", *spellings[1:3], f"header {spelt}", TOKEN[:20], TOKEN[20:]]
    stand_in.install(sandbox.bin, sandbox.cache, dies_at="a-foo", says=says)
    (foo,) = sandbox.build("foo")
    outputs = []
    for flags in (["--format", "json"], ["--format", "markdown", "-v"], ["--format", "html"], []):
        with sandbox.start("--to", cachix, *flags, foo) as process:
            stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 1
        outputs += [stdout.decode(), stderr.decode()]
    stand_in.install(sandbox.bin, sandbox.cache, version="old", says=says)
    with sandbox.start("--to", cachix, foo) as process:
        outputs += [output.decode() for output in process.communicate(timeout=300)]
    command = ["sh", "-c", f"echo {TOKEN}; echo {base64.b64encode(TOKEN.encode()).decode()} >&2; exit 5"]
    with sandbox.start("--to", cachix, "--watch", "--", *command) as process:
        outputs += [output.decode() for output in process.communicate(timeout=300)]
    for output in outputs:
        squeezed = "".join(output.split())
        for spelling in (*spellings, spelt):
            assert spelling not in output
            assert spelling not in squeezed


def test_a_signal_ends_the_push_and_the_next_one_goes_on(sandbox: Sandbox, cachix: str) -> None:
    paths = sandbox.build("foo", "bar")
    stand_in.install(sandbox.bin, sandbox.cache, waits_at=1)
    with sandbox.start("--to", cachix, *paths) as process:
        deadline_s = time.monotonic() + 60
        while not (sandbox.bin / "waiting").exists() and time.monotonic() < deadline_s:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "interrupted: 1 paths were begun; the next push goes on from there" in stderr.decode()
    assert len(sandbox.held()) == 1
    stand_in.install(sandbox.bin, sandbox.cache)
    code, answer, _ = sandbox.push("--to", cachix, *paths)
    assert (code, len(answer["pushed"])) == (0, 2)
