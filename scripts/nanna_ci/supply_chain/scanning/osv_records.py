"""Advisories in the OSV format (https://ossf.github.io/osv-schema): a folder of JSON files, a record in each."""

from __future__ import annotations

import datetime
import enum
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, as_texts, load_json
from nanna_ci.pipeline.vocabulary import Severity
from nanna_ci.supply_chain.scanning.cvss import severity_of, worst
from nanna_ci.supply_chain.scanning.package_identity import CpeName, PackageUrl, parse_cpe, parse_package_url

_RECORD_BYTES: Final = 16 * MEBIBYTE
_MOST_RECORDS: Final = 500_000
# ecosystem, up to its first dot or colon, in lower case -> type and namespace of its package URLs
_ECOSYSTEMS: Final = {
    "crates": ("cargo", ""),
    "debian": ("deb", "debian"),
    "nix": ("nix", ""),
    "nixpkgs": ("nix", ""),
}
# not registries of packages: a name in them is no more than a name
_NEUTRAL: Final = frozenset({"", "generic", "git", "oss-fuzz"})


class RangeKind(enum.Enum):
    """How the versions of a range are ordered. Those of GIT are commits, which say nothing of a package's version."""

    SEMVER = "SEMVER"
    ECOSYSTEM = "ECOSYSTEM"
    GIT = "GIT"


class EventKind(enum.Enum):
    """What a version of a range stands for."""

    INTRODUCED = "introduced"
    FIXED = "fixed"
    LAST_AFFECTED = "last_affected"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions at which something begins or ends, in the record's order."""

    kind: RangeKind
    events: tuple[tuple[EventKind, str], ...]


@dataclass(frozen=True, slots=True)
class AffectedPackage:
    """A package and its affected versions. `is_neutral`: its name belongs to no ecosystem; then there is no `purl`."""

    name: str | None
    purl: PackageUrl | None
    cpes: tuple[CpeName, ...]
    is_neutral: bool
    ranges: tuple[VersionRange, ...]
    versions: frozenset[str]
    severity: Severity | None

    @property
    def fixed_versions(self) -> tuple[str, ...]:
        """Where it is fixed, as far as the record says."""
        every = (one.events for one in self.ranges if one.kind is not RangeKind.GIT)
        return tuple(dict.fromkeys(version for events in every for kind, version in events if kind is EventKind.FIXED))


@dataclass(frozen=True, slots=True)
class OsvAdvisory:
    """A record. `modified` is the day of its last change."""

    id: str
    aliases: tuple[str, ...]
    title: str
    url: str | None
    modified: datetime.date | None
    affected: tuple[AffectedPackage, ...]


