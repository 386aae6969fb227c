"""The bill of an image: image → layers → store paths and packages → programs → crates, as one graph that closes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.blob import Blob
from nanna_ci.containers.image.oci_layout import Layout
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import open_file
from nanna_ci.store.derivation import DerivationHead
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_of_materials import BillDraft, Completeness, Component, ComponentKind, Deployable
from nanna_ci.supply_chain.bill.closure_components import draft_closure
from nanna_ci.supply_chain.bill.crate_facts import CrateFacts
from nanna_ci.supply_chain.bill.debian_packages import debian_component
from nanna_ci.supply_chain.bill.layer_contents import LayerContents
from nanna_ci.supply_chain.bill.nix_identity import identify
from nanna_ci.supply_chain.bill.package_url import render_package_url
from nanna_ci.supply_chain.bill.program import Program
from nanna_ci.supply_chain.bill.program_crates import draft_programs

_TITLE: Final = "org.opencontainers.image.title"
_SOURCE: Final = "org.opencontainers.image.source"
_DESCRIPTION: Final = "org.opencontainers.image.description"


def image_subject(layout: Layout, name: str) -> Component:
    """The image as what its bill is about. Its version is what it is pulled by."""
    labels = layout.config.labels
    source = labels.get(_SOURCE, "")
    return Component(
        ref=f"image:{layout.manifest_digest}",
        kind=ComponentKind.CONTAINER,
        name=name,
        version=layout.manifest_digest,
        purl=render_package_url(
            "oci", name.lower(), layout.manifest_digest, qualifiers={"arch": layout.config.architecture}
        ),
        description=labels.get(_DESCRIPTION) or labels.get(_TITLE),
        source_url=source if source.startswith("https://") else None,
        sha256=layout.manifest_digest.removeprefix("sha256:"),
        deployable=_blob_file(layout, layout.manifest),
        properties=(
            ("nanna-ci:image:architecture", layout.config.architecture),
            ("nanna-ci:image:configDigest", layout.config_digest),
            ("nanna-ci:image:os", layout.config.os),
        ),
    )


def draft_image(
    layout: Layout,
    layers: Sequence[LayerContents],
    infos: Mapping[StorePath, PathInfo],
    derivations: Mapping[StorePath, DerivationHead],
    facts: CrateFacts | None,
) -> tuple[BillDraft, tuple[str, ...]]:
    """All in an image but itself, and the refs of its layers. `infos` is what the store knows of the store paths in it,
    which may be nothing."""
    draft = BillDraft()
    programs = [program for layer in layers for program in layer.programs]
    draft.join(draft_programs(programs, facts))
    draft.join(_draft_store_paths(layers, infos, derivations))
    for program in programs:
        if program.store_path is not None:
            draft.edges[str(program.store_path)].add(program.ref)
    blobs = {blob.digest: blob for blob in layout.layers}
    for layer in layers:
        packages = [debian_component(package) for package in layer.packages]
        for package in packages:
            draft.components.setdefault(package.ref, package)
            draft.edges.setdefault(package.ref, set())
        held = [*map(str, layer.store_paths), *(package.ref for package in packages)]
        held += [program.ref for program in layer.programs if program.store_path is None]
        draft.add(_layer_component(layout, blobs[layer.digest], layer), held)
        if layer.unread is not None:
            draft.gaps[layer.digest] = Completeness.UNKNOWN
        elif not packages and layer.size_bytes > sum(layer.store_paths.values()):
            draft.gaps[layer.digest] = Completeness.INCOMPLETE  # files that no record of a package claims
    return draft, tuple(dict.fromkeys(layer.digest for layer in layers))


def _draft_store_paths(
    layers: Sequence[LayerContents],
    infos: Mapping[StorePath, PathInfo],
    derivations: Mapping[StorePath, DerivationHead],
) -> BillDraft:
    """The store paths in the layers. A reference to one that no layer has is left out, and said to be."""
    held = {path for layer in layers for path in layer.store_paths}
    known = {path: infos[path] for path in held if path in infos}
    whole = {
        path: replace(info, references=tuple(one for one in info.references if one in known))
        for path, info in known.items()
    }
    draft = draft_closure(whole, derivations) if whole else BillDraft()
    for path in held - known.keys():
        identity = identify(path, None, None)
        component = Component(
            ref=str(path),
            kind=ComponentKind.LIBRARY,
            name=identity.pname,
            version=identity.version,
            purl=render_package_url("nix", identity.pname, identity.version, qualifiers={"output": identity.output}),
            cpe=identity.cpe,
            deployable=Deployable(path.base_name, None, is_archive=True, is_structured=True),
        )
        draft.add(component)
        draft.gaps[str(path)] = Completeness.UNKNOWN
    for path, info in known.items():
        if len(whole[path].references) != len(info.references):
            draft.gaps[str(path)] = Completeness.INCOMPLETE
    return draft


def _layer_component(layout: Layout, blob: Blob, layer: LayerContents) -> Component:
    return Component(
        ref=layer.digest,
        kind=ComponentKind.FILE,
        name=layer.digest,
        sha256=layer.digest.removeprefix("sha256:"),
        deployable=_blob_file(layout, blob),
        properties=(
            ("nanna-ci:layer:diffId", layer.diff_id),
            ("nanna-ci:layer:digest", layer.digest),
            ("nanna-ci:layer:size", str(blob.size_bytes)),
        ),
    )


def _blob_file(layout: Layout, blob: Blob) -> Deployable:
    name = blob.digest.removeprefix("sha256:")
    file = layout.path / "blobs" / "sha256" / name
    return Deployable(
        name,
        is_executable=False,
        is_archive=True,
        is_structured=True,
        sha512=sha512_of(file),
        url=f"blobs/sha256/{name}",
    )


def sha512_of(file: Path) -> str:
    """The SHA-512 of a file, hexadecimal. Raises MalformedData where it cannot be read."""
    try:
        with open_file(file, follow_links=False) as stream:
            return hashlib.file_digest(stream, "sha512").hexdigest()
    except OSError as error:
        raise MalformedData(str(file), f"cannot be read: {error.strerror}") from error


def find_origins(layers: Sequence[LayerContents], candidates: Mapping[StorePath, Sequence[Program]]) -> None:
    """Give programs that lie in a layer outside of the store their store path, where one of `candidates` holds the same
    bytes at the same place: a layer that was flattened says no more where its files are from."""
    origins = {(one.path, one.sha512): path for path, programs in candidates.items() for one in programs}
    for layer in layers:
        for number, program in enumerate(layer.programs):
            origin = None if program.store_path is not None else origins.get((program.path, program.sha512))
            if origin is not None:
                layer.programs[number] = replace(program, store_path=origin)
                layer.store_paths[origin] = layer.store_paths.get(origin, 0) + program.size_bytes
