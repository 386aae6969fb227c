"""Installables and graphs, with a scripted nix; the store of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import MalformedData, ToolMissing, UsageError
from nanna_ci.store.local_store import LocalStore, store_folder
from nanna_ci.store.nix import Nix
from nanna_ci.store.nix_graph import Installable, evaluate_installable, query_graph
from nanna_ci.store.store_path import parse_store_path
from support.fake_ports import FakeRun

DRV = parse_store_path("/nix/store/cda6mpwpiv703ibips4vapbdccjcdsjs-top.drv")
OUT = parse_store_path("/nix/store/j8g3q3y9l5crb02nkvd2pjagh6bli3gw-top")
GONE = parse_store_path("/nix/store/wk5kwaiha04c9kj804wcvp0rns7gap9y-gone")
FLAGS = ("nix", "--extra-experimental-features", "nix-command flakes")
INFO = {"narHash": "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "narSize": 7, "references": []}


@pytest.fixture
def run() -> FakeRun:
    run = FakeRun()
    run.script(*FLAGS, "--version", stdout=b"nix (Nix) 2.26.3\n")
    return run


def make(run: FakeRun, **environ: str) -> Nix:
    return Nix(run, environ=environ)


@pytest.mark.parametrize(
    ("text", "outputs"),
    [(str(DRV), None), (f"{DRV}^*", None), (f"{DRV}^out", ("out",)), (f"{DRV}^dev,out", ("dev", "out"))],
)
def test_a_derivation_is_not_evaluated(run: FakeRun, text: str, outputs: tuple[str, ...] | None) -> None:
    assert evaluate_installable(make(run), text) == Installable(text, DRV, outputs)
    assert run.calls == []


@pytest.mark.parametrize(
    ("text", "outputs"), [(".#top", ("out", "doc")), (".#top^dev", ("dev",)), (".#top^*", None), (".", ("out", "doc"))]
)
def test_an_attribute_is_evaluated_with_the_callers_overrides(
    run: FakeRun, text: str, outputs: tuple[str, ...] | None
) -> None:
    answer = {"derivation": str(DRV), "outputs": ["out", "doc"]}
    run.script(*FLAGS, "eval", stdout=json.dumps(answer).encode())
    nix = make(run, NANNA_CI_OVERRIDES='[["nixpkgs", "path:/p"]]')
    assert evaluate_installable(nix, text) == Installable(text, DRV, outputs)
    argv = run.calls[-1].argv
    assert argv[-2:] == ("--", text.partition("^")[0])
    assert argv[argv.index("--override-input") :][:3] == ("--override-input", "nixpkgs", "path:/p")


def test_what_nix_does_not_know_is_a_usage_error_with_its_reason(run: FakeRun) -> None:
    stderr = b"error: flake 'path:/x' does not provide attribute 'packages.x.y'\n       Did you mean z?\n"
    run.script(*FLAGS, "eval", returncode=1, stderr=stderr)
    with pytest.raises(UsageError, match=r"'\.#y' cannot be evaluated") as caught:
        evaluate_installable(make(run), ".#y")
    assert "does not provide attribute" in (caught.value.hint or "")


@pytest.mark.parametrize("answer", [b"[]", b'{"derivation": 1}', b'{"derivation": "/nix/store/x", "outputs": []}'])
def test_an_answer_of_another_form_is_refused(run: FakeRun, answer: bytes) -> None:
    run.script(*FLAGS, "eval", stdout=answer)
    with pytest.raises(MalformedData):
        evaluate_installable(make(run), ".#y")


def test_a_store_path_is_not_a_derivation(run: FakeRun) -> None:
    with pytest.raises(UsageError, match="is a store path"):
        evaluate_installable(make(run), str(OUT))


@pytest.mark.parametrize(
    ("remote", "folder"),
    [
        ("", "/nix/store"),
        ("daemon", "/nix/store"),
        ("auto", "/nix/store"),
        ("/tmp/root", "/tmp/root/nix/store"),
        ("local?root=/tmp/root", "/tmp/root/nix/store"),
        ("local?root=relative", None),
        ("ssh-ng://host", None),
        ("local-overlay://", None),
    ],
)
def test_where_the_folder_of_the_store_is(remote: str, folder: str | None) -> None:
    assert store_folder({"NIX_REMOTE": remote}) == (None if folder is None else Path(folder))
    assert store_folder({}) == Path("/nix/store")


def test_files_are_read_if_present_and_else_nix_is_queried(run: FakeRun, tmp_path: Path) -> None:
    shown = {
        "args": [],
        "builder": "b",
        "env": {},
        "inputDrvs": {},
        "inputSrcs": [],
        "name": "top",
        "outputs": {"out": {"path": str(OUT)}},
        "system": "s",
    }
    run.script(*FLAGS, "derivation", "show", stdout=json.dumps({str(DRV): shown}).encode())
    by_nix = query_graph(make(run), [DRV], tmp_path)
    assert query_graph(make(run), [DRV], None) == by_nix
    assert len(run.calls) == 2
    (tmp_path / DRV.base_name).write_text(f'Derive([("out","{OUT}","","")],[],[],"s","b",[],[])')
    assert query_graph(make(run), [DRV], tmp_path) == by_nix
    assert len(run.calls) == 2


def test_only_what_lies_in_the_folder_is_requested_and_once(run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / OUT.base_name).touch()
    run.script(*FLAGS, "path-info", stdout=json.dumps({str(OUT): INFO}).encode())
    store = LocalStore(lambda: make(run), tmp_path, is_optional=False)
    store.load([OUT, GONE])
    store.load([OUT, GONE])
    assert set(store.valid) == {OUT}
    queries = [call.argv for call in run.calls if "path-info" in call.argv]
    assert len(queries) == 1
    assert str(GONE) not in queries[0]


def test_what_lies_there_and_is_not_valid_is_not(run: FakeRun, tmp_path: Path) -> None:
    (tmp_path / OUT.base_name).symlink_to("nowhere")
    run.script(*FLAGS, "path-info", stdout=json.dumps({str(OUT): None}).encode())
    store = LocalStore(lambda: make(run), tmp_path, is_optional=False)
    store.load([OUT])
    assert store.valid == {}


def test_nix_is_not_needed_if_nothing_is_there_or_it_is_optional(tmp_path: Path) -> None:
    def missing() -> Nix:
        raise ToolMissing("nix", "not found")

    LocalStore(missing, tmp_path, is_optional=False).load([OUT])
    (tmp_path / OUT.base_name).touch()
    optional = LocalStore(missing, tmp_path, is_optional=True)
    optional.load([OUT])
    assert optional.valid == {}
    with pytest.raises(ToolMissing):
        LocalStore(missing, tmp_path, is_optional=False).load([OUT])
