"""The calls of nix around a push, by script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, UsageError
from nanna_ci.store.nix import Nix
from nanna_ci.store.nix_copy import (
    copy_paths,
    query_built_since,
    query_closure,
    query_derivations,
    query_store,
    watched_folder,
)
from nanna_ci.store.store_path import StorePath
from support.fake_ports import FakeRun
from support.fake_store_paths import path
from support.stand_in_nix import StandInNix

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
A, C = path("a-foo"), path("c-bar")


def scripted(version: str = "nix (Nix) 2.26.3") -> FakeRun:
    run = FakeRun()
    run.script(*NIX, "--version", stdout=version.encode())
    return run


def test_a_copy_gets_paths_on_stdin_fetches_nothing_and_reports_each_path() -> None:
    run = scripted()
    said = f"copying 2 paths...\ncopying path '{A}' to 'file:///c'...\ncopying path '{C}' to 'file:///c'...\n"
    run.script(*NIX, "copy", stderr=said.encode())
    seen: list[StorePath] = []
    copy_paths(Nix(run, environ={}), "file:///c?compression=zstd", [A, C], secrets=["hush"], on_path=seen.append)
    (call,) = run.calls
    assert call.argv[3:] == ("copy", "--option", "substitute", "false", "--to", "file:///c?compression=zstd", "--stdin")
    assert call.options["stdin"] == f"{A}\n{C}\n".encode()
    assert call.options["secrets"] == ["hush"]
    assert seen == [A, C]


def test_a_copy_that_fails_says_why() -> None:
    run = scripted()
    run.script(*NIX, "copy", returncode=1, stderr=b"error: no space left on device\n")
    with pytest.raises(CommandFailed, match="no space left"):
        copy_paths(Nix(run, environ={}), "file:///c", [A], secrets=(), on_path=lambda _: None)


def test_another_store_is_queried_with_an_empty_cache_in_the_shape_of_this_nix(tmp_path: Path) -> None:
    run = scripted("nix (Nix) 2.35.0")
    answer = {"version": 2, "storeDir": "/nix/store", "info": {A.base_name: None}}
    run.script(*NIX, "path-info", stdout=json.dumps(answer).encode())
    known = query_store(Nix(run, environ={"X": "1"}), "ssh://builder", [A], cache_home=tmp_path)
    assert known == {A: None}
    call = run.calls[-1]
    assert call.argv[3:] == ("path-info", "--json", "--json-format", "2", "--store", "ssh://builder", "--stdin")
    assert call.options["env"] == {"X": "1", "XDG_CACHE_HOME": str(tmp_path)}


def test_nothing_to_query_starts_nothing(tmp_path: Path) -> None:
    run = FakeRun()
    nix = Nix(run, environ={})
    assert (
        query_store(nix, "ssh://b", [], cache_home=tmp_path),
        query_derivations(nix, []),
        query_closure(nix, []),
    ) == (
        {},
        {},
        {},
    )
    assert run.calls == []


def test_the_closure_has_references_and_what_the_store_lacks() -> None:
    store = StandInNix()
    foo = store.add("a-foo", store.add("library"))
    known = query_closure(Nix(store, environ={}), [foo, C])
    assert {one.name: info is not None for one, info in known.items()} == {
        "a-foo": True,
        "library": True,
        "c-bar": False,
    }


def test_a_path_that_is_collected_during_the_closure_query_is_missing() -> None:
    store = StandInNix()
    foo, bar = store.add("a-foo"), store.add("c-bar")
    original = store._path_info

    def collecting(requested: Sequence[str], words: tuple[str, ...], *, recursive: bool) -> dict[str, Any]:
        if recursive:
            store.infos.pop(bar, None)
        return original(requested, words, recursive=recursive)

    store._path_info = collecting  # type: ignore[method-assign, assignment]
    known = query_closure(Nix(store, environ={}), [foo, bar])
    assert {one.name: info is not None for one, info in known.items()} == {"a-foo": True, "c-bar": False}


def test_installables_use_the_callers_overrides() -> None:
    run = scripted()
    run.script(*NIX, "derivation", stdout=b"{}")
    nix = Nix(run, environ={"NANNA_CI_OVERRIDES": '[["nixpkgs", "path:/kit"]]'})
    query_derivations(nix, [".#a", ".#b"], recursive=True)
    (call,) = run.calls
    words = ("derivation", "show", "--recursive", "--no-write-lock-file", "--override-input", "nixpkgs", "path:/kit")
    assert call.argv[3:] == (*words, "--stdin")
    assert call.options["stdin"] == b".#a\n.#b\n"


@pytest.mark.parametrize(
    ("said", "error"),
    [("error: flake 'x' does not provide attribute 'y'", UsageError), ("error: undefined variable", CommandFailed)],
)
def test_an_attribute_that_is_not_there_is_the_callers_mistake(said: str, error: type[Exception]) -> None:
    run = scripted()
    run.script(*NIX, "derivation", returncode=1, stderr=said.encode())
    with pytest.raises(error, match=said.removeprefix("error: ")):
        query_derivations(Nix(run, environ={}), ["x#y"])


@pytest.mark.parametrize("setting", ["local?root={root}", "{root}", "local://?root={root}", "{root}?trusted=1"])
def test_the_folder_of_a_store_of_ones_own_is_below_its_root(tmp_path: Path, setting: str) -> None:
    store = StandInNix()
    store.settings["store"] = setting.format(root=tmp_path)
    with pytest.raises(UsageError, match="has no folder here"):
        watched_folder(Nix(store, environ={}))
    (tmp_path / "nix/store").mkdir(parents=True)
    assert watched_folder(Nix(store, environ={})) == tmp_path / "nix/store"


@pytest.mark.parametrize("setting", ["ssh-ng://builder", "https://cache.example.org", "dummy://", "s3://bucket"])
def test_a_store_elsewhere_has_no_folder_to_watch(setting: str) -> None:
    store = StandInNix()
    store.settings["store"] = setting
    with pytest.raises(UsageError, match="has no folder here"):
        watched_folder(Nix(store, environ={}))


def test_only_new_files_are_queried_about(tmp_path: Path) -> None:
    store = StandInNix()
    new = store.add("a-foo", deriver=path("a.drv"), registered_s=2_000_000_000)
    for name in (new.base_name, ".links", f"{C.base_name}.lock", "x" * 10, path("x.drv").base_name):
        (tmp_path / name).touch()
    nix = Nix(store, environ={})
    stamp = (tmp_path / new.base_name).stat().st_ctime
    assert query_built_since(nix, tmp_path, stamp) == [new]
    assert query_built_since(nix, tmp_path, stamp + 60) == []
    queries = [words for words, _ in store.of("path-info")]
    assert len(queries) == 1
    assert not any(word.endswith(".drv") for word in queries[0])
