"""A check of a CycloneDX document beyond its schema: its version, unique refs, and a dependency graph that closes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.json_data import JsonObject, JsonValue, as_list, as_object, as_text, describe, load_json
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A document that holds together: its subject, and how much is in it."""

    version: CycloneDxVersion
    subject: str | None
    components: int
    edges: int


def check_cyclonedx(data: bytes, source: str, wanted: CycloneDxVersion | None = None) -> CheckedDocument:
    """Read a document and hold it to its own claims.

    Raises:
        MalformedData: it is no CycloneDX of a version that is known (or not of the `wanted` one), a bom-ref occurs
            twice, a dependency is on what is not there, a component has no entry in the graph, or it holds
            vulnerabilities (BSI TR-03183-2: what is known of those changes, the bill does not).
    """
    document = as_object(load_json(data, source), source, "the document")
    if document.get("bomFormat") != "CycloneDX":
        raise MalformedData(source, f"bomFormat is {describe(document.get('bomFormat'))}, not CycloneDX")
    stated = document.get("specVersion")
    version = next((one for one in CycloneDxVersion if one.value == stated), None)
    if version is None or (wanted is not None and version is not wanted):
        known = wanted.value if wanted is not None else " or ".join(one.value for one in CycloneDxVersion)
        raise MalformedData(source, f"specVersion is {describe(stated)}, not {known}")
    if "vulnerabilities" in document:
        raise MalformedData(source, "holds vulnerabilities, which do not belong into a bill of materials")
    metadata = as_object(document.get("metadata", {}), source, "metadata")
    subject = metadata.get("component")
    entries = [*([] if subject is None else [subject]), *as_list(document.get("components", []), source, "components")]
    refs: set[str] = set()
    count = 0
    for component in _all_components(entries, source):
        count += 1
        ref = component.get("bom-ref")
        if ref is None:
            raise MalformedData(source, f"component {describe(component.get('name'))} has no bom-ref")
        text = as_text(ref, source, "bom-ref")
        if text in refs:
            raise MalformedData(source, f"the bom-ref {shorten(text)} occurs twice")
        refs.add(text)
    edges = _check_graph(document, refs, source)
    name = None if subject is None else as_object(subject, source, "metadata.component").get("name")
    return CheckedDocument(version, name if isinstance(name, str) else None, count, edges)


def _all_components(entries: list[JsonValue], source: str) -> Iterator[JsonObject]:
    ahead = list(entries)
    while ahead:
        component = as_object(ahead.pop(), source, "a component")
        yield component
        ahead.extend(as_list(component.get("components", []), source, "components"))


def _check_graph(document: JsonObject, refs: set[str], source: str) -> int:
    entered: set[str] = set()
    edges = 0
    for value in as_list(document.get("dependencies", []), source, "dependencies"):
        entry = as_object(value, source, "a dependency")
        ref = as_text(entry.get("ref"), source, "ref")
        if ref in entered:
            raise MalformedData(source, f"dependencies has two entries for {shorten(ref)}")
        entered.add(ref)
        needed = [as_text(one, source, "dependsOn") for one in as_list(entry.get("dependsOn", []), source, "dependsOn")]
        edges += len(needed)
        absent = next((one for one in (ref, *needed) if one not in refs), None)
        if absent is not None:
            raise MalformedData(source, f"dependencies names {shorten(absent)}, which no component has as its bom-ref")
    left_out = sorted(refs - entered)
    if left_out:
        raise MalformedData(source, f"dependencies has no entry for {shorten(left_out[0])}")
    return edges
