"""SLSA provenance (v1.1) of what the flake did: sources and inputs with their hashes, derivations, outputs, builder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nanna_ci import __version__
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, as_texts, describe
from nanna_ci.store.hashes import NixHash, parse_hash
from nanna_ci.store.store_path import StorePath, parse_store_path
from nanna_ci.supply_chain.evidence.build_facts import BuildFacts
from nanna_ci.supply_chain.evidence.flake_facts import FlakeFacts, dependency

BUILD_TYPE: Final = "urn:nanna-ci:nix-flake-build:v1"  # docs/supply-chain.md says what it means
LOCAL_BUILDER: Final = "urn:nanna-ci:builder:local"  # a machine that nobody vouches for
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\"<>\\^`{|}]+")
_FLAKE: Final = "flake"


@dataclass(frozen=True, slots=True)
class BuilderFacts:
    """Who built: a URI for the platform, the run's own URI and its beginning (ISO 8601), where there are such."""

    id: str
    invocation: str | None = None
    started: str | None = None


def parse_builder(text: str) -> str:
    """A builder's URI. Raises UsageError for anything else."""
    if _URI.fullmatch(text) is None:
        raise UsageError(f"--builder {shorten(text)} is not a URI", hint="such as https://github.com/OWNER/REPO/…@REF")
    return text


def make_predicate(flake: FlakeFacts, builds: BuildFacts, builder: BuilderFacts) -> dict[str, Any]:
    """The predicate: the same facts give the same bytes, on any machine."""
    overrides = {one.route: dependency(one)["uri"] for one in flake.inputs if one.is_overridden}
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "flake": f"path:{flake.source_path}",
                "attributes": sorted({output.attribute for output in builds.outputs}),
                "overrides": overrides,
            },
            "internalParameters": {"system": builds.system, "toolkit": builds.toolkit},
            "resolvedDependencies": [
                _source(flake),
                *(dependency(one) for one in sorted(flake.inputs, key=lambda one: one.route)),
                *(_derivation(path) for path in sorted(builds.lineage)),
            ],
        },
        "runDetails": {
            "builder": {"id": builder.id, "version": {"nanna-ci": __version__, "nix": builds.nix_version}},
            **({"metadata": metadata} if (metadata := _metadata(builder)) else {}),
            "byproducts": [
                {
                    "name": str(output.path),
                    "uri": f"path:{output.path}",
                    "digest": {"nixNarSha256": output.nar_hash.digest.hex()},
                    "annotations": {
                        "narHash": str(output.nar_hash),
                        "derivation": str(output.derivation),
                        "output": output.output,
                        "attribute": output.attribute,
                    },
                }
                for output in sorted(builds.outputs, key=lambda output: output.path)
            ],
        },
    }


def _source(flake: FlakeFacts) -> dict[str, Any]:
    digest = {"nixNarSha256": flake.nar_hash.digest.hex()}
    if flake.revision is not None and not flake.is_dirty:
        digest["gitCommit"] = flake.revision
    return {
        "name": _FLAKE,
        "uri": f"path:{flake.source_path}",
        "digest": digest,
        "annotations": {
            "narHash": str(flake.nar_hash),
            "storePath": str(flake.source_path),
            "revision": flake.revision,
            "isDirty": flake.is_dirty,
        },
    }


def _derivation(path: StorePath) -> dict[str, Any]:
    return {"name": path.base_name, "uri": f"path:{path}", "annotations": {"storePath": str(path)}}


def _metadata(builder: BuilderFacts) -> dict[str, str]:
    values = {"invocationId": builder.invocation, "startedOn": builder.started}
    return {name: value for name, value in values.items() if value is not None}


# --- read again -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatedSource:
    """A source as provenance names it: the flake or an input. `revision` is a commit, or None."""

    name: str
    nar_hash: NixHash | None
    store_path: StorePath | None
    revision: str | None
    is_dirty: bool
    is_flake: bool

    @property
    def may_be_built(self) -> bool:
        """Whether it may be the workspace: the flake itself, or an input of its own that is no flake."""
        return self.name == _FLAKE or (not self.is_flake and "/" not in self.name)


