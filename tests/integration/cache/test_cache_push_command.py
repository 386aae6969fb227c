"""`nanna-ci cache-push` as its user sees it: a stand-in for nix, real cache folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, ToolMissing
from nanna_ci.foundation.process import Completed
from nanna_ci.store.hashes import Signature
from support.cache_push_without_nix import TOKEN, PushSandbox, names
from support.fake_ports import FakePorts
from support.fake_store_paths import path
from support.stand_in_nix import failing


@pytest.fixture
def sandbox(fake_ports: FakePorts) -> PushSandbox:
    return PushSandbox(fake_ports)


def test_the_path_after_a_filtered_one_is_pushed(sandbox: PushSandbox) -> None:
    words = [str(sandbox.nix.add(name)) for name in ("a-foo", "b-source", "c-bar")]
    code, answer = sandbox.push("--to", sandbox.url, *words)
    assert (code, answer["verdict"], answer["reason"]) == (0, "pass", None)
    assert names(answer["pushed"]) == ["a-foo", "c-bar"]
    assert answer["filtered"] == [{"storePath": words[1], "pattern": "-source$"}]
    assert sandbox.held() == {"a-foo", "c-bar"}
    assert answer["receipt"]["verified"] == 2


def test_a_filtered_path_that_comes_along_says_for_whom(sandbox: PushSandbox) -> None:
    source = sandbox.nix.add("b-source")
    foo = sandbox.nix.add("a-foo", source)
    code, answer = sandbox.push("--to", sandbox.url, str(foo), str(source))
    assert code == 0
    assert answer["dragged"] == [{"storePath": str(source), "pattern": "-source$", "neededBy": [str(foo)]}]
    assert (answer["filtered"], sandbox.held()) == ([], {"a-foo", "b-source"})


def test_paths_come_on_stdin_too_and_a_flag_replaces_the_filter(sandbox: PushSandbox) -> None:
    sandbox.ports.stdin.write(f"{sandbox.nix.add('a-foo')}\n\n{sandbox.nix.add('b-source')}\n")
    sandbox.ports.stdin.seek(0)
    code, answer = sandbox.push("--to", sandbox.url, "-", "--filter", "^$")
    assert (code, names(answer["pushed"]), answer["filter"]) == (0, ["a-foo", "b-source"], ["^$"])


def test_standard_input_without_a_path_is_not_a_success(sandbox: PushSandbox) -> None:
    code, answer = sandbox.push("--to", sandbox.url, "-")
    assert (code, answer["verdict"], answer["reason"]) == (1, "fail", "standard input names no path")


def test_without_words_it_is_what_is_here_of_the_pipeline(sandbox: PushSandbox) -> None:
    unit, lint, other = sandbox.nix.add("unit"), path("lint"), sandbox.nix.add("other")
    sandbox.nix.attributes["legacyPackages.x86_64-linux.pipeline"] = {
        "derivations": {
            "checks.x86_64-linux.unit": str(sandbox.nix.add_derivation("unit", outputs={"out": unit})),
            "checks.x86_64-linux.clippy": str(sandbox.nix.add_derivation("lint", outputs={"out": lint})),
            "packages.x86_64-linux.no-job": str(sandbox.nix.add_derivation("other", outputs={"out": other})),
        },
        "unavailable": {},
    }
    code, answer = sandbox.push("--to", sandbox.url)
    assert (code, answer["pushed"], answer["failed"]) == (0, [str(unit)], [])
    assert "1 of the 2 jobs of the pipeline have an output here" in sandbox.ports.stderr.getvalue()
    del sandbox.nix.infos[unit]
    code, answer = sandbox.push("--to", sandbox.url)
    assert (code, answer["verdict"]) == (1, "fail")
    assert "run them first" in answer["reason"]


def test_an_installable_without_an_output_here_is_named(sandbox: PushSandbox) -> None:
    sandbox.nix.attributes["top"] = sandbox.nix.add_derivation("top", outputs={"out": path("top")})
    code, answer = sandbox.push("--to", sandbox.url, ".#top", str(sandbox.nix.add("a-foo")))
    assert (code, names(answer["pushed"])) == (1, ["a-foo"])
    assert [(one["storePath"], one["reason"]) for one in answer["failed"]] == [
        (str(path("top.drv")), "has no output here: build it")
    ]


def test_a_dry_run_shows_the_plan_and_touches_nothing(sandbox: PushSandbox) -> None:
    words = [str(sandbox.nix.add(name)) for name in ("a-foo", "b-source")]
    code, answer = sandbox.push("--to", sandbox.url, "--dry-run", "--as", "pin:x", *words)
    assert (code, answer["planned"], answer["pushed"], answer["receipt"]) == (0, [words[0]], [], None)
    assert (answer["closure"], answer["recordedAs"]) == ({"paths": 1, "narBytes": 120}, None)
    assert sandbox.nix.of("copy") == []
    assert not sandbox.cache.exists()
    assert sandbox.push("--dry-run", *words)[0] == 0  # to a Cachix cache: no token, no cachix, no network
    assert sandbox.programs.calls == []


def test_a_record_keeps_what_was_pushed(sandbox: PushSandbox) -> None:
    foo = sandbox.nix.add("a-foo", sandbox.nix.add("library"))
    code, answer = sandbox.push("--to", sandbox.url, "--as", "release:v1", str(foo))
    assert (code, answer["recordedAs"]) == (0, "release:v1")
    record = json.loads((sandbox.cache / "nanna-ci-roots/release-v1.json").read_bytes())
    assert record["paths"] == [str(foo)]
    assert record["recordedS"] == 1_700_001_000


def test_no_record_is_written_if_nothing_is_there(sandbox: PushSandbox) -> None:
    sandbox.nix.spoil = failing(CommandFailed(["nix"], 1, "error"), "a-foo")
    code, answer = sandbox.push("--to", sandbox.url, "--as", "release:v1", str(sandbox.nix.add("a-foo")))
    assert (code, answer["recordedAs"]) == (1, None)
    assert not (sandbox.cache / "nanna-ci-roots").exists()


def test_everything_filtered_is_a_yes_that_says_so(sandbox: PushSandbox) -> None:
    code, answer = sandbox.push("--to", sandbox.url, str(sandbox.nix.add("b-source")))
    assert (code, answer["verdict"], answer["reason"]) == (0, "pass", "the filter excludes all of it")
    assert not sandbox.cache.exists()


def test_unsigned_paths_are_warned_of(sandbox: PushSandbox) -> None:
    code, answer = sandbox.push("--to", sandbox.url, str(sandbox.nix.add("a-foo")))
    assert (code, answer["receipt"]["untrusted"]) == (0, 1)
    assert "carry no signature that Nix here would trust" in sandbox.say("--to", sandbox.url, str(path("a-foo")))[1]
    assert sandbox.push("--to", f"{sandbox.url}?trusted=true", str(path("a-foo")))[1]["receipt"]["untrusted"] == 0


class TestCachix:
    """The route over the cachix program, as far as it goes without a network."""

    def test_without_a_token_it_is_a_notice_and_exit_0(self, sandbox: PushSandbox) -> None:
        code, answer = sandbox.push(str(sandbox.nix.add("a-foo")))
        assert (code, answer["verdict"], answer["pushed"], answer["route"]) == (0, "unavailable", [], "cachix")
        assert answer["reason"] == "cachix has no token: nothing was pushed; pulling needs none"
        assert answer["to"] == "https://nanna-coder.cachix.org"
        assert (sandbox.nix.calls, sandbox.programs.calls) == ([], [])
        assert "Cachix has no token" in sandbox.say(str(path("a-foo")))[1]

    def test_without_a_token_a_watched_command_still_runs_and_its_failure_is_ours(self, sandbox: PushSandbox) -> None:
        sandbox.programs.script("make", stdout=b"made\n")
        code, answer = sandbox.push("--watch", "--", "make", "-k")
        assert (code, answer["verdict"], answer["watched"]["argv"]) == (0, "unavailable", ["make", "-k"])
        assert "made\n" in sandbox.ports.stderr.getvalue()
        sandbox.ports.environ["OTHER_TOKEN"] = TOKEN
        sandbox.programs.script("make", returncode=7)
        code, answer = sandbox.push("--watch", "--", "make", "-k")
        assert (code, answer["verdict"]) == (1, "fail")
        assert "`make -k` exited with 7" in answer["reason"]
        assert sandbox.programs.calls[-1].options["secrets"] == (TOKEN,)

    @pytest.mark.parametrize(
        ("what", "problem"),
        [
            ({"error": ToolMissing("cachix", "not found")}, "not found"),
            ({"stdout": b"cachix 1.0.1"}, "older than 1.7.0"),
        ],
    )
    def test_a_missing_or_old_cachix_is_reported_before_anything_is_built(
        self, sandbox: PushSandbox, what: dict[str, Any], problem: str
    ) -> None:
        sandbox.ports.environ["CACHIX_AUTH_TOKEN"] = TOKEN
        sandbox.programs.script("cachix", "--version", **what)
        assert sandbox.say("--watch", "--", "make")[0] == 3
        assert [call.argv[0] for call in sandbox.programs.calls] == ["cachix"]
        said = sandbox.ports.stderr.getvalue()
        assert problem in said
        assert "hint: nix profile install nixpkgs#cachix" in said


def test_what_is_watched_is_pushed_even_if_the_command_fails(sandbox: PushSandbox, tmp_path: Path) -> None:
    store = tmp_path / "nix/store"
    (store / ".links").mkdir(parents=True)
    sandbox.nix.settings["store"] = f"local?root={tmp_path}"
    now: dict[str, Any] = {"registered_s": 1_700_001_000, "deriver": path("x.drv")}
    for one in (sandbox.nix.add("g-just-before", **now), path("f-invalid"), path("x.drv")):
        (store / one.base_name).touch()

    def make(argv: Sequence[str], **options: Any) -> Completed:
        paths = [
            sandbox.nix.add("a-foo", **now),
            sandbox.nix.add("b-remote", **now, is_ultimate=False),
            sandbox.nix.add("c-fetched", **now, is_ultimate=False, signatures=(Signature("key-1", "eA=="),)),
            sandbox.nix.add("d-tree", registered_s=1_700_001_000, is_ultimate=False),
            sandbox.nix.add("e-old", registered_s=1_600_000_000, deriver=path("e.drv")),
        ]
        for one in paths:
            (store / one.base_name).touch()
        options["on_stderr"](b"it broke")
        return Completed(tuple(argv), 2, b"", "", 0.0)

    sandbox.nix.other = make
    code, answer = sandbox.push("--to", sandbox.url, "--watch", "--", "make")
    assert (code, names(answer["pushed"])) == (1, ["a-foo", "b-remote"])
    assert answer["watched"] == {"argv": ["make"], "exitCode": 2, "seconds": 0.0}
    assert answer["reason"] == "`make` exited with 2"
    assert "it broke\n" in sandbox.ports.stderr.getvalue()


def test_a_watched_command_that_builds_nothing_is_a_yes_that_says_so(sandbox: PushSandbox, tmp_path: Path) -> None:
    (tmp_path / "nix/store").mkdir(parents=True)
    sandbox.nix.settings["store"] = str(tmp_path)
    sandbox.programs.script("make")
    code, answer = sandbox.push("--to", sandbox.url, "--watch", "--", "make")
    assert (code, answer["reason"]) == (0, "nothing was built meanwhile that is still here")


def test_the_report_for_people_has_failures_first(sandbox: PushSandbox) -> None:
    source = sandbox.nix.add("b-source")
    words = [str(sandbox.nix.add("a-foo", source)), str(sandbox.nix.add("n-source")), str(path("gone"))]
    code, text = sandbox.say("--to", sandbox.url, *words)
    assert code == 1
    first = text.index(f"{path('gone')} is not in the local store")
    assert first < text.index("b-source") < text.index("n-source")
    assert sandbox.say("--to", sandbox.url, "--format", "markdown", *words)[1].startswith("# Push to file")
