"""`cache-push` with the real nix: a signed cache that another store takes paths from, other stores, watching, faults.

Needs `nix` on PATH, 2.26 or later, that may build. Every test has stores of its own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from push_ground import PIPELINE, Ground, make_ground, names, served


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    yield from make_ground(tmp_path)


def test_another_store_takes_from_the_cache_what_was_pushed_and_signed(ground: Ground) -> None:
    foo, source, bar = ground.build("foo", "source", "bar")
    (ground.folder / "key.sec").write_text(ground.run("nix", "key", "generate-secret", "--key-name", "test-1"))
    public = subprocess.run(
        ["nix", "--extra-experimental-features", "nix-command", "key", "convert-secret-to-public"],
        input=(ground.folder / "key.sec").read_bytes(),
        capture_output=True,
        check=True,
        env=ground.environ,
    ).stdout.decode()
    (ground.folder / "pipeline.toml").write_text(f'{PIPELINE}public_keys = ["{public}"]\n')
    url = f"file://{ground.cache}?secret-key={ground.folder / 'key.sec'}"
    code, answer, said = ground.push("--to", url, foo, source, bar)
    assert code == 0, said
    assert sorted(names(answer["pushed"])) == ground.held() == ["a-foo", "c-bar"]
    assert [one["storePath"] for one in answer["filtered"]] == [source]
    assert answer["receipt"]["untrusted"] == 0
    with served(ground.cache) as cache:
        flags = ["--option", "substituters", cache, "--option", "trusted-public-keys"]
        ground.run("nix-store", *flags, "other-1:" + public.split(":")[1], "--realise", foo, store="second", code=1)
        ground.run("nix-store", *flags, public, "--realise", foo, bar, store="second")
        ground.run("nix-store", *flags, public, "--realise", source, store="second", code=1)
    assert (ground.folder / "second" / foo[1:]).read_text() == "foo\n"
    ground.run("nix-store", "--verify-path", foo, bar, store="second")


def test_a_filtered_path_comes_along_for_the_one_that_needs_it(ground: Ground) -> None:
    needs, source = ground.build("needs", "source")
    code, answer, _ = ground.push("--to", f"file://{ground.cache}", "-", stdin=f"{needs}\n{source}\n")
    assert (code, names(answer["pushed"]), answer["filtered"]) == (0, ["d-needs"], [])
    assert [(one["storePath"], one["neededBy"]) for one in answer["dragged"]] == [(source, [needs])]
    assert ground.held() == ["b-source", "d-needs"]


def test_the_build_closure_is_what_the_build_needed(ground: Ground) -> None:
    (top,) = ground.build("top")
    assert ground.push("--to", f"file://{ground.cache}", top)[0] == 0
    assert ground.held() == ["f-top"]
    code, answer, _ = ground.push("--to", f"file://{ground.cache}", "--build-closure", top)
    assert (code, sorted(names(answer["pushed"]))) == (0, ["e-base", "f-top"])
    assert ground.held() == ["e-base", "f-top"]


def test_what_was_built_around_a_failing_command_is_pushed(ground: Ground) -> None:
    ground.build("foo")
    command = ["nix-build", "default.nix", "--no-out-link", "-k", "-A", "foo", "-A", "fails", "-A", "needs"]
    code, answer, said = ground.push("--to", f"file://{ground.cache}", "--watch", "--", *command)
    assert (code, answer["verdict"], sorted(names(answer["pushed"]))) == (1, "fail", ["d-needs"])
    assert ground.held() == ["b-source", "d-needs"]
    assert answer["watched"]["argv"] == command
    assert answer["reason"].endswith(f"exited with {answer['watched']['exitCode']}")
    assert "building '/nix/store/" in said
    code, answer, _ = ground.push(
        "--to", f"file://{ground.cache}", "--watch", "--", "nix-build", "--no-out-link", "-A", "foo"
    )
    assert (code, answer["pushed"], answer["watched"]["exitCode"]) == (0, [], 0)


def test_what_came_from_a_cache_while_a_command_ran_is_not_pushed(ground: Ground) -> None:
    (ground.folder / "key.sec").write_text(ground.run("nix", "key", "generate-secret", "--key-name", "test-1"))
    (base,) = ground.build("base")
    upstream = f"file://{ground.folder}/upstream"
    ground.run("nix", "copy", "--to", f"{upstream}?secret-key={ground.folder / 'key.sec'}", base)
    ground.environ["NIX_REMOTE"] = ground.store("second")
    ground.run("nix-store", "--verify")  # makes its folder
    command = ["nix-build", "default.nix", "--no-out-link", "-A", "top", "--option", "substituters", upstream]
    command += ["--option", "require-sigs", "false"]
    code, answer, _ = ground.push("--to", f"file://{ground.cache}", "--watch", "--", *command)
    assert (code, names(answer["pushed"])) == (0, ["f-top"])


def test_a_path_removed_from_the_cache_after_the_push_is_caught(ground: Ground) -> None:
    foo, bar = ground.build("foo", "bar")
    gone = f"{Path(foo).name[:32]}.narinfo"
    ground.wrap("nix", '"$REAL" "$@" || exit', f'case " $* " in *" copy "*) rm {ground.cache}/{gone};; esac')
    code, answer, _ = ground.push("--to", f"file://{ground.cache}", "--as", "release:v1", foo, bar)
    assert (code, answer["verdict"], answer["pushed"]) == (1, "fail", [bar])
    assert answer["failed"] == [{"storePath": foo, "reason": "is not there"}]
    assert json.loads((ground.cache / "nanna-ci-roots/release-v1.json").read_bytes())["paths"] == [bar]


def test_a_path_collected_between_list_and_push_is_reported(ground: Ground) -> None:
    foo, bar = ground.build("foo", "bar")
    delete = f"nix-store --delete {foo} >&2"
    ground.wrap(
        "nix", f'case " $* " in *" copy "*) test -e {ground.folder}/store{foo} && {delete};; esac', 'exec "$REAL" "$@"'
    )
    code, answer, _ = ground.push("--to", f"file://{ground.cache}", foo, bar)
    assert (code, answer["pushed"]) == (1, [bar])
    assert answer["failed"] == [{"storePath": foo, "reason": "was collected from the store between list and push"}]


def test_a_cache_that_shows_paths_late_is_asked_again(ground: Ground) -> None:
    foo, bar = ground.build("foo", "bar")
    ground.cache.mkdir()
    (ground.cache / "nix-cache-info").write_text("StoreDir: /nix/store\n")
    with served(ground.cache, hides=1) as url:
        code, answer, said = ground.push("--to", url, foo, bar)
    assert (code, len(answer["pushed"]), answer["receipt"]["rounds"]) == (0, 2, 2), said
    assert "2 of 2 paths are not there yet; querying again in 1 s" in said


def test_a_store_behind_ssh_is_asked_through_nix(ground: Ground) -> None:
    """The ssh is a stand-in: it runs the command here, on a store of its own."""
    foo, bar = ground.build("foo", "bar")
    remote = ground.store("remote")
    (ground.bin / "ssh").write_text(f"#!/bin/sh\necho started\nNIX_REMOTE='{remote}' exec nix-store --serve --write\n")
    (ground.bin / "ssh").chmod(0o755)
    code, answer, said = ground.push("--to", "ssh://builder", foo, bar)
    assert (code, sorted(names(answer["pushed"])), answer["to"]) == (0, ["a-foo", "c-bar"], "ssh://builder"), said
    assert answer["receipt"]["verified"] == 2
    ground.run("nix-store", "--verify-path", foo, bar, store="remote")
    ground.wrap(
        "nix",
        '"$REAL" "$@" || exit',
        f'case " $* " in *" copy "*) NIX_REMOTE=\'{remote}\' nix-store --delete {foo};; esac',
    )
    code, answer, _ = ground.push("--to", "ssh://builder", foo, bar)
    assert (code, answer["failed"]) == (1, [{"storePath": foo, "reason": "is not there"}])
