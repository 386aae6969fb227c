"""The link SBOM: each output by its NAR hash, each image by its digest and its layers, in what says what is inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.json_data import JsonObject, as_list, as_object, as_text, describe, load_json
from nanna_ci.store.hashes import NixHash, parse_hash
from nanna_ci.store.store_path import STORE_DIR
from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName, counted
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.release_links import layer_contents, output_of_image
from nanna_ci.supply_chain.evidence.roles import Role

_SPEC_VERSIONS: Final = frozenset({"1.6", "1.7"})
_NAR_HASH: Final = "nanna-ci:nix:narHash"
_LAYER_DIGEST: Final = "nanna-ci:layer:digest"
_LAYER_DIFF_ID: Final = "nanna-ci:layer:diffId"


@dataclass(frozen=True, slots=True)
class BillFacts:
    """What an SBOM says of digests: the image that it is about (None: of none), its layers, and store paths."""

    image: str | None
    layers: frozenset[tuple[str, str]]
    nar_hashes: Mapping[str, NixHash]


def parse_bill(data: bytes, source: str) -> BillFacts:
    """Read a CycloneDX document. MalformedData for anything else, and where a path has two hashes."""
    document = as_object(load_json(data, source), source, "the SBOM")
    if document.get("bomFormat") != "CycloneDX" or document.get("specVersion") not in _SPEC_VERSIONS:
        versions = f"{describe(document.get('bomFormat'))} {describe(document.get('specVersion'))}"
        raise MalformedData(source, f"is {versions}, not CycloneDX 1.6 or 1.7")
    metadata = as_object(document.get("metadata"), source, "metadata")
    root = as_object(metadata.get("component"), source, "metadata.component")
    listed = as_list(document.get("components", []), source, "components")
    components = [root, *(as_object(value, source, "a component") for value in listed)]
    nar_hashes: dict[str, NixHash] = {}
    layers = set()
    for component in components:
        properties = _properties(component, source)
        reference = component.get("bom-ref")
        if _NAR_HASH in properties and isinstance(reference, str):
            found = parse_hash(properties[_NAR_HASH], source)
            if nar_hashes.setdefault(reference, found) != found:
                raise MalformedData(source, f"{reference} has two NAR hashes")
        if _LAYER_DIGEST in properties:
            layers.add((properties[_LAYER_DIGEST], properties.get(_LAYER_DIFF_ID, "")))
    image = as_text(root.get("version"), source, "version") if root.get("type") == "container" else None
    return BillFacts(image, frozenset(layers), nar_hashes)


def _properties(component: JsonObject, source: str) -> dict[str, str]:
    found = {}
    for value in as_list(component.get("properties", []), source, "properties"):
        entry = as_object(value, source, "a property")
        found[as_text(entry.get("name"), source, "name")] = as_text(entry.get("value"), source, "value")
    return found


def check_sboms(evidence: EvidenceFolder) -> ChainLink:
    """Every output and every image is in an SBOM, which says of it what is so."""
    checks = LinkChecks(LinkName.SBOM)
    bills: dict[str, BillFacts] = {}
    for file in evidence.content.files:
        if file.role is Role.SBOM:
            with checks.reading(file.path):
                bills[file.path] = parse_bill(evidence.read(file.path), file.path)
    if evidence.provenance is None:
        checks.missing("provenance", "nothing says which outputs an SBOM must name")
        return checks.link()
    bound = {*_check_images(evidence, bills, checks)}
    images = {str(output_of_image(evidence, name)) for name in evidence.images}  # whose SBOMs go by their digests
    outputs = {str(output.path): output.nar_hash for output in evidence.provenance.outputs}
    for path, nar_hash in outputs.items():
        naming = [place for place, bill in bills.items() if path in bill.nar_hashes]
        bound.update(naming)
        for place in naming:
            found = bills[place].nar_hashes[path]
            name = path.removeprefix(f"{STORE_DIR}/")
            problem = f"says {found} of {name}, which has {nar_hash}"
            checks.expect(place, holds=found == nar_hash, says=f"names {name} by {nar_hash}", problem=problem)
        if not naming and path not in images:
            checks.missing(path, "no SBOM names this output")
    for place in sorted(bills.keys() - bound):
        if bills[place].image is None and not bills[place].nar_hashes:
            checks.absent(place, "is of crates alone: it names no output and no image by a digest")
        else:
            checks.failed(place, "is about nothing that is here")
    return checks.link()


def _check_images(evidence: EvidenceFolder, bills: Mapping[str, BillFacts], checks: LinkChecks) -> Iterable[str]:
    """The SBOMs that are about an image of the folder."""
    for name, layout in evidence.images.items():
        about = [place for place, bill in bills.items() if bill.image == layout.manifest_digest]
        if not about:
            checks.missing(f"images/{name}", f"no SBOM is about {layout.manifest_digest}")
        for place in about:
            yield place
            with checks.reading(place):
                _check_layers(layout, f"images/{name}", bills[place], place, checks)


def _check_layers(layout: Layout, name: str, bill: BillFacts, place: str, checks: LinkChecks) -> None:
    digests = [layer.digest for layer in layout.layers]
    known = {*zip(digests, layer_contents(layout), strict=True)}
    stated = {digest for digest, _ in bill.layers}
    if strange := sorted(stated - {*digests}):
        checks.failed(place, f"names the layer {strange[0]}, which {name} does not have")
    elif lost := sorted({*digests} - stated):
        checks.failed(place, f"leaves out the layer {lost[0]} of {name}")
    else:
        checks.expect(
            place,
            holds=bill.layers <= known,
            says=f"is about {name}, {layout.manifest_digest}, and {counted(len(digests), 'layer')} of it",
            problem=f"says something else of what the layers of {name} unpack to",
        )
