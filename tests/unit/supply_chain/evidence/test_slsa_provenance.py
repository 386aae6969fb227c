"""SLSA provenance: the shape that the specification wants, written out by hand, and what is refused when it is read."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.supply_chain.evidence.slsa_provenance import (
    BUILD_TYPE,
    BuilderFacts,
    make_predicate,
    parse_builder,
    parse_predicate,
)
from support.fake_evidence import FakeBuild, make_build, source_of

URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> FakeBuild:
    return make_build(tmp_path_factory.mktemp("build"))


@pytest.fixture
def predicate(build: FakeBuild) -> dict[str, Any]:
    builder = BuilderFacts(
        "https://github.com/o/r/w.yml@x", "https://github.com/o/r/actions/runs/1", "2026-11-28T10:00:00Z"
    )
    return copy.deepcopy(make_predicate(build.parts.flake, build.parts.builds, builder))


def descriptors(predicate: dict[str, Any]) -> list[dict[str, Any]]:
    dependencies: list[dict[str, Any]] = predicate["buildDefinition"]["resolvedDependencies"]
    return [*dependencies, *predicate["runDetails"]["byproducts"]]


def test_the_predicate_has_the_fields_that_slsa_requires(predicate: dict[str, Any]) -> None:
    assert set(predicate) == {"buildDefinition", "runDetails"}
    definition, details = predicate["buildDefinition"], predicate["runDetails"]
    known = {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert {"buildType", "externalParameters"} <= set(definition) <= known
    assert URI.fullmatch(definition["buildType"])
    assert {"builder"} <= set(details) <= {"builder", "metadata", "byproducts"}
    assert {"id"} <= set(details["builder"]) <= {"id", "builderDependencies", "version"}
    assert all(isinstance(text, str) for text in details["builder"]["version"].values())
    assert set(details["metadata"]) <= {"invocationId", "startedOn", "finishedOn"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", details["metadata"]["startedOn"])
    assert not definition["externalParameters"].keys() & definition["internalParameters"].keys()


def test_every_descriptor_is_one_of_in_totos(predicate: dict[str, Any]) -> None:
    known = {"uri", "digest", "name", "downloadLocation", "mediaType", "content", "annotations"}
    for descriptor in descriptors(predicate):
        assert set(descriptor) <= known
        assert {"uri", "digest", "content"} & set(descriptor), "the specification wants one of the three"
        assert URI.fullmatch(descriptor["uri"])
        for digest in descriptor.get("digest", {}).values():
            assert re.fullmatch("[0-9a-f]{40,64}", digest)


def test_sources_inputs_overrides_derivations_and_outputs_are_all_there(predicate: dict[str, Any]) -> None:
    names = [one["name"] for one in predicate["buildDefinition"]["resolvedDependencies"]]
    assert names[:3] == ["flake", "crane", "subject"]
    assert [name.partition("-")[2] for name in names[3:]] == ["app-build.drv", "app-image.drv"] or sorted(
        name.partition("-")[2] for name in names[3:]
    ) == ["app-build.drv", "app-image.drv"]
    parameters = predicate["buildDefinition"]["externalParameters"]
    assert parameters["overrides"] == {"subject": f"path:{source_of('subject')}"}
    assert parameters["attributes"] == ["packages.x86_64-linux.app", "packages.x86_64-linux.app-image"]
    outputs = {one["annotations"]["attribute"] for one in predicate["runDetails"]["byproducts"]}
    assert sorted(outputs) == parameters["attributes"]


def test_a_folder_of_this_machine_is_in_no_statement(predicate: dict[str, Any]) -> None:
    assert "/home/me" not in json.dumps(predicate)


def test_a_clean_source_has_its_commit_and_a_changed_one_says_so(build: FakeBuild) -> None:
    clean = make_predicate(build.parts.flake, build.parts.builds, BuilderFacts("urn:x:y"))
    dirty = make_predicate(replace(build.parts.flake, is_dirty=True), build.parts.builds, BuilderFacts("urn:x:y"))
    one, other = (made["buildDefinition"]["resolvedDependencies"][0] for made in (clean, dirty))
    assert (one["digest"]["gitCommit"], one["annotations"]["isDirty"]) == ("1" * 40, False)
    assert ("gitCommit" in other["digest"], other["annotations"]["isDirty"]) == (False, True)
    assert "metadata" not in clean["runDetails"]


def test_what_was_written_is_read(predicate: dict[str, Any]) -> None:
    provenance = parse_predicate(predicate, "x")
    assert [source.name for source in provenance.sources] == ["flake", "crane", "subject"]
    assert [source.may_be_built for source in provenance.sources] == [True, False, True]
    assert provenance.sources[0].revision == "1" * 40
    assert len(provenance.derivations) == len(provenance.outputs) == 2
    assert provenance.builder == "https://github.com/o/r/w.yml@x"


Change = Callable[[dict[str, Any]], object]
CHANGES: list[tuple[Change, str]] = [
    (lambda p: p["buildDefinition"].update(buildType=BUILD_TYPE + "2"), "buildType is"),
    (lambda p: p["buildDefinition"]["externalParameters"].update(more=1), "externalParameters.'more' is not known"),
    (lambda p: p["buildDefinition"]["externalParameters"]["attributes"].pop(), "do not name the same"),
    (lambda p: p["buildDefinition"]["resolvedDependencies"].pop(0), "does not begin with the flake"),
    (
        lambda p: p["buildDefinition"]["resolvedDependencies"][1]["digest"].update(nixNarSha256="0" * 64),
        "two NAR hashes",
    ),
    (lambda p: p["runDetails"]["byproducts"][0]["digest"].update(nixNarSha256="0" * 64), "two NAR hashes"),
    (lambda p: p["runDetails"]["byproducts"][0].update(name="/tmp/x"), "not under /nix/store"),
    (lambda p: p["runDetails"].pop("builder"), "builder"),
    (
        lambda p: (
            p["runDetails"]["byproducts"].clear(),
            p["buildDefinition"]["externalParameters"]["attributes"].clear(),
        ),
        "provenance of nothing",
    ),
]


@pytest.mark.parametrize(("change", "problem"), CHANGES, ids=[problem for _, problem in CHANGES])
def test_another_predicate_is_refused(predicate: dict[str, Any], change: Change, problem: str) -> None:
    change(predicate)
    with pytest.raises(MalformedData, match=re.escape(problem)):
        parse_predicate(predicate, "x")


@pytest.mark.parametrize("text", ["", "builder", "https://x y", "://x", "https://x\n"])
def test_a_builder_that_is_no_uri_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError, match="is not a URI"):
        parse_builder(text)


def test_the_predicate_of_a_written_folder_is_the_same_on_any_machine(build: FakeBuild, tmp_path: Path) -> None:
    other = make_build(tmp_path / "elsewhere")
    one, two = build.write("one"), other.write("two")
    assert (one / "provenance.intoto.json").read_bytes() == (two / "provenance.intoto.json").read_bytes()