@dataclass(frozen=True, slots=True)
class StatedOutput:
    """An output as provenance names it."""

    path: StorePath
    nar_hash: NixHash
    derivation: StorePath
    output: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a predicate of ours says."""

    builder: str
    overrides: Mapping[str, str]
    sources: tuple[StatedSource, ...]
    derivations: tuple[StorePath, ...]
    outputs: tuple[StatedOutput, ...]


def parse_predicate(predicate: JsonObject, source: str) -> Provenance:
    """Read a predicate that `make_predicate` made. MalformedData for another build type, and for what lacks a part.

    As SLSA wants it of who verifies: parameters that nobody knows are refused.
    """
    definition = as_object(predicate.get("buildDefinition"), source, "buildDefinition")
    if definition.get("buildType") != BUILD_TYPE:
        raise MalformedData(source, f"buildType is {describe(definition.get('buildType'))}, not {BUILD_TYPE}")
    parameters = as_object(definition.get("externalParameters"), source, "externalParameters")
    if unknown := sorted(parameters.keys() - {"flake", "attributes", "overrides"}):
        raise MalformedData(source, f"externalParameters.{shorten(unknown[0])} is not known")
    overrides = as_object(parameters.get("overrides"), source, "overrides")
    sources, derivations = [], []
    for value in as_list(definition.get("resolvedDependencies"), source, "resolvedDependencies"):
        entry = as_object(value, source, "a dependency")
        path = _store_path(as_object(entry.get("annotations"), source, "annotations").get("storePath"), source)
        if path is not None and path.is_derivation:
            derivations.append(path)
        else:
            sources.append(_parse_source(entry, path, source))
    if not sources or sources[0].name != _FLAKE:
        raise MalformedData(source, "resolvedDependencies does not begin with the flake's own source")
    details = as_object(predicate.get("runDetails"), source, "runDetails")
    attributes = as_texts(parameters.get("attributes"), source, "attributes")
    outputs = tuple(_parse_output(value, source) for value in as_list(details.get("byproducts"), source, "byproducts"))
    if sorted({output.attribute for output in outputs}) != sorted(attributes):
        raise MalformedData(source, "attributes and byproducts do not name the same")
    if not outputs:
        raise MalformedData(source, "byproducts is empty: provenance of nothing")
    return Provenance(
        builder=as_text(as_object(details.get("builder"), source, "builder").get("id"), source, "builder.id"),
        overrides={name: as_text(value, source, f"overrides.{shorten(name)}") for name, value in overrides.items()},
        sources=tuple(sources),
        derivations=tuple(derivations),
        outputs=outputs,
    )


def _store_path(value: JsonValue, source: str) -> StorePath | None:
    return None if value is None else parse_store_path(as_text(value, source, "storePath"), source)


def _parse_source(entry: JsonObject, path: StorePath | None, source: str) -> StatedSource:
    name = as_text(entry.get("name"), source, "a dependency's name")
    annotations = as_object(entry.get("annotations"), source, "annotations")
    digest = as_object(entry.get("digest"), source, f"the digest of {shorten(name)}")
    nar_hash = annotations.get("narHash")
    parsed = None if nar_hash is None else parse_hash(as_text(nar_hash, source, "narHash"), source)
    if parsed is not None and digest.get("nixNarSha256") != parsed.digest.hex():
        raise MalformedData(source, f"{shorten(name)} has two NAR hashes")
    commit = digest.get("gitCommit")
    return StatedSource(
        name=name,
        nar_hash=parsed,
        store_path=path,
        revision=None if commit is None else as_text(commit, source, "gitCommit"),
        is_dirty=annotations.get("isDirty") is True,
        is_flake=annotations.get("isFlake") is not False,
    )


def _parse_output(value: JsonValue, source: str) -> StatedOutput:
    entry = as_object(value, source, "a byproduct")
    annotations = as_object(entry.get("annotations"), source, "annotations")
    nar_hash = parse_hash(as_text(annotations.get("narHash"), source, "narHash"), source)
    if as_object(entry.get("digest"), source, "digest").get("nixNarSha256") != nar_hash.digest.hex():
        raise MalformedData(source, f"{describe(entry.get('name'))} has two NAR hashes")
    return StatedOutput(
        path=parse_store_path(as_text(entry.get("name"), source, "name"), source),
        nar_hash=nar_hash,
        derivation=parse_store_path(as_text(annotations.get("derivation"), source, "derivation"), source),
        output=as_text(annotations.get("output"), source, "output"),
        attribute=as_text(annotations.get("attribute"), source, "attribute"),
    )