def load_advisories(folder: Path) -> tuple[OsvAdvisory, ...]:
    """All records in a folder and beneath, without the withdrawn ones.

    Raises UsageError where there is no such folder, MalformedData where it has no record, or one that cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(f"--advisories {folder}: there is no such folder", hint="it holds OSV records, *.json")
    files = sorted(_json_files(folder))
    if not files:
        raise MalformedData(str(folder), "holds no advisory: there is no *.json in it")
    if len(files) > _MOST_RECORDS:
        raise MalformedData(str(folder), f"holds {len(files):,} files, more than the {_MOST_RECORDS:,} that are read")
    records: dict[str, OsvAdvisory] = {}
    for path in files:
        try:
            data = read_file(Path(path), _RECORD_BYTES)
        except OSError as error:
            raise MalformedData(path, f"cannot be read: {error.strerror}") from error
        record = parse_advisory(data, path)
        if record is not None:
            records[record.id] = record
    if not records:
        raise MalformedData(str(folder), "holds no advisory that was not withdrawn")
    return tuple(records.values())


def _json_files(folder: Path) -> Iterable[str]:
    for where, _, names in os.walk(folder):
        yield from (os.path.join(where, name) for name in names if name.endswith(".json"))  # noqa: PTH118 - many


def parse_advisory(data: bytes, source: str) -> OsvAdvisory | None:
    """Read a record; None for one that was withdrawn. MalformedData for what is no OSV record."""
    record = as_object(load_json(data, source), source, "the record")
    identifier = as_text(record.get("id"), source, "id")
    affected = as_list(record.get("affected", []), source, "affected")
    if record.get("withdrawn") is not None:
        return None
    references = [as_object(one, source, "a reference") for one in as_list(record.get("references", []), source, "it")]
    urls = [url for one in references if isinstance(url := one.get("url"), str) and url.startswith("https://")]
    given = _severity(record, source)
    summary = record.get("summary") or record.get("details") or identifier
    return OsvAdvisory(
        id=identifier,
        aliases=as_texts(record.get("aliases") or [], source, "aliases"),
        title=as_text(summary, source, "summary").strip().partition("\n")[0][:300],
        url=urls[0] if urls else None,
        modified=_day(record.get("modified")),
        affected=tuple(
            _affected(as_object(one, source, f"affected[{number}]"), given, source, f"affected[{number}]")
            for number, one in enumerate(affected)
        ),
    )


def _affected(value: JsonObject, given: Severity | None, source: str, where: str) -> AffectedPackage:
    package = as_object(value.get("package") or {}, source, f"{where}.package")
    name, ecosystem = package.get("name"), package.get("ecosystem")
    family = (ecosystem if isinstance(ecosystem, str) else "").lower().partition(":")[0].partition(".")[0]
    purl = None
    if isinstance(text := package.get("purl"), str):
        purl = parse_package_url(text)
        if purl is None:
            raise MalformedData(source, f"{where}.package.purl is {text!r:.80}, which is no package URL")
    elif isinstance(name, str) and family in _ECOSYSTEMS:
        kind, namespace = _ECOSYSTEMS[family]
        purl = PackageUrl(kind, namespace, name, None)
    is_neutral = family in _NEUTRAL and (purl is None or purl.kind == "generic")
    own = _severity(value, source)
    return AffectedPackage(
        name=name if isinstance(name, str) else None if purl is None else purl.name,
        purl=purl,
        cpes=tuple(_cpes(value)),
        is_neutral=is_neutral,
        ranges=tuple(
            _range(as_object(one, source, f"{where}.ranges"), source, where)
            for one in as_list(value.get("ranges") or [], source, f"{where}.ranges")
        ),
        versions=frozenset(as_texts(value.get("versions") or [], source, f"{where}.versions")),
        severity=given if own is None else own,
    )


def _cpes(value: JsonObject) -> Iterable[CpeName]:
    for key in ("ecosystem_specific", "database_specific"):
        inner = value.get(key)
        if isinstance(inner, Mapping):
            found = inner.get("cpe") or inner.get("cpes") or ()
            for text in (found,) if isinstance(found, str) else found if isinstance(found, list) else ():
                cpe = parse_cpe(text) if isinstance(text, str) else None
                if cpe is not None and cpe.is_definite:
                    yield cpe


def _range(value: JsonObject, source: str, where: str) -> VersionRange:
    kind = next((one for one in RangeKind if one.value == value.get("type")), None)
    if kind is None:
        raise MalformedData(source, f"{where}.ranges has the type {value.get('type')!r:.40}, which is unknown")
    events = []
    for entry in as_list(value.get("events"), source, f"{where}.ranges.events"):
        pairs = as_object(entry, source, f"{where}.ranges.events")
        found = [(one, pairs[one.value]) for one in EventKind if one.value in pairs]
        if len(found) != 1:
            raise MalformedData(source, f"{where}.ranges has an event that is not one of {_EVENT_NAMES}")
        events.append((found[0][0], as_text(found[0][1], source, f"{where}.ranges.events")))
    return VersionRange(kind, tuple(events))


_EVENT_NAMES: Final = ", ".join(one.value for one in EventKind)


def _severity(value: JsonObject, source: str) -> Severity | None:
    """The worst of what CVSS scores say, else the word of the database that the record is from."""
    scores = [as_object(one, source, "severity") for one in as_list(value.get("severity") or [], source, "severity")]
    by_score = worst(severity_of(score) for one in scores if isinstance(score := one.get("score"), str))
    if by_score is not None:
        return by_score
    words = [value.get(key) for key in ("database_specific", "ecosystem_specific")]
    found = [one.get("severity") for one in words if isinstance(one, Mapping)]
    return worst(severity_of(word) for word in found if isinstance(word, str))


def _day(value: JsonValue) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
