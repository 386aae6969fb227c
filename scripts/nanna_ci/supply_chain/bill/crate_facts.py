"""What cargo says of one build: packages, the units that are really compiled, and checksums; read from a folder.

The folder has `metadata.json` (`cargo metadata`), `units.json` (cargo's unit graph, with the very flags of the build),
`Cargo.lock` and `target.json`. The unit graph, and not the resolver's, says which crates and features are in: it knows
the target, and it keeps what runs at build time apart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import (
    JsonObject,
    JsonValue,
    as_count,
    as_list,
    as_object,
    as_text,
    as_texts,
    load_json,
)

_LIMIT_BYTES: Final = 256 * MEBIBYTE
_UNIT_VERSION: Final = 1
_HOST_KINDS: Final = frozenset({"proc-macro", "custom-build"})
FILES: Final = ("metadata.json", "units.json", "Cargo.lock", "target.json")


@dataclass(frozen=True, slots=True)
class CratePackage:
    """A package as its manifest has it. `source` is cargo's (None for a path), `folder` is where its manifest lies."""

    key: str
    name: str
    version: str
    source: str | None
    folder: str
    licence: str | None
    description: str | None
    authors: tuple[str, ...]
    repository: str | None
    homepage: str | None
    has_binaries: bool


@dataclass(frozen=True, slots=True)
class CompiledCrate:
    """A package in the build. `features` and `build_features` are what it is compiled with for the target and for the
    build machine; None where it is not compiled for that. `dependencies` are keys of packages."""

    package: CratePackage
    features: tuple[str, ...] | None
    build_features: tuple[str, ...] | None
    dependencies: tuple[str, ...]
    sha256: str | None


@dataclass(frozen=True, slots=True)
class BuiltBinary:
    """A program that the build makes: the crate that it is of, and all that is compiled for it, by keys."""

    name: str
    package: str
    reached: frozenset[str]


@dataclass(frozen=True, slots=True)
class CrateFacts:
    """One build for one target. `crates` is by key, `members` the workspace's own packages that are compiled."""

    triple: str
    system: str
    profile: str
    workspace_folder: str
    crates: Mapping[str, CompiledCrate]
    members: tuple[str, ...]
    binaries: tuple[BuiltBinary, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    package: str
    target_name: str
    kinds: tuple[str, ...]
    mode: str
    features: tuple[str, ...]
    dependencies: tuple[int, ...]

    @property
    def is_for_build(self) -> bool:
        """Runs on the build machine, with all below it."""
        return bool(_HOST_KINDS & set(self.kinds)) or self.mode == "run-custom-build"


def load_crate_facts(folder: Path) -> CrateFacts:
    """Read a folder of crate facts.

    Raises:
        UsageError: it is not such a folder.
        MalformedData: a file is not what cargo writes, or they contradict each other.
    """
    absent = [name for name in FILES if not (folder / name).is_file()]
    if absent:
        hint = "the flake's packages crate-facts-SYSTEM are such folders"
        raise UsageError(f"{folder} is not a folder of crate facts: it has no {absent[0]}", hint=hint)
    metadata, units, target = (_load(folder / name) for name in ("metadata.json", "units.json", "target.json"))
    packages = {one.key: one for one in _packages(metadata, str(folder / "metadata.json"))}
    checksums = parse_checksums(_read(folder / "Cargo.lock"), str(folder / "Cargo.lock"))
    graph, roots = _units(units, packages, str(folder / "units.json"))
    source = str(folder / "target.json")
    members = set(as_texts(metadata.get("workspace_members"), str(folder / "metadata.json"), "workspace_members"))
    crates = _compiled(packages, graph, roots, checksums)
    return CrateFacts(
        triple=as_text(target.get("triple"), source, "triple"),
        system=as_text(target.get("system"), source, "system"),
        profile=as_text(target.get("profile"), source, "profile"),
        workspace_folder=as_text(metadata.get("workspace_root"), str(folder / "metadata.json"), "workspace_root"),
        crates=crates,
        members=tuple(sorted(members & crates.keys())),
        binaries=tuple(_binaries(graph, roots)),
    )


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _LIMIT_BYTES)
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error


def _load(path: Path) -> JsonObject:
    return as_object(load_json(_read(path), str(path)), str(path), "the document")


