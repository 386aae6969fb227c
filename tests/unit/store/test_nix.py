"""Calls of the nix program: its arguments, and how its answers are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, ConfigError, MalformedData, ToolMissing
from nanna_ci.store.nix import QUERY_TIMEOUT_S, Nix, parse_version
from nanna_ci.store.store_path import StorePath, parse_store_path
from support.fake_ports import FakeRun

BASE = ("nix", "--extra-experimental-features", "nix-command flakes")
SRI = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
A = parse_store_path("/nix/store/lcnawycjx8z1ic3spfdbvcw7phncnjhq-a.drv")
B = parse_store_path("/nix/store/yipiawg8bm9bk5lhrplidv8pbrqavi11-b.drv")
OUT_A = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-a")
OUT_B = parse_store_path("/nix/store/g69fszdfryhc5rwaf9sxh4msyna32d8z-b")


@pytest.fixture
def run() -> FakeRun:
    fake = FakeRun()
    fake.script(*BASE, "--version", stdout=b"nix (Nix) 2.26.3\n")
    return fake


def nix_with(run: FakeRun, **environ: str) -> Nix:
    return Nix(run, environ=environ)


def arguments_of(run: FakeRun, *words: str) -> tuple[str, ...]:
    """The argv of the only call that begins with `words`, without the base."""
    found = [call.argv[len(BASE) :] for call in run.calls if call.argv[len(BASE) :][: len(words)] == words]
    assert len(found) == 1, run.calls
    return found[0]


@pytest.mark.parametrize(
    ("text", "implementation", "numbers", "has_json_format"),
    [
        ("nix (Nix) 2.26.3", "Nix", (2, 26, 3), False),
        ("nix (Nix) 2.32.9", "Nix", (2, 32, 9), False),
        ("nix (Nix) 2.33", "Nix", (2, 33, 0), True),
        ("nix (Nix) 2.34.0pre20251217_b6add8d", "Nix", (2, 34, 0), True),
        ("nix (Determinate Nix 3.15.0) 2.33.0", "Determinate Nix 3.15.0", (2, 33, 0), True),
        ("nix (Lix, like Nix) 2.93.3", "Lix, like Nix", (2, 93, 3), False),
    ],
)
def test_versions(text: str, implementation: str, numbers: tuple[int, int, int], has_json_format: bool) -> None:
    version = parse_version(text)
    assert (version.implementation, version.numbers) == (implementation, numbers)
    assert version.has_json_format is has_json_format


@pytest.mark.parametrize("text", ["", "nix 2.26", "nix (Nix) two", "nix (Nix) 2", "guix (Nix) 2.26.3"])
def test_what_names_no_version_is_refused(text: str) -> None:
    with pytest.raises(MalformedData):
        parse_version(text)


def test_the_version_is_queried_once(run: FakeRun) -> None:
    nix = nix_with(run)
    assert nix.version() == nix.version()
    assert len(run.calls) == 1


def test_a_missing_nix_hints_at_nixw() -> None:
    run = FakeRun()
    run.script("nix", error=ToolMissing("nix", "not found"))
    with pytest.raises(ToolMissing) as caught:
        nix_with(run).current_system()
    assert caught.value.tool == "nix"
    assert "./nixw" in (caught.value.hint or "")


def test_every_call_has_the_environment_and_a_time_limit(run: FakeRun) -> None:
    run.script(*BASE, "eval", stdout=b"x86_64-linux")
    nix = nix_with(run, PATH="/somewhere")
    assert nix.current_system() == "x86_64-linux"
    nix.version()
    for call in run.calls:
        assert call.options["env"] == {"PATH": "/somewhere"}
        assert 0 < call.options["timeout_s"] <= QUERY_TIMEOUT_S


@pytest.mark.parametrize("answer", [b"", b"x86_64", b"x86_64-linux\nextra", b"<html>"])
def test_an_invalid_system_is_refused(run: FakeRun, answer: bytes) -> None:
    run.script(*BASE, "eval", stdout=answer)
    with pytest.raises(MalformedData):
        nix_with(run).current_system()


def test_evaluation_uses_the_flake_here_by_default(run: FakeRun) -> None:
    run.script(*BASE, "eval", stdout=b'{"a": 1}')
    assert nix_with(run).evaluate("checks.x86_64-linux.unit") == {"a": 1}
    assert arguments_of(run, "eval") == ("eval", "--json", "--no-write-lock-file", ".#checks.x86_64-linux.unit")


def test_flake_overrides_and_function_are_handed_on(run: FakeRun) -> None:
    run.script(*BASE, "eval", stdout=b"[]")
    overrides = json.dumps([["nixpkgs", "path:/a b"], ["nanna-coder", "path:/c"]])
    nix = nix_with(run, NANNA_CI_FLAKE="path:/repo", NANNA_CI_OVERRIDES=overrides)
    assert nix.evaluate("x", apply="builtins.attrNames") == []
    given = ("--override-input", "nixpkgs", "path:/a b", "--override-input", "nanna-coder", "path:/c")
    flags = ("--no-write-lock-file", *given)
    assert arguments_of(run, "eval") == ("eval", "--json", *flags, "path:/repo#x", "--apply", "builtins.attrNames")


@pytest.mark.parametrize(
    "overrides",
    [
        "{",
        "{}",
        '["a"]',
        '[["a"]]',
        '[["a", "b", "c"]]',
        '[["a", 1]]',
        '[["", "b"]]',
        '[["--impure", "b"]]',
        '[["a", "-b"]]',
    ],
)
def test_overrides_that_are_not_pairs_are_a_configuration_error(run: FakeRun, overrides: str) -> None:
    with pytest.raises(ConfigError, match=r"^NANNA_CI_OVERRIDES: "):
        nix_with(run, NANNA_CI_OVERRIDES=overrides)


def test_a_flake_that_would_be_an_option_is_a_configuration_error(run: FakeRun) -> None:
    with pytest.raises(ConfigError, match=r"^NANNA_CI_FLAKE: "):
        nix_with(run, NANNA_CI_FLAKE="--impure")


def test_warnings_on_stderr_never_mix_into_the_value(run: FakeRun) -> None:
    run.script(*BASE, "eval", stdout=b'"value"', stderr=b"warning: Git tree '/repo' is dirty\n[1]\n")
    assert nix_with(run).evaluate("x") == "value"


@pytest.mark.parametrize("answer", [b"", b"warning: dirty\n1", b"[NaN]", b"[" * 10_000])
def test_a_value_that_is_not_json_is_refused(run: FakeRun, answer: bytes) -> None:
    run.script(*BASE, "eval", stdout=answer)
    with pytest.raises(MalformedData, match=r"^nix eval \.#x: "):
        nix_with(run).evaluate("x")


@pytest.mark.parametrize(
    "said",
    [
        b"error: flake 'path:/f' does not provide attribute 'packages.x86_64-linux.x', 'legacyPackages.x' or 'x'\n",
        b"error: attribute 'x' in selection path 'x' not found\n",
    ],
)
def test_a_missing_attribute_is_a_configuration_error(run: FakeRun, said: bytes) -> None:
    run.script(*BASE, "eval", returncode=1, stderr=said)
    with pytest.raises(ConfigError, match=r"^flake \.: there is no attribute x$"):
        nix_with(run).evaluate("x")


def test_any_other_failed_evaluation_is_a_failed_command(run: FakeRun) -> None:
    run.script(*BASE, "eval", returncode=1, stderr=b"error: undefined variable 'y'\n")
    with pytest.raises(CommandFailed, match="undefined variable"):
        nix_with(run).evaluate("x")


def test_the_derivation_of_an_attribute_is_evaluated_not_built(run: FakeRun) -> None:
    run.script(*BASE, "eval", stdout=json.dumps(str(A)).encode())
    assert nix_with(run).derivation_of("packages.x86_64-linux.a") == A
    assert [call.argv[len(BASE)] for call in run.calls] == ["eval"]


@pytest.mark.parametrize("answer", [b"null", b'"/tmp/x.drv"'])
def test_an_attribute_without_a_derivation_is_refused(run: FakeRun, answer: bytes) -> None:
    run.script(*BASE, "eval", stdout=answer)
    with pytest.raises(MalformedData):
        nix_with(run).derivation_of("a")


def test_settings_are_read_by_name(run: FakeRun) -> None:
    run.script(*BASE, "config", "show", stdout=b'{"max-jobs": {"value": 4}, "builders": {"value": "@/etc/m"}}')
    assert nix_with(run).settings() == {"max-jobs": 4, "builders": "@/etc/m"}


def info(path: StorePath) -> dict[str, Any]:
    return {str(path): {"narHash": SRI, "narSize": 1, "references": []}}


def test_path_info_says_what_is_there(run: FakeRun) -> None:
    run.script(*BASE, "path-info", stdout=json.dumps(info(OUT_A) | {str(OUT_B): None}).encode())
    known = nix_with(run).path_info([OUT_A, OUT_B])
    assert known[OUT_A] is not None
    assert known[OUT_B] is None
    assert arguments_of(run, "path-info") == ("path-info", "--json", "--offline", str(OUT_A), str(OUT_B))


def test_the_json_format_is_requested_only_if_nix_knows_it(run: FakeRun) -> None:
    run.script(*BASE, "--version", stdout=b"nix (Nix) 2.33.1\n")
    answer = {"version": 2, "storeDir": "/nix/store", "info": {OUT_A.base_name: None}}
    run.script(*BASE, "path-info", stdout=json.dumps(answer).encode())
    assert nix_with(run).path_info([OUT_A]) == {OUT_A: None}
    assert arguments_of(run, "path-info")[2:-1] == ("--offline", "--json-format", "2")


def test_an_answer_that_leaves_out_a_path_is_refused(run: FakeRun) -> None:
    run.script(*BASE, "path-info", stdout=json.dumps(info(OUT_A)).encode())
    with pytest.raises(MalformedData, match=f"says nothing of {OUT_B}"):
        nix_with(run).path_info([OUT_A, OUT_B])


def test_many_paths_are_requested_in_parts() -> None:
    paths = [StorePath(f"{number:032d}", "x") for number in range(1201)]

    class Answering(FakeRun):
        def __call__(self, argv: Any, **options: Any) -> Any:
            named = [word for word in argv if word.startswith("/nix/store")]
            self.script(*BASE, "path-info", stdout=json.dumps(dict.fromkeys(named)).encode())
            return super().__call__(argv, **options)

    run = Answering()
    run.script(*BASE, "--version", stdout=b"nix (Nix) 2.26.3\n")
    assert len(nix_with(run).path_info(paths)) == 1201
    assert sorted(len(call.argv) for call in run.calls if "path-info" in call.argv) == [
        207,
        506,
        506,
    ]


def shown(*pairs: tuple[StorePath, StorePath]) -> bytes:
    derivations = {
        str(path): {
            "builder": "/bin/sh",
            "inputDrvs": {},
            "inputSrcs": [],
            "outputs": {"out": {"path": str(out)}},
            "system": "x86_64-linux",
        }
        for path, out in pairs
    }
    return json.dumps(derivations).encode()


@pytest.mark.parametrize(("recursive", "flags"), [(True, ("--recursive",)), (False, ())])
def test_derivations_are_shown_alone_or_with_all_they_need(
    run: FakeRun, recursive: bool, flags: tuple[str, ...]
) -> None:
    run.script(*BASE, "derivation", stdout=shown((A, OUT_A), (B, OUT_B)))
    assert set(nix_with(run).derivation_show([A], recursive=recursive)) == {A, B}
    assert arguments_of(run, "derivation") == ("derivation", "show", *flags, str(A))
