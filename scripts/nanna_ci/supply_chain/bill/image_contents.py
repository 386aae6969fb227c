"""What an image is made of, with sizes: layers, the store paths and packages in each, and the crates in their programs.

For a report's picture. A size is of files unpacked; what a layer holds outside of any store path is `other_bytes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nanna_ci.supply_chain.bill.layer_contents import LayerContents
from nanna_ci.supply_chain.bill.nix_identity import identify
from nanna_ci.supply_chain.bill.program import Program


@dataclass(frozen=True, slots=True)
class ProgramShare:
    """A program: its place in the image, and `NAME VERSION` of the crates in it; None where it does not say."""

    path: str
    crates: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class StorePathShare:
    """A store path in a layer. `label` is its name and version, for people."""

    ref: str
    label: str
    size_bytes: int | None
    programs: tuple[ProgramShare, ...]


@dataclass(frozen=True, slots=True)
class LayerShare:
    """A layer, its store paths by size, the largest first."""

    digest: str
    size_bytes: int | None
    other_bytes: int | None
    store_paths: tuple[StorePathShare, ...]
    packages: tuple[str, ...]
    programs: tuple[ProgramShare, ...]


def image_contents(layers: Sequence[LayerContents]) -> tuple[LayerShare, ...]:
    """The layers in the image's order. Sizes of a layer that could not be read are None, and so are those of a store
    path whose files were moved: they are in the layer's `other_bytes`."""
    return tuple(_layer_share(layer) for layer in layers)


def _layer_share(layer: LayerContents) -> LayerShare:
    known = layer.unread is None
    shares = []
    for path, size_bytes in layer.store_paths.items():
        identity = identify(path, None, None)
        programs = tuple(_program_share(one) for one in layer.programs if one.store_path == path)
        label = f"{identity.pname} {identity.version}" if identity.version else identity.pname
        shares.append(StorePathShare(str(path), label, size_bytes or None, programs))
    return LayerShare(
        digest=layer.digest,
        size_bytes=layer.size_bytes if known else None,
        other_bytes=layer.size_bytes - sum(layer.store_paths.values()) if known else None,
        store_paths=tuple(sorted(shares, key=lambda one: (-(one.size_bytes or 0), one.ref))),
        packages=tuple(sorted(f"{one.name} {one.version}" for one in layer.packages)),
        programs=tuple(_program_share(one) for one in layer.programs if one.store_path is None),
    )


def _program_share(program: Program) -> ProgramShare:
    listed = None if program.crates is None else sorted(f"{one.name} {one.version}" for one in program.crates)
    return ProgramShare(program.path, None if listed is None else tuple(listed))
