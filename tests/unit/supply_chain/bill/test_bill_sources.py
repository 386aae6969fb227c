from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import CommandFailed, MalformedData, UsageError
from nanna_ci.store.nix import Nix
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_sources import BillSources, parse_closure
from support.fake_executables import elf
from support.fake_listed_programs import elf_with, packed, root
from support.fake_ports import FakePorts
from support.fake_store_paths import nar_hash, path

NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
LISTED = elf_with({".dep-v0": packed([root()])})


def infos(*paths: StorePath, deriver: StorePath | None = None) -> bytes:
    document: dict[str, Any] = {}
    for number, one in enumerate(paths):
        references = [str(two) for two in paths[number + 1 : number + 2]]
        document[str(one)] = {
            "narHash": str(nar_hash(one)),
            "narSize": 10,
            "references": references,
            "deriver": None if deriver is None else str(deriver),
        }
    return json.dumps(document).encode()


def drv(out: StorePath, inputs: str = "", **environment: str) -> bytes:
    pairs = ",".join(f"({json.dumps(key)},{json.dumps(value)})" for key, value in environment.items())
    return f'Derive([("out","{out}","","")],[{inputs}],[],"x86_64-linux","/bin/sh",[],[{pairs}])'.encode()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "root/nix/store"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def sources(fake_ports: FakePorts, store: Path) -> BillSources:
    fake_ports.environ["NIX_REMOTE"] = str(store.parents[1])
    fake_ports.run.script(*NIX, "--version", stdout=b"nix (Nix) 2.26.3\n")
    ports = fake_ports.ports
    return BillSources(Nix(ports.run, environ=ports.environ), ports.environ, ports.cwd, lambda _: None)


def put(store: Path, one: StorePath, name: str, data: bytes) -> None:
    file = store / one.base_name / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def test_a_closure_has_programs_of_its_root_and_lists_of_others(
    fake_ports: FakePorts, sources: BillSources, store: Path
) -> None:
    main, tool = path("harness-0.1.0"), path("tool-1.0")
    fake_ports.run.script(*NIX, "path-info", "--json", "--recursive", stdout=infos(main, tool, deriver=path("x.drv")))
    put(store, main, "bin/plain", elf())
    put(store, tool, "bin/listed", LISTED)
    put(store, tool, "bin/plain", elf())
    (store / path("x.drv").base_name).write_bytes(drv(main, pname="harness"))
    closure = sources.closure((main,))
    assert [str(one.store_path) + "/" + one.path for one in closure.programs] == [
        f"{main}/bin/plain",
        f"{tool}/bin/listed",
    ]
    assert closure.executables == {main: True, tool: True}
    assert closure.derivations[path("x.drv")].environment["pname"] == "harness"


def test_a_closure_whose_files_are_elsewhere_is_told_by_what_nix_says(
    fake_ports: FakePorts, sources: BillSources
) -> None:
    fake_ports.run.script(*NIX, "path-info", "--json", "--recursive", stdout=infos(path("a-1")))
    closure = sources.closure((path("a-1"),))
    assert (closure.programs, closure.executables, closure.derivations) == ((), None, {})


@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"{}", "an empty closure has no bill"), (f'{{"{path("a-1")}":null}}'.encode(), "a-1 is not in the store")],
)
def test_a_closure_that_is_empty_or_has_holes_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(MalformedData, match=problem):
        parse_closure(data, "file")


def test_a_store_path_and_a_link_to_one_are_their_own_outputs(
    fake_ports: FakePorts, sources: BillSources, tmp_path: Path
) -> None:
    one = path("a-1")
    fake_ports.run.script(*NIX, "path-info", "--json", stdout=infos(one))
    (tmp_path / "result").symlink_to(f"{one}/bin")
    assert sources.outputs_of(str(one)) == sources.outputs_of("./result") == (one,)


def test_a_store_path_that_is_not_there_is_named(fake_ports: FakePorts, sources: BillSources) -> None:
    one = path("a-1")
    fake_ports.run.script(*NIX, "path-info", "--json", stdout=json.dumps({str(one): None}).encode())
    with pytest.raises(UsageError, match="is not in the store"):
        sources.outputs_of(str(one))


def test_a_package_is_evaluated_and_not_built_where_it_is_there(fake_ports: FakePorts, sources: BillSources) -> None:
    out, made = path("harness"), path("harness.drv")
    answer = {"derivation": str(made), "outputs": ["out"]}
    fake_ports.run.script(*NIX, "eval", stdout=json.dumps(answer).encode())
    shown = {
        str(made): {
            "outputs": {"out": {"path": str(out)}},
            "system": "s",
            "builder": "b",
            "inputSrcs": [],
            "inputDrvs": {},
        }
    }
    fake_ports.run.script(*NIX, "derivation", "show", stdout=json.dumps(shown).encode())
    fake_ports.run.script(*NIX, "path-info", "--json", stdout=infos(out))
    assert sources.outputs_of("harness") == (out,)
    assert ".#harness" in fake_ports.run.calls[0].argv
    assert not any("build" in call.argv for call in fake_ports.run.calls)


def test_a_flake_without_crate_facts_has_none(fake_ports: FakePorts, sources: BillSources) -> None:
    fake_ports.run.script(*NIX, "eval", returncode=1, stderr=b"error: does not provide attribute")
    assert sources.facts_folder("x86_64-linux") is None


def test_the_packages_of_an_image_are_those_its_layers_name(
    fake_ports: FakePorts, sources: BillSources, store: Path
) -> None:
    image, layer, package = path("harness-image"), path("layer.drv"), path("harness")
    fake_ports.run.script(*NIX, "path-info", "--json", stdout=infos(image, deriver=path("image.drv")))
    (store / path("image.drv").base_name).write_bytes(drv(image, f'("{layer}",["out"])'))
    attributes = json.dumps({"packages": [str(package)]})
    (store / layer.base_name).write_bytes(drv(path("layer"), __json=attributes))
    put(store, package, "bin/harness", LISTED)
    assert [one.path for one in sources.layer_sources(image)[package]] == ["bin/harness"]


@pytest.mark.parametrize(("answer", "seconds"), [(1_790_000_000, 1_790_000_000), (1, None), (None, None)])
def test_the_time_is_that_of_the_flake_and_not_that_of_the_store(
    fake_ports: FakePorts, sources: BillSources, answer: int | None, seconds: int | None
) -> None:
    fake_ports.run.script(*NIX, "flake", "metadata", stdout=json.dumps({"lastModified": answer}).encode())
    assert sources.last_modified_s() == seconds


def test_a_flake_that_cannot_be_asked_has_no_time(fake_ports: FakePorts, sources: BillSources) -> None:
    fake_ports.run.script(*NIX, "flake", "metadata", error=CommandFailed(["nix"], 1, "no"))
    assert sources.last_modified_s() is None
