"""What a report keeps of each derivation, so that a later one can say what changed: digests in place of values.

Values are normalised first: of a store path in them only its name without version is kept, so that a value differs
where the derivation itself was changed, not where it follows its inputs, which are compared as such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonObject, as_object, as_text, as_texts, load_json
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath, parse_base_name

_DIGEST_BYTES: Final = 8
_STRUCTURED: Final = "__json"  # all the values of a derivation with structured attributes
_SEPARATOR: Final = "\x00"  # no value holds it
# HASH-NAME, with or without the folder before it; the name ends at a dash before anything but a letter.
_REFERENCE: Final = re.compile(
    rf"(?<![0-9a-z])[{NIX32_DIGITS}]{{32}}-([0-9A-Za-z+._?=]*+(?:-[A-Za-z][0-9A-Za-z+._?=]*+)*+)[0-9A-Za-z+\-._?=]*+"
)
_PLACEHOLDER: Final = re.compile(rf"/[{NIX32_DIGITS}]{{52}}(?![0-9a-z])")  # of an output that only the build shows
_VERSION: Final = re.compile(r"-[^a-zA-Z]")  # where Nix sees a name end (nix: src/libstore/names.cc)


@dataclass(frozen=True, slots=True)
class DerivationRecord:
    """A derivation as a report keeps it.

    `outputs` are None if only the build shows the path. `builder` is normalised text; `arguments` and `environment`
    are digests of normalised text. `inputs` maps a derivation to those of its outputs that are used.
    """

    path: StorePath
    outputs: Mapping[str, StorePath | None]
    system: str
    builder: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    inputs: Mapping[StorePath, tuple[str, ...]]
    sources: tuple[StorePath, ...]

    @property
    def name(self) -> str:
        """The derivation's name: of its path, without `.drv`."""
        return self.path.name.removesuffix(".drv")


class DerivationRecords(Mapping[StorePath, DerivationRecord]):
    """The records of a graph, each made on first use."""

    def __init__(self, graph: Mapping[StorePath, Derivation]) -> None:
        self._graph = graph
        self._made: dict[StorePath, DerivationRecord] = {}

    def __getitem__(self, path: StorePath) -> DerivationRecord:
        made = self._made.get(path)
        if made is None:
            made = self._made[path] = record_derivation(self._graph[path])
        return made

    def __iter__(self) -> Iterator[StorePath]:
        return iter(self._graph)

    def __len__(self) -> int:
        return len(self._graph)

    def __contains__(self, path: object) -> bool:
        return path in self._graph


def name_without_version(name: str) -> str:
    """`hello` of `hello-2.12`: what stays the same when an input is updated."""
    match = _VERSION.search(name)
    return name if match is None else name[: match.start()] or name


def record_derivation(derivation: Derivation) -> DerivationRecord:
    """The record of a derivation."""
    environment = derivation.environment
    if _STRUCTURED in environment:
        more = {name: value for name, value in environment.items() if name != _STRUCTURED}
        environment = _structured(environment[_STRUCTURED], str(derivation.path)) | more
    outputs = {name: output.path for name, output in derivation.outputs.items()}
    joined = _SEPARATOR.join([derivation.builder, *derivation.arguments, *environment.values()])
    joined = _REFERENCE.sub(r"<\1>", joined)
    if None in outputs.values():  # only then may inputs be of that kind too
        joined = _PLACEHOLDER.sub("<>", joined)
    builder, *texts = joined.split(_SEPARATOR)
    digests = [
        blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_DIGEST_BYTES).hexdigest() for text in texts
    ]
    count = len(derivation.arguments)
    return DerivationRecord(
        path=derivation.path,
        outputs=outputs,
        system=derivation.system,
        builder=builder,
        arguments=tuple(digests[:count]),
        environment=dict(zip(environment, digests[count:], strict=True)),
        inputs=derivation.input_derivations,
        sources=derivation.input_sources,
    )


def _structured(text: str, source: str) -> dict[str, str]:
    values = as_object(load_json(text.encode("utf-8", "surrogateescape"), source), source, _STRUCTURED)
    return {name: json.dumps(value, sort_keys=True, ensure_ascii=False) for name, value in values.items()}


def records_to_json(records: Iterable[DerivationRecord]) -> dict[str, Any]:
    """The records, keyed by base name."""
    return {
        record.path.base_name: {
            "outputs": {name: place and place.base_name for name, place in record.outputs.items()},
            "system": record.system,
            "builder": record.builder,
            "arguments": list(record.arguments),
            "environment": record.environment,
            "inputs": {drv.base_name: list(used) for drv, used in record.inputs.items()},
            "sources": [place.base_name for place in record.sources],
        }
        for record in records
    }


def parse_records(value: JsonObject, source: str) -> dict[StorePath, DerivationRecord]:
    """Read what `records_to_json` wrote.

    Raises:
        MalformedData: for anything else, an input that is not among the records included.
    """
    records: dict[StorePath, DerivationRecord] = {}
    for key, entry in value.items():
        path = parse_base_name(key, source)
        records[path] = _parse_record(path, as_object(entry, source, key), f"{source}: {key}")
    for record in records.values():
        for path, used in record.inputs.items():
            if path not in records or not records[path].outputs.keys() >= set(used):
                raise MalformedData(source, f"{record.path.base_name} needs {path.base_name}, which is not there")
    return records


def _parse_record(path: StorePath, data: JsonObject, source: str) -> DerivationRecord:
    outputs = as_object(data.get("outputs"), source, "outputs")
    environment = as_object(data.get("environment"), source, "environment")
    inputs = as_object(data.get("inputs"), source, "inputs")
    return DerivationRecord(
        path=path,
        outputs={
            name: None if place is None else parse_base_name(as_text(place, source, name), source)
            for name, place in outputs.items()
        },
        system=as_text(data.get("system"), source, "system"),
        builder=as_text(data.get("builder"), source, "builder"),
        arguments=as_texts(data.get("arguments"), source, "arguments"),
        environment={name: as_text(value, source, name) for name, value in environment.items()},
        inputs={parse_base_name(drv, source): as_texts(used, source, drv) for drv, used in inputs.items()},
        sources=tuple(parse_base_name(text, source) for text in as_texts(data.get("sources"), source, "sources")),
    )
