"""A CycloneDX document as a scan reads it: its subject, its packages with what they are patched for, its programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json
from nanna_ci.supply_chain.scanning.package_identity import CpeName, PackageUrl, parse_cpe, parse_package_url

_VERSIONS: Final = ("1.4", "1.5", "1.6", "1.7")
_CRATE_LIST: Final = "nanna-ci:file:crateList"
_FILE_PATH: Final = "nanna-ci:file:path"
_DEBIAN_SOURCE: Final = "nanna-ci:deb:source"
_CRATE_SOURCE: Final = "nanna-ci:crate:source"
_CRATE_KIND: Final = "nanna-ci:crate:kind"


@dataclass(frozen=True, slots=True)
class BilledPatch:
    """A patch that a package carries, and the ids of what it resolves."""

    url: str
    resolves: frozenset[str]


@dataclass(frozen=True, slots=True)
class BilledPackage:
    """A component that has a version of its own. `purls` are its own one and, for a Debian package, its source's."""

    ref: str
    name: str
    version: str | None
    purl: str | None
    purls: tuple[PackageUrl, ...]
    cpe: CpeName | None
    patches: tuple[BilledPatch, ...]
    crate_source: str | None
    is_build_only: bool


@dataclass(frozen=True, slots=True)
class BilledProgram:
    """A program of which the bill says whether it carries a list of its crates."""

    ref: str
    path: str
    has_crate_list: bool


@dataclass(frozen=True, slots=True)
class ScannedBill:
    """A bill. `digest` is the image's that it is about, None for another subject."""

    name: str
    digest: str | None
    packages: tuple[BilledPackage, ...]
    programs: tuple[BilledProgram, ...]


def parse_bill(data: bytes, source: str) -> ScannedBill:
    """Read a CycloneDX document in JSON.

    Raises MalformedData for anything else, another version than 1.4 to 1.7, a bom-ref that occurs twice, a dependency
    on what is not there, and a bill without components.
    """
    document = as_object(load_json(data, source), source, "the document")
    if document.get("bomFormat") != "CycloneDX":
        raise MalformedData(source, f"bomFormat is {describe(document.get('bomFormat'))}, not CycloneDX")
    if document.get("specVersion") not in _VERSIONS:
        known = ", ".join(_VERSIONS)
        raise MalformedData(source, f"specVersion is {describe(document.get('specVersion'))}; {known} are read")
    metadata = as_object(document.get("metadata") or {}, source, "metadata")
    given = metadata.get("component")
    subject = None if given is None else as_object(given, source, "metadata.component")
    entries = list(_components(as_list(document.get("components") or [], source, "components"), source))
    if not entries:
        raise MalformedData(source, "has no components: there is nothing to scan")
    refs = _check_refs([*([] if subject is None else [subject]), *entries], source)
    _check_dependencies(document, refs, source)
    packages, programs = [], []
    for entry in entries:
        properties = _properties(entry, source)
        if (listed := properties.get(_CRATE_LIST)) is not None:
            programs.append(_program(entry, properties, listed, source))
        if entry.get("purl") is not None or entry.get("cpe") is not None or entry.get("type") == "library":
            packages.append(_package(entry, properties, source))
    is_image = subject is not None and subject.get("type") == "container"
    return ScannedBill(
        name="unnamed" if subject is None else as_text(subject.get("name"), source, "metadata.component.name"),
        digest=_digest(subject) if is_image and subject is not None else None,
        packages=tuple(packages),
        programs=tuple(programs),
    )


def _components(entries: list[JsonValue] | tuple[JsonValue, ...] | object, source: str) -> Iterator[JsonObject]:
    ahead = list(as_list(entries, source, "components"))[::-1]  # type: ignore[arg-type]
    while ahead:
        component = as_object(ahead.pop(), source, "a component")
        yield component
        ahead.extend(list(as_list(component.get("components") or [], source, "components"))[::-1])