def parse_checksums(data: bytes, source: str) -> dict[tuple[str, str, str], str]:
    """SHA-256 of packages by (name, version, source), from a Cargo.lock of any version. Raises MalformedData."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
        listed = document.get("package", [])
        found = {
            (str(one["name"]), str(one["version"]), str(one.get("source"))): str(one["checksum"])
            for one in listed
            if "checksum" in one
        }
        metadata = document.get("metadata", {})  # to version 1: "checksum NAME VERSION (SOURCE)" = "…"
        for key, value in metadata.items():
            words = key.split(" ")
            if words[0] == "checksum" and len(words) == 4 and value != "<none>":
                found[words[1], words[2], words[3].strip("()")] = str(value)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise MalformedData(source, f"is not a Cargo.lock: {error}") from error
    return found


def _packages(metadata: JsonObject, source: str) -> Iterable[CratePackage]:
    for index, value in enumerate(as_list(metadata.get("packages"), source, "packages")):
        where = f"packages[{index}]"
        package = as_object(value, source, where)
        targets = as_list(package.get("targets"), source, f"{where}.targets")
        listed = (as_texts(as_object(one, source, where).get("kind"), source, "kind") for one in targets)
        yield CratePackage(
            key=as_text(package.get("id"), source, f"{where}.id"),
            name=as_text(package.get("name"), source, f"{where}.name"),
            version=as_text(package.get("version"), source, f"{where}.version"),
            source=_text_or_none(package.get("source"), source, f"{where}.source"),
            folder=as_text(package.get("manifest_path"), source, f"{where}.manifest_path").rpartition("/")[0],
            licence=_text_or_none(package.get("license"), source, f"{where}.license"),
            description=_text_or_none(package.get("description"), source, f"{where}.description"),
            authors=as_texts(package.get("authors", []), source, f"{where}.authors"),
            repository=_text_or_none(package.get("repository"), source, f"{where}.repository"),
            homepage=_text_or_none(package.get("homepage"), source, f"{where}.homepage"),
            has_binaries=any("bin" in kinds for kinds in listed),
        )


def _text_or_none(value: JsonValue, source: str, what: str) -> str | None:
    return None if value is None else as_text(value, source, what)


def _units(
    document: JsonObject, packages: Mapping[str, CratePackage], source: str
) -> tuple[Sequence[_Unit], Sequence[int]]:
    if document.get("version") != _UNIT_VERSION:
        raise MalformedData(source, f"unit graph of version {document.get('version')!r}, not {_UNIT_VERSION}")
    listed = as_list(document.get("units"), source, "units")
    units = [_unit(value, source, f"units[{index}]", len(listed)) for index, value in enumerate(listed)]
    roots = [as_count(one, source, "roots") for one in as_list(document.get("roots"), source, "roots")]
    if not roots or max(roots) >= len(units):
        raise MalformedData(source, "roots name no unit: nothing would be built")
    stranger = next((unit.package for unit in units if unit.package not in packages), None)
    if stranger is not None:
        raise MalformedData(source, f"{shorten(stranger)} is compiled, but metadata.json does not know it")
    return units, roots


def _unit(value: JsonValue, source: str, where: str, count: int) -> _Unit:
    unit = as_object(value, source, where)
    target = as_object(unit.get("target"), source, f"{where}.target")
    needed = tuple(
        as_count(as_object(one, source, where).get("index"), source, f"{where}.dependencies")
        for one in as_list(unit.get("dependencies"), source, f"{where}.dependencies")
    )
    if needed and max(needed) >= count:
        raise MalformedData(source, f"{where} depends on unit {max(needed)}, which is absent")
    return _Unit(
        package=as_text(unit.get("pkg_id"), source, f"{where}.pkg_id"),
        target_name=as_text(target.get("name"), source, f"{where}.target.name"),
        kinds=as_texts(target.get("kind"), source, f"{where}.target.kind"),
        mode=as_text(unit.get("mode"), source, f"{where}.mode"),
        features=as_texts(unit.get("features"), source, f"{where}.features"),
        dependencies=needed,
    )


def _linked(graph: Sequence[_Unit], roots: Iterable[int]) -> set[int]:
    """The units that end in what is made for the target: all below the roots, but not below what runs at build time."""
    seen: set[int] = set()
    ahead = [root for root in roots if not graph[root].is_for_build]
    while ahead:
        index = ahead.pop()
        if index not in seen:
            seen.add(index)
            ahead.extend(one for one in graph[index].dependencies if not graph[one].is_for_build)
    return seen


def _compiled(
    packages: Mapping[str, CratePackage],
    graph: Sequence[_Unit],
    roots: Sequence[int],
    checksums: Mapping[tuple[str, str, str], str],
) -> dict[str, CompiledCrate]:
    linked = _linked(graph, roots)
    features: dict[str, set[str]] = {}
    build_features: dict[str, set[str]] = {}
    edges: dict[str, set[str]] = {}
    for index, unit in enumerate(graph):
        (features if index in linked else build_features).setdefault(unit.package, set()).update(unit.features)
        below = edges.setdefault(unit.package, set())
        below.update(graph[one].package for one in unit.dependencies if graph[one].package != unit.package)
    return {
        key: CompiledCrate(
            package=packages[key],
            features=tuple(sorted(features[key])) if key in features else None,
            build_features=tuple(sorted(build_features[key])) if key in build_features else None,
            dependencies=tuple(sorted(edges[key])),
            sha256=checksums.get((packages[key].name, packages[key].version, str(packages[key].source))),
        )
        for key in sorted(edges)
    }


def _binaries(graph: Sequence[_Unit], roots: Iterable[int]) -> Iterable[BuiltBinary]:
    for root in sorted(set(roots), key=lambda one: graph[one].target_name):
        if "bin" in graph[root].kinds:
            reached = frozenset(graph[one].package for one in _reached(graph, root))
            yield BuiltBinary(graph[root].target_name, graph[root].package, reached)


def _reached(graph: Sequence[_Unit], root: int) -> set[int]:
    seen: set[int] = set()
    ahead = [root]
    while ahead:
        index = ahead.pop()
        if index not in seen:
            seen.add(index)
            ahead.extend(graph[index].dependencies)
    return seen
