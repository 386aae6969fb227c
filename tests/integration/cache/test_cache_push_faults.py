"""`nanna-ci cache-push` where something is missing, damaged, interrupted, or requested wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from nanna_ci.cache.push.sending import COLLECTED, GIVE_UP_AFTER
from nanna_ci.foundation.errors import CommandFailed, Interrupted
from support.cache_push_without_nix import TOKEN, PushSandbox, names
from support.fake_ports import FakePorts
from support.fake_store_paths import path
from support.stand_in_nix import failing


@pytest.fixture
def sandbox(fake_ports: FakePorts) -> PushSandbox:
    return PushSandbox(fake_ports)


def test_a_path_that_the_store_lacks_is_named_and_keeps_nothing_back(sandbox: PushSandbox) -> None:
    code, answer = sandbox.push("--to", sandbox.url, str(sandbox.nix.add("a-foo")), str(path("gone")))
    assert (code, names(answer["pushed"])) == (1, ["a-foo"])
    assert answer["failed"] == [{"storePath": str(path("gone")), "reason": "is not in the local store"}]


def test_a_path_collected_between_list_and_push_is_reported(sandbox: PushSandbox) -> None:
    foo, bar = sandbox.nix.add("a-foo"), sandbox.nix.add("c-bar")

    def collect(_: object) -> None:
        if bar in sandbox.nix.infos:
            del sandbox.nix.infos[bar]
            raise CommandFailed(["nix"], 1, f"error: path '{bar}' is not valid")

    sandbox.nix.spoil = collect
    code, answer = sandbox.push("--to", sandbox.url, str(foo), str(bar))
    assert (code, answer["pushed"]) == (1, [str(foo)])
    assert answer["failed"] == [{"storePath": str(bar), "reason": COLLECTED}]


def test_one_path_that_fails_keeps_no_other_back_and_a_rerun_goes_on(sandbox: PushSandbox) -> None:
    words = [str(sandbox.nix.add(name)) for name in ("a-foo", "b-bad", "c-bar")]
    sandbox.nix.spoil = failing(CommandFailed(["nix"], 1, "error: no space left"), "b-bad")
    code, answer = sandbox.push("--to", sandbox.url, *words)
    assert (code, names(answer["pushed"])) == (1, ["a-foo", "c-bar"])
    assert answer["failed"] == [
        {"storePath": words[1], "reason": "was not pushed: nix exited with 1: error: no space left"}
    ]
    assert answer["receipt"]["problems"] == [{"storePath": words[1], "reason": "is not there"}]
    sandbox.nix.spoil = failing(CommandFailed(["nix"], 1, "sent again"), "a-foo", "c-bar")
    code, answer = sandbox.push("--to", sandbox.url, *words)
    assert (code, names(answer["pushed"])) == (0, ["a-foo", "b-bad", "c-bar"])


def test_a_reference_that_is_missing_afterwards_fails_who_needs_it(sandbox: PushSandbox) -> None:
    library = sandbox.nix.add("library")
    foo, bar = sandbox.nix.add("a-foo", library), sandbox.nix.add("c-bar")
    sandbox.nix.lost = {library}
    code, answer = sandbox.push("--to", sandbox.url, str(foo), str(bar))
    assert (code, answer["pushed"]) == (1, [str(bar)])
    assert answer["failed"] == [{"storePath": str(library), "reason": "is not there"}]
    assert answer["reason"] == f"{library} is not there"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda nar, _: nar.unlink(), "has no archive"),
        (lambda nar, _: nar.write_bytes(b"x"), "are stated"),
        (lambda _, narinfo: narinfo.write_text("StorePath: x\n"), "line 1"),
        (lambda _, narinfo: narinfo.write_bytes(narinfo.read_bytes().replace(b"NarSize: 120", b"NarSize: 121")), "121"),
    ],
)
def test_what_is_there_and_damaged_fails_by_name(sandbox: PushSandbox, damage: Any, problem: str) -> None:
    foo = sandbox.nix.add("a-foo")
    sandbox.push("--to", sandbox.url, str(foo))
    damage(sandbox.cache / "nar" / f"{foo.hash}.nar", sandbox.cache / f"{foo.hash}.narinfo")
    code, answer = sandbox.push("--to", sandbox.url, str(foo))
    assert (code, answer["pushed"], answer["failed"][0]["storePath"]) == (1, [], str(foo))
    assert problem in answer["failed"][0]["reason"]


def test_a_cache_that_cannot_be_queried_is_not_a_receipt(sandbox: PushSandbox) -> None:
    foo = sandbox.nix.add("a-foo")
    sandbox.push("--to", sandbox.url, str(foo))
    (sandbox.cache / "nix-cache-info").write_text("StoreDir: /gnu/store\n")
    sandbox.nix._copy = lambda *_: None  # type: ignore[method-assign] # it would repair the file
    code, answer = sandbox.push("--to", sandbox.url, str(foo))
    assert (code, answer["pushed"], answer["receipt"]["verified"]) == (1, [], 0)
    assert "/gnu/store" in answer["failed"][0]["reason"]


def test_no_network_ends_after_some_failures_in_a_row(sandbox: PushSandbox) -> None:
    words = [str(sandbox.nix.add(f"p{number}")) for number in range(30)]
    sandbox.nix.spoil = failing(CommandFailed(["nix"], 1, "error: no route to host"), *(f"p{n}" for n in range(30)))
    code, answer = sandbox.push("--to", sandbox.url, *words)
    assert (code, answer["pushed"], len(answer["failed"])) == (1, [], 30)
    assert len(sandbox.nix.of("copy")) == 1 + GIVE_UP_AFTER


def test_an_interrupted_push_says_how_far_it_came(sandbox: PushSandbox) -> None:
    words = [str(sandbox.nix.add(name)) for name in ("a-foo", "c-bar")]
    sandbox.nix.spoil = failing(Interrupted(15), sorted([path("a-foo"), path("c-bar")])[1].name)
    code, _ = sandbox.say("--to", sandbox.url, *words)
    assert code == 143
    assert "interrupted: 2 paths were begun; the next push goes on from there" in sandbox.ports.stderr.getvalue()
    sandbox.nix.spoil = lambda _: None
    assert sandbox.push("--to", sandbox.url, *words)[0] == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--to", "../x"], "not a name of a Cachix cache"),
        (["--to=-x"], "not a name of a Cachix cache"),
        (["--to", "x\0y"], "not a store to push to"),
        (["--to", "/var/cache"], "is not a URL"),
        (["--as", "release:v1"], "--as keeps paths in a cache that is a folder"),
        (["--to", "file:///x", "--as", "release:../v1"], "not a name of a root"),
        (["--watch"], "--watch needs a command"),
        (["--watch", "--dry-run", "--", "make"], "no dry run"),
        (["--to", "file:///x", "--filter", "(a*)*"], "push filter"),
        (["--to", "file:///x", "--all"], "unrecognized arguments"),
        (["--to", "file:///x", "a b"], "neither a store path nor an installable"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_starts(
    sandbox: PushSandbox, words: list[str], problem: str
) -> None:
    sandbox.ports.environ["CACHIX_AUTH_TOKEN"] = TOKEN
    assert sandbox.say(*words)[0] == 2
    assert problem in sandbox.ports.stderr.getvalue()
    assert [call for call, _ in sandbox.nix.calls if call != ("--version",)] == []
    assert sandbox.programs.calls == []


def test_no_cache_at_all_is_a_configuration_error(sandbox: PushSandbox) -> None:
    (sandbox.ports.cwd / "pipeline.toml").write_text('[workspace]\nname = "x"\n')
    assert sandbox.say()[0] == 2
    assert "cache.name: there is none" in sandbox.ports.stderr.getvalue()


def test_a_store_on_another_machine_cannot_be_watched(sandbox: PushSandbox) -> None:
    sandbox.nix.settings["store"] = "ssh-ng://builder"
    assert sandbox.say("--to", sandbox.url, "--watch", "--", "make")[0] == 2
    assert "has no folder here that could be watched" in sandbox.ports.stderr.getvalue()
    assert sandbox.programs.calls == []
