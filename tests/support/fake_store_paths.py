"""Store paths and what a store knows of them, made up: the same name gives the same path."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nanna_ci.store.hashes import NixHash, Signature
from nanna_ci.store.narinfo import NarInfo
from nanna_ci.store.path_info import PathInfo
from nanna_ci.store.store_path import NIX32_DIGITS, StorePath


def path(name: str) -> StorePath:
    digest = hashlib.sha256(name.encode()).digest()
    return StorePath("".join(NIX32_DIGITS[byte % 32] for byte in digest), name)


def nar_hash(of: StorePath) -> NixHash:
    return NixHash("sha256", hashlib.sha256(str(of).encode()).digest())


def info(
    of: StorePath,
    *references: StorePath,
    size: int | None = 120,
    deriver: StorePath | None = None,
    signatures: tuple[Signature, ...] = (),
    registered_s: int | None = 1_700_000_000,
    is_ultimate: bool = True,
) -> PathInfo:
    return PathInfo(
        path=of,
        nar_hash=nar_hash(of),
        nar_size_bytes=size,
        references=references,
        deriver=deriver,
        ca=None,
        signatures=signatures,
        registered_s=registered_s,
        is_ultimate=is_ultimate,
    )


def put_into_folder(folder: Path, info: NarInfo) -> Path:
    """Have a cache that is a folder hold a path: its narinfo, which is given, and an archive of the size it states."""
    archive = folder / info.url
    archive.parent.mkdir(exist_ok=True)
    with archive.open("wb") as file:
        file.truncate(info.file_size_bytes or 0)
    place = folder / f"{info.store_path.hash}.narinfo"
    place.write_bytes(render_narinfo(info))
    return place


def narinfo(of: StorePath, *references: StorePath, size: int = 120, signatures: tuple[Signature, ...] = ()) -> NarInfo:
    return NarInfo(
        store_path=of,
        url=f"nar/{of.hash}.nar",
        compression="none",
        file_hash=None,
        file_size_bytes=size,
        nar_hash=nar_hash(of),
        nar_size_bytes=size,
        references=references,
        deriver=None,
        signatures=signatures,
        ca=None,
    )


def render_narinfo(info: NarInfo) -> bytes:
    """The file for `info`, as Nix writes it."""
    lines = [
        f"StorePath: {info.store_path}",
        f"URL: {info.url}",
        f"Compression: {info.compression}",
        *([] if info.file_hash is None else [f"FileHash: {info.file_hash.nix32}"]),
        *([] if info.file_size_bytes is None else [f"FileSize: {info.file_size_bytes}"]),
        f"NarHash: {info.nar_hash.nix32}",
        f"NarSize: {info.nar_size_bytes}",
        f"References: {' '.join(path.base_name for path in info.references)}",
        *([] if info.deriver is None else [f"Deriver: {info.deriver.base_name}"]),
        *(f"Sig: {signature}" for signature in info.signatures),
        *([] if info.ca is None else [f"CA: {info.ca}"]),
    ]
    return "".join(f"{line}\n" for line in lines).encode()
