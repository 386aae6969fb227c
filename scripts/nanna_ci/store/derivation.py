"""Derivations, as `nix derivation show` prints them.

Three shapes: to Nix 2.31 an object keyed by store path; in 2.32 keyed by base name (version 3); from 2.33
`{"version": 4, "derivations": {…}}`, keyed by base name, inputs under `inputs.srcs` and `inputs.drvs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_object, as_text, as_texts, describe, load_json
from nanna_ci.store.store_path import StorePath, parse_either

_DOCUMENT_VERSION = 4
_VERSIONS = (3, 4)  # of one derivation, if it says so


@dataclass(frozen=True, slots=True)
class Output:
    """`path` is None if only the build shows it, or nix does not say it; `is_fixed`: a hash promises the content."""

    path: StorePath | None
    is_fixed: bool


@dataclass(frozen=True, slots=True)
class Derivation:
    """What is built, and from what. `input_derivations` maps a derivation to those of its outputs that are used."""

    path: StorePath
    name: str
    system: str
    builder: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    outputs: Mapping[str, Output]
    input_derivations: Mapping[StorePath, tuple[str, ...]]
    input_sources: tuple[StorePath, ...]


@dataclass(frozen=True, slots=True)
class DerivationHead:
    """What a derivation says of itself, as far as that was read: its outputs, and some of its environment."""

    outputs: Mapping[str, Output]
    environment: Mapping[str, str]


def parse_derivations(data: bytes, source: str) -> dict[StorePath, Derivation]:
    """Read what `nix derivation show` (with or without `--recursive`) printed, whichever shape it has.

    Raises:
        MalformedData: for anything else, an unknown version included.
    """
    document = as_object(load_json(data, source), source, "the document")
    if "version" in document or "derivations" in document:
        if document.get("version") != _DOCUMENT_VERSION:
            raise MalformedData(source, f"format version {describe(document.get('version'))} is not known")
        document = as_object(document.get("derivations"), source, "derivations")
    derivations: dict[StorePath, Derivation] = {}
    for key, value in document.items():
        path = parse_either(key, source)
        if not path.is_derivation:
            raise MalformedData(source, f"{shorten(key)} is not a derivation")
        if path in derivations:
            raise MalformedData(source, f"{path} occurs twice")
        derivations[path] = _parse_one(path, as_object(value, source, str(path)), f"{source}: {path}")
    return derivations


def _parse_one(path: StorePath, data: JsonObject, source: str) -> Derivation:
    if data.get("version", _DOCUMENT_VERSION) not in _VERSIONS:
        raise MalformedData(source, f"version {describe(data.get('version'))} is not known")
    inputs = as_object(data["inputs"], source, "inputs") if "inputs" in data else None
    sources = data.get("inputSrcs") if inputs is None else inputs.get("srcs")
    derivations = data.get("inputDrvs") if inputs is None else inputs.get("drvs")
    outputs = as_object(data.get("outputs"), source, "outputs")
    if not outputs:
        raise MalformedData(source, "outputs is empty")
    environment = {
        name: as_text(value, source, f"env.{shorten(name)}")
        for name, value in as_object(data.get("env", {}), source, "env").items()
    }
    return Derivation(
        path=path,
        name=as_text(data.get("name", path.name.removesuffix(".drv")), source, "name"),
        system=as_text(data.get("system"), source, "system"),
        builder=as_text(data.get("builder"), source, "builder"),
        arguments=as_texts(data.get("args", []), source, "args"),
        environment=environment,
        outputs={name: _parse_output(name, value, environment, source) for name, value in outputs.items()},
        input_derivations=_parse_inputs(derivations, source),
        input_sources=tuple(parse_either(text, source) for text in as_texts(sources, source, "the input sources")),
    )


def _parse_output(name: str, value: JsonValue, environment: Mapping[str, str], source: str) -> Output:
    data = as_object(value, source, f"output {shorten(name)}")
    is_fixed = data.get("hash") is not None
    path = data.get("path")
    if path is None and is_fixed:
        path = environment.get(name)  # from 2.32 on Nix prints no path of a fixed output; its builder gets it
    return Output(None if path is None else parse_either(as_text(path, source, "an output's path"), source), is_fixed)


def _parse_inputs(value: JsonValue, source: str) -> dict[StorePath, tuple[str, ...]]:
    inputs: dict[StorePath, tuple[str, ...]] = {}
    for key, used in as_object(value, source, "the input derivations").items():
        # A bare list to Nix 2.17, then an object with dynamic outputs beside it.
        outputs = used if isinstance(used, list) else as_object(used, source, shorten(key)).get("outputs")
        inputs[parse_either(key, source)] = as_texts(outputs, source, shorten(key))
    return inputs