def _check_refs(entries: list[JsonObject], source: str) -> set[str]:
    refs: set[str] = set()
    for entry in entries:
        if (ref := entry.get("bom-ref")) is not None:
            text = as_text(ref, source, "bom-ref")
            if text in refs:
                raise MalformedData(source, f"the bom-ref {shorten(text)} occurs twice")
            refs.add(text)
    return refs


def _check_dependencies(document: JsonObject, refs: set[str], source: str) -> None:
    for value in as_list(document.get("dependencies") or [], source, "dependencies"):
        entry = as_object(value, source, "a dependency")
        for ref in (entry.get("ref"), *as_list(entry.get("dependsOn") or [], source, "dependsOn")):
            if ref not in refs:
                raise MalformedData(source, f"dependencies names {describe(ref)}, and no component has that bom-ref")


def _properties(entry: JsonObject, source: str) -> Mapping[str, str]:
    every = [
        as_object(one, source, "a property") for one in as_list(entry.get("properties") or [], source, "properties")
    ]
    return {
        name: value
        for one in every
        if isinstance(name := one.get("name"), str) and isinstance(value := one.get("value"), str)
    }


def _program(entry: JsonObject, properties: Mapping[str, str], listed: str, source: str) -> BilledProgram:
    if listed not in {"present", "absent"}:
        raise MalformedData(source, f"{_CRATE_LIST} is {shorten(listed)}, neither present nor absent")
    name = as_text(entry.get("name"), source, "name")
    ref = entry.get("bom-ref")
    return BilledProgram(ref if isinstance(ref, str) else name, properties.get(_FILE_PATH, name), listed == "present")


def _package(entry: JsonObject, properties: Mapping[str, str], source: str) -> BilledPackage:
    name = as_text(entry.get("name"), source, "name")
    version, purl, cpe, ref = (entry.get(key) for key in ("version", "purl", "cpe", "bom-ref"))
    purls = []
    if purl is not None:
        parsed = parse_package_url(as_text(purl, source, "purl"))
        if parsed is None:
            raise MalformedData(source, f"{shorten(name)} has the purl {describe(purl)}, which is no package URL")
        purls.append(parsed)
        # advisories of Debian are about source packages
        if parsed.kind == "deb" and (origin := properties.get(_DEBIAN_SOURCE)):
            purls.append(PackageUrl("deb", parsed.namespace, origin.partition(" ")[0].lower(), parsed.version))
    text = version if isinstance(version, str) and version else purls[0].version if purls else None
    return BilledPackage(
        ref=ref if isinstance(ref, str) else purl if isinstance(purl, str) else name,
        name=name,
        version=text,
        purl=purl if isinstance(purl, str) else None,
        purls=tuple(purls),
        cpe=parse_cpe(cpe) if isinstance(cpe, str) else None,
        patches=tuple(_patches(entry, source)),
        crate_source=properties.get(_CRATE_SOURCE),
        is_build_only=properties.get(_CRATE_KIND) == "build",
    )


def _patches(entry: JsonObject, source: str) -> Iterator[BilledPatch]:
    pedigree = as_object(entry.get("pedigree") or {}, source, "pedigree")
    for value in as_list(pedigree.get("patches") or [], source, "pedigree.patches"):
        patch = as_object(value, source, "a patch")
        url = as_object(patch.get("diff") or {}, source, "diff").get("url")
        resolved = [
            as_object(one, source, "resolves") for one in as_list(patch.get("resolves") or [], source, "resolves")
        ]
        ids = frozenset(identifier for one in resolved if isinstance(identifier := one.get("id"), str))
        yield BilledPatch(url if isinstance(url, str) else "a patch without a URL", ids)


def _digest(subject: JsonObject) -> str | None:
    version = subject.get("version")
    if isinstance(version, str) and version.startswith("sha256:"):
        return version
    purl = parse_package_url(text) if isinstance(text := subject.get("purl"), str) else None
    return purl.version if purl is not None and (purl.version or "").startswith("sha256:") else None
