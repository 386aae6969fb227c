"""What Nix would download and build: every branch of Store::queryMissing, on small graphs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from nanna_ci.cache.analysis.substitution import (
    SubstitutionPlan,
    WantedOutputs,
    allows_substitutes,
    plan_substitution,
)
from nanna_ci.store.derivation import Derivation, Output
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.store_path import StorePath
from support.fake_derivations import Spec, instantiate, narinfo, store_path

SPECS = {
    "low": Spec("low", outputs=("out", "dev")),
    "side": Spec("side"),
    "middle": Spec("middle", inputs={"low": ("dev",), "side": ("out",)}),
    "top": Spec("top", inputs={"middle": ("out",)}),
}


class Graph:
    def __init__(self, specs: dict[str, Spec] = SPECS) -> None:
        self.derivations, self.paths = instantiate(specs)
        self.found: dict[StorePath, NarInfo] = {}
        self.valid: set[StorePath] = set()

    def output(self, key: str, name: str = "out") -> StorePath:
        path = self.derivations[self.paths[key]].outputs[name].path
        assert path is not None
        return path

    def has(self, key: str, name: str = "out", references: tuple[StorePath, ...] = (), **more: Any) -> None:
        path = self.output(key, name)
        self.found[path] = narinfo(path, references, **more)

    def change(self, key: str, **changes: Any) -> None:
        path = self.paths[key]
        self.derivations[path] = replace(self.derivations[path], **changes)

    def plan(self, key: str = "top", outputs: tuple[str, ...] = ("out",), **more: Any) -> SubstitutionPlan:
        known = (output for one in self.derivations.values() for output in one.outputs.values())
        queried = {output.path for output in known if output.path is not None} | set(self.found)
        wanted = [WantedOutputs(key, self.paths[key], outputs)]
        return plan_substitution(wanted, self.derivations, found=self.found, queried=queried, valid=self.valid, **more)

    def names(self, paths: frozenset[StorePath]) -> set[str]:
        return {path.name.removesuffix(".drv") for path in paths}


def test_if_nothing_is_there_all_is_built() -> None:
    graph = Graph()
    plan = graph.plan()
    assert graph.names(plan.build) == {"top", "middle", "low", "side"}
    assert (plan.download, plan.unknown, plan.unqueried) == (frozenset(), frozenset(), frozenset())
    assert (plan.download_bytes, plan.nar_bytes) == (0, 0)


def test_if_the_wanted_output_is_valid_nothing_is_done() -> None:
    graph = Graph()
    graph.valid.add(graph.output("top"))
    assert graph.plan() == SubstitutionPlan(
        frozenset(), frozenset(), frozenset(), frozenset(), download_bytes=0, nar_bytes=0
    )


def test_what_is_valid_ends_the_way_down() -> None:
    graph = Graph()
    graph.valid.add(graph.output("middle"))
    assert graph.names(graph.plan().build) == {"top"}


def test_a_hit_brings_what_it_refers_to_and_no_inputs() -> None:
    graph = Graph()
    graph.has("low", "out")
    graph.has("middle", references=(graph.output("low"), graph.output("middle")))
    plan = graph.plan()
    assert graph.names(plan.build) == {"top"}
    assert plan.download == {graph.output("middle"), graph.output("low")}
    assert (plan.download_bytes, plan.nar_bytes) == (200, 400)


def test_what_is_valid_is_not_downloaded_nor_followed() -> None:
    graph = Graph()
    graph.valid.add(graph.output("low"))
    graph.has("middle", references=(graph.output("low"),))
    assert graph.plan().download == {graph.output("middle")}


def test_one_missing_output_of_two_means_to_build_and_the_other_is_not_downloaded() -> None:
    graph = Graph()
    graph.has("low", "out")
    plan = graph.plan("low", ("out", "dev"))
    assert (graph.names(plan.build), plan.download) == ({"low"}, frozenset())


def test_a_derivation_can_be_downloaded_for_one_user_and_built_for_another() -> None:
    specs = {**SPECS, "other": Spec("other", inputs={"low": ("out",)})}
    specs["both"] = Spec("both", inputs={"middle": ("out",), "other": ("out",)})
    graph = Graph(specs)
    graph.has("low", "out")
    plan = graph.plan("both")
    assert "low" in graph.names(plan.build)
    assert plan.download == {graph.output("low", "out")}


def test_a_reference_that_no_cache_has_is_unknown() -> None:
    graph = Graph()
    graph.has("top", references=(graph.output("low"),))
    plan = graph.plan()
    assert (plan.download, plan.unknown) == ({graph.output("top")}, {graph.output("low")})


def test_a_reference_beyond_the_graph_is_to_be_requested() -> None:
    graph = Graph()
    stranger = store_path("stranger")
    graph.has("top", references=(stranger,))
    assert graph.plan().unqueried == {stranger}
    graph.valid.add(stranger)
    assert graph.plan().unqueried == frozenset()


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ({}, True),
        ({"allowSubstitutes": "1"}, True),
        ({"allowSubstitutes": ""}, False),
        ({"allowSubstitutes": "0"}, False),
        ({"__json": json.dumps({"allowSubstitutes": False})}, False),
        ({"__json": json.dumps({"allowSubstitutes": True})}, True),
        ({"__json": "{}", "allowSubstitutes": ""}, True),
        ({"preferLocalBuild": "1"}, True),
    ],
)
def test_a_derivation_may_refuse_to_come_from_a_cache(environment: dict[str, str], allowed: bool) -> None:
    graph = Graph()
    graph.has("middle")
    graph.change("middle", environment=environment)
    assert allows_substitutes(graph.derivations[graph.paths["middle"]]) is allowed
    assert ("middle" in graph.names(graph.plan().build)) is not allowed
    assert "middle" not in graph.names(graph.plan(always_allow=True).build)


def test_an_output_that_only_the_build_shows_is_built() -> None:
    graph = Graph()
    floating = {name: Output(None, is_fixed=False) for name in ("out", "dev")}
    graph.change("low", outputs=floating)
    graph.has("side")
    plan = graph.plan()
    assert graph.names(plan.build) == {"top", "middle", "low"}
    assert plan.unqueried == frozenset()


def test_a_file_of_unknown_size_makes_the_sum_unknown() -> None:
    graph = Graph()
    graph.has("top", file_size_bytes=None)
    plan = graph.plan()
    assert (plan.download_bytes, plan.nar_bytes) == (None, 200)


def test_plain_paths_are_downloaded_with_what_they_refer_to() -> None:
    one, two, three = (store_path(name) for name in ("one", "two", "three"))
    found = {one: narinfo(one, (two,)), two: narinfo(two, (one, two))}
    plan = plan_substitution([one, three], {}, found=found, queried={one, two, three}, valid=set())
    assert (plan.download, plan.unknown) == ({one, two}, {three})


def test_a_deep_graph_does_not_recurse() -> None:
    specs = {"n0": Spec("n0")}
    for number in range(1, 5000):
        specs[f"n{number}"] = Spec(f"n{number}", inputs={f"n{number - 1}": ("out",)})
    derivations: dict[StorePath, Derivation]
    derivations, paths = instantiate(specs)
    wanted = [WantedOutputs("top", paths["n4999"], ("out",))]
    outputs = (output for one in derivations.values() for output in one.outputs.values())
    queried = {output.path for output in outputs if output.path is not None}
    assert len(plan_substitution(wanted, derivations, found={}, queried=queried, valid=set()).build) == 5000
