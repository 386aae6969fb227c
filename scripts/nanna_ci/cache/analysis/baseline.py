"""What a report is compared with: an earlier one, or the same installables in another revision of the flake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nanna_ci.cache.analysis.derivation_record import DerivationRecords, parse_records
from nanna_ci.cache.analysis.difference import Records
from nanna_ci.cache.analysis.substitution import WantedOutputs
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import (
    JsonObject,
    JsonValue,
    as_count,
    as_list,
    as_object,
    as_text,
    as_texts,
    describe,
    load_json,
)
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.store_path import StorePath, parse_base_name, parse_store_path

COMMAND = "cache-analytics"
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """`source` is its file or flake reference.

    `records` are its derivations, `roots` what was requested, by label. `present` are the paths that its caches had,
    None if they were not queried. `sizes` are the bytes of cache folders by URL.
    """

    source: str
    records: Records
    roots: Mapping[str, StorePath]
    present: frozenset[StorePath] | None
    sizes: Mapping[str, int]


def baseline_of_revision(
    source: str, wanted: tuple[WantedOutputs, ...], graph: Mapping[StorePath, Derivation]
) -> Baseline:
    """Another revision of the flake, evaluated; its caches are not queried."""
    roots = {one.label: one.derivation for one in wanted}
    return Baseline(source, DerivationRecords(graph), roots, present=None, sizes={})


def parse_baseline(data: bytes, source: str) -> Baseline:
    """Read what `cache-analytics --format json` wrote.

    Raises:
        MalformedData: for anything else.
    """
    hint = "`nanna-ci cache-analytics --format json --output FILE` writes one"
    report = as_object(load_json(data, source), source, "it")
    if report.get("command") != COMMAND or report.get("schemaVersion") != _SCHEMA_VERSION or "present" not in report:
        command, version = describe(report.get("command")), describe(report.get("schemaVersion"))
        raise MalformedData(source, f"no report of {COMMAND}: command {command}, version {version}", hint=hint)
    present = (parse_base_name(text, source) for text in as_texts(report.get("present"), source, "present"))
    records = parse_records(as_object(report.get("derivations"), source, "derivations"), source)
    roots = dict(_parse_root(value, source) for value in as_list(report.get("installables"), source, "installables"))
    return Baseline(
        source=source,
        records=records,
        roots={label: path for label, path in roots.items() if path in records},  # a walk keeps no records
        present=frozenset(present),
        sizes=_parse_sizes(report, source),
    )


def _parse_root(value: JsonValue, source: str) -> tuple[str, StorePath]:
    root = as_object(value, source, "installables")
    path = parse_store_path(as_text(root.get("derivation"), source, "derivation"), source)
    return as_text(root.get("installable"), source, "installable"), path


def _parse_sizes(report: JsonObject, source: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for value in as_list(report.get("substituters"), source, "substituters"):
        cache = as_object(value, source, "substituters")
        if cache.get("sizeBytes") is not None:
            url = as_text(cache.get("url"), source, "substituters.url")
            sizes[url] = as_count(cache.get("sizeBytes"), source, "substituters.sizeBytes")
    return sizes
