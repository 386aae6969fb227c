"""What was built: attributes of the flake, derivations on the way to the source, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from nanna_ci.foundation.errors import GateFailed, MalformedData, ToolMissing
from nanna_ci.store.drv_file import parse_drv_file
from nanna_ci.store.nix import Nix
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.evidence.build_facts import BuildFacts, query_builds, read_lineage
from support.fake_derivations import store_path
from support.fake_evidence import aterm, nix_hash
from support.stand_in_nix import StandInNix

SOURCE, OTHER = store_path("source"), store_path("other-source")
OUT, LIBRARY = store_path("app"), store_path("library")
DRV, LIBRARY_DRV, COMPILER = store_path("app.drv"), store_path("library.drv"), store_path("compiler.drv")
OUTPUTS = {DRV: OUT, LIBRARY_DRV: LIBRARY, COMPILER: store_path("compiler")}
NEEDS: Mapping[StorePath, tuple[list[StorePath], list[StorePath]]] = {
    DRV: ([LIBRARY_DRV, COMPILER], []),
    LIBRARY_DRV: ([COMPILER], [SOURCE]),
    COMPILER: ([], [OTHER]),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for path, (inputs, sources) in NEEDS.items():
        (tmp_path / path.base_name).write_bytes(aterm({"out": OUTPUTS[path]}, inputs, sources, path.name))
    return tmp_path


@pytest.fixture
def nix() -> StandInNix:
    nix = StandInNix()
    nix.infos[OUT] = PathInfo(OUT, nix_hash("app"), 100, (), DRV, None, (), None, True)
    derivations = {"packages.x86_64-linux.default": str(DRV), "packages.x86_64-linux.app-of-w": str(DRV)}
    nix.attributes["legacyPackages.x86_64-linux.pipeline"] = json.dumps(
        {"toolkit": "stand-in", "derivations": derivations, "unavailable": {}}
    )
    return nix


def query(nix: StandInNix, store: Path, *tested: StorePath, stated: StorePath | None = None) -> BuildFacts:
    return query_builds(Nix(nix, environ={}), store, {OUT: stated}, frozenset({SOURCE}), tested)


def test_an_output_has_its_derivation_attribute_and_nar_hash(nix: StandInNix, store: Path) -> None:
    facts = query(nix, store)
    (output,) = facts.outputs
    assert (output.path, output.derivation, output.output) == (OUT, DRV, "out")
    assert output.attribute == "packages.x86_64-linux.app-of-w", "default says less"
    assert (output.nar_hash, facts.toolkit, facts.system) == (nix_hash("app"), "stand-in", "x86_64-linux")


def test_only_the_derivations_on_the_way_to_the_source_are_kept(nix: StandInNix, store: Path) -> None:
    facts = query(nix, store)
    assert set(facts.lineage) == {DRV, LIBRARY_DRV}
    assert facts.lineage[DRV] == (store / DRV.base_name).read_bytes()


def test_an_output_without_a_way_to_the_source_keeps_its_own_derivation() -> None:
    graph = {
        path: parse_drv_file(aterm({"out": OUTPUTS[path]}, inputs, sources, "x"), path)
        for path, (inputs, sources) in NEEDS.items()
    }
    assert read_lineage(graph, [DRV], frozenset()) == (DRV,)
    assert set(read_lineage(graph, [DRV], frozenset({OTHER}))) == set(NEEDS)


def test_what_the_flake_does_not_evaluate_to_is_refused(nix: StandInNix, store: Path) -> None:
    nix.attributes["legacyPackages.x86_64-linux.pipeline"] = json.dumps(
        {"toolkit": "stand-in", "derivations": {}, "unavailable": {}}
    )
    with pytest.raises(GateFailed, match="is not what the flake evaluates to"):
        query(nix, store)


def test_what_the_store_lacks_or_cannot_explain_is_refused(nix: StandInNix, store: Path) -> None:
    nix.infos[OUT] = PathInfo(OUT, nix_hash("app"), 100, (), None, None, (), None, True)
    with pytest.raises(ToolMissing, match="does not say which derivation"):
        query(nix, store)
    assert query(nix, store, stated=DRV).outputs[0].derivation == DRV
    del nix.infos[OUT]
    with pytest.raises(MalformedData, match="is not a valid path"):
        query(nix, store)


def test_a_derivation_that_does_not_make_the_output_is_refused(nix: StandInNix, store: Path) -> None:
    other = aterm({"out": LIBRARY}, [], [SOURCE], "app.drv")
    (store / DRV.base_name).write_bytes(other)
    with pytest.raises(MalformedData, match="has no output"):
        query(nix, store)


def test_what_was_tested_is_of_this_source_of_another_or_unknown(nix: StandInNix, store: Path) -> None:
    gone = store_path("gone.drv")
    assert query(nix, store, DRV, COMPILER, gone).tested == {DRV: True, COMPILER: False, gone: None}
