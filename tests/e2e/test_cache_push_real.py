"""`cache-push` with the real nix: a signed cache that another store takes paths from, other stores, watching, faults.

Needs `nix` on PATH, 2.26 or later, that may build. Every test has stores of its own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cache_push_with_nix import PIPELINE, Sandbox, make_sandbox, names, served


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    yield from make_sandbox(tmp_path)


def test_another_store_takes_from_the_cache_what_was_pushed_and_signed(sandbox: Sandbox) -> None:
    foo, source, bar = sandbox.build("foo", "source", "bar")
    (sandbox.folder / "key.sec").write_text(sandbox.run("nix", "key", "generate-secret", "--key-name", "test-1"))
    public = subprocess.run(
        ["nix", "--extra-experimental-features", "nix-command", "key", "convert-secret-to-public"],
        input=(sandbox.folder / "key.sec").read_bytes(),
        capture_output=True,
        check=True,
        env=sandbox.environ,
    ).stdout.decode()
    (sandbox.folder / "pipeline.toml").write_text(f'{PIPELINE}public_keys = ["{public}"]\n')
    url = f"file://{sandbox.cache}?secret-key={sandbox.folder / 'key.sec'}"
    code, answer, said = sandbox.push("--to", url, foo, source, bar)
    assert code == 0, said
    assert sorted(names(answer["pushed"])) == sandbox.held() == ["a-foo", "c-bar"]
    assert [one["storePath"] for one in answer["filtered"]] == [source]
    assert answer["receipt"]["untrusted"] == 0
    with served(sandbox.cache) as cache:
        flags = ["--option", "substituters", cache, "--option", "trusted-public-keys"]
        sandbox.run("nix-store", *flags, "other-1:" + public.split(":")[1], "--realise", foo, store="second", code=1)
        sandbox.run("nix-store", *flags, public, "--realise", foo, bar, store="second")
        sandbox.run("nix-store", *flags, public, "--realise", source, store="second", code=1)
    assert (sandbox.folder / "second" / foo[1:]).read_text() == "foo\n"
    sandbox.run("nix-store", "--verify-path", foo, bar, store="second")


def test_a_filtered_path_comes_along_for_the_one_that_needs_it(sandbox: Sandbox) -> None:
    needs, source = sandbox.build("needs", "source")
    code, answer, _ = sandbox.push("--to", f"file://{sandbox.cache}", "-", stdin=f"{needs}\n{source}\n")
    assert (code, names(answer["pushed"]), answer["filtered"]) == (0, ["d-needs"], [])
    assert [(one["storePath"], one["neededBy"]) for one in answer["dragged"]] == [(source, [needs])]
    assert sandbox.held() == ["b-source", "d-needs"]


def test_the_build_closure_is_what_the_build_needed(sandbox: Sandbox) -> None:
    (top,) = sandbox.build("top")
    assert sandbox.push("--to", f"file://{sandbox.cache}", top)[0] == 0
    assert sandbox.held() == ["f-top"]
    code, answer, _ = sandbox.push("--to", f"file://{sandbox.cache}", "--build-closure", top)
    assert (code, sorted(names(answer["pushed"]))) == (0, ["e-base", "f-top"])
    assert sandbox.held() == ["e-base", "f-top"]


def test_what_was_built_around_a_failing_command_is_pushed(sandbox: Sandbox) -> None:
    sandbox.build("foo")
    command = ["nix-build", "default.nix", "--no-out-link", "-k", "-A", "foo", "-A", "fails", "-A", "needs"]
    code, answer, said = sandbox.push("--to", f"file://{sandbox.cache}", "--watch", "--", *command)
    assert (code, answer["verdict"], sorted(names(answer["pushed"]))) == (1, "fail", ["d-needs"])
    assert sandbox.held() == ["b-source", "d-needs"]
    assert answer["watched"]["argv"] == command
    assert answer["reason"].endswith(f"exited with {answer['watched']['exitCode']}")
    assert "building '/nix/store/" in said
    code, answer, _ = sandbox.push(
        "--to", f"file://{sandbox.cache}", "--watch", "--", "nix-build", "--no-out-link", "-A", "foo"
    )
    assert (code, answer["pushed"], answer["watched"]["exitCode"]) == (0, [], 0)


def test_what_came_from_a_cache_while_a_command_ran_is_not_pushed(sandbox: Sandbox) -> None:
    (sandbox.folder / "key.sec").write_text(sandbox.run("nix", "key", "generate-secret", "--key-name", "test-1"))
    (base,) = sandbox.build("base")
    upstream = f"file://{sandbox.folder}/upstream"
    sandbox.run("nix", "copy", "--to", f"{upstream}?secret-key={sandbox.folder / 'key.sec'}", base)
    sandbox.environ["NIX_REMOTE"] = sandbox.store("second")
    sandbox.run("nix-store", "--verify")  # makes its folder
    command = ["nix-build", "default.nix", "--no-out-link", "-A", "top", "--option", "substituters", upstream]
    command += ["--option", "require-sigs", "false"]
    code, answer, _ = sandbox.push("--to", f"file://{sandbox.cache}", "--watch", "--", *command)
    assert (code, names(answer["pushed"])) == (0, ["f-top"])


def test_a_path_removed_from_the_cache_after_the_push_is_caught(sandbox: Sandbox) -> None:
    foo, bar = sandbox.build("foo", "bar")
    gone = f"{Path(foo).name[:32]}.narinfo"
    sandbox.wrap("nix", '"$REAL" "$@" || exit', f'case " $* " in *" copy "*) rm {sandbox.cache}/{gone};; esac')
    code, answer, _ = sandbox.push("--to", f"file://{sandbox.cache}", "--as", "release:v1", foo, bar)
    assert (code, answer["verdict"], answer["pushed"]) == (1, "fail", [bar])
    assert answer["failed"] == [{"storePath": foo, "reason": "is not there"}]
    assert json.loads((sandbox.cache / "nanna-ci-roots/release-v1.json").read_bytes())["paths"] == [bar]


def test_a_path_collected_between_list_and_push_is_reported(sandbox: Sandbox) -> None:
    foo, bar = sandbox.build("foo", "bar")
    delete = f"nix-store --delete {foo} >&2"
    sandbox.wrap(
        "nix", f'case " $* " in *" copy "*) test -e {sandbox.folder}/store{foo} && {delete};; esac', 'exec "$REAL" "$@"'
    )
    code, answer, _ = sandbox.push("--to", f"file://{sandbox.cache}", foo, bar)
    assert (code, answer["pushed"]) == (1, [bar])
    assert answer["failed"] == [{"storePath": foo, "reason": "was collected from the store between list and push"}]


def test_a_cache_that_shows_paths_late_is_queried_again(sandbox: Sandbox) -> None:
    foo, bar = sandbox.build("foo", "bar")
    sandbox.cache.mkdir()
    (sandbox.cache / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    with served(sandbox.cache, hides=1) as url:
        code, answer, said = sandbox.push("--to", url, foo, bar)
    assert (code, len(answer["pushed"]), answer["receipt"]["rounds"]) == (0, 2, 2), said
    assert "2 of 2 paths are not there yet; querying again in 1 s" in said


def test_a_store_behind_ssh_is_queried_through_nix(sandbox: Sandbox) -> None:
    """The ssh is a stand-in: it runs the command here, on a store of its own."""
    foo, bar = sandbox.build("foo", "bar")
    remote = sandbox.store("remote")
    (sandbox.bin / "ssh").write_text(f"#!/bin/sh\necho started\nNIX_REMOTE='{remote}' exec nix-store --serve --write\n")
    (sandbox.bin / "ssh").chmod(0o755)
    code, answer, said = sandbox.push("--to", "ssh://builder", foo, bar)
    assert (code, sorted(names(answer["pushed"])), answer["to"]) == (0, ["a-foo", "c-bar"], "ssh://builder"), said
    assert answer["receipt"]["verified"] == 2
    sandbox.run("nix-store", "--verify-path", foo, bar, store="remote")
    sandbox.wrap(
        "nix",
        '"$REAL" "$@" || exit',
        f'case " $* " in *" copy "*) NIX_REMOTE=\'{remote}\' nix-store --delete {foo};; esac',
    )
    code, answer, _ = sandbox.push("--to", "ssh://builder", foo, bar)
    assert (code, answer["failed"]) == (1, [{"storePath": foo, "reason": "is not there"}])
