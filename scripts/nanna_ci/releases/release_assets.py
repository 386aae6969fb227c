"""The files of a release: those of a folder and of the folders in it, hashed, and held to their SHA256SUMS."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, NannaError, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, open_file, read_file

SUMS: Final = "SHA256SUMS"
ARTIFACTS: Final = "artifacts-"
"""Before the system in the name of a folder of `prepare-artifacts`, as the workflow uploads it."""
PUBLISHED_IMAGES: Final = "publish-images.json"
"""The answer of `publish-images`, as the workflow keeps it."""
_IMAGES: Final = "images.json"
MOST_ASSETS: Final = 1000
"""GitHub takes no more for a release."""
LARGEST_BYTES: Final = 2 * 1024 * MEBIBYTE
"""GitHub takes files under 2 GiB."""
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+-]{0,248}[A-Za-z0-9_+-])?")
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^/\x00-\x1f]+)")


@dataclass(frozen=True, slots=True)
class ReleaseAsset:
    """A file as it will be published. `content` is where its bytes are, or those themselves if they were made here."""

    name: str
    size_bytes: int
    sha256: str
    content: Path | bytes


def read_assets(folder: Path) -> tuple[ReleaseAsset, ...]:
    """All files of `folder` by name, and those of the folders in it, one for each target, as CI downloads artifacts.

    Each SHA256SUMS is checked first. Folders get one SHA256SUMS together, which is made here. Files of several folders
    that have one name and are not the same get the name of their folder before theirs: `FOLDER.manifest.json`, and
    `SYSTEM.manifest.json` of `artifacts-SYSTEM`. The answer of `publish-images` in such a folder becomes `images.json`.

    Raises:
        MalformedData: a file is not what its SHA256SUMS says, or is not one that GitHub takes.
        UsageError: there is no such folder, or nothing in it.
    """
    try:
        inner = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
        own = list(_files(folder, inner))
        below = [(place, list(_files(place, ()))) for place in inner]
    except OSError as error:
        raise UsageError(f"--assets {shorten(str(folder))} cannot be read: {error.strerror}") from error
    for place, files in ((folder, own), *below):
        _check_sums(place, files)
    found: list[tuple[str | None, ReleaseAsset]] = [(None, one) for one in own]
    found += [(place.name.removeprefix(ARTIFACTS), _as_published(one)) for place, files in below for one in files]
    if below:
        found = [(place, one) for place, one in found if one.name != SUMS]
    assets = _named_apart(found)
    if not assets:
        raise UsageError(f"--assets {shorten(str(folder))} has no files", hint="prepare-artifacts --output writes them")
    if below:
        text = "".join(f"{one.sha256}  {one.name}\n" for one in assets).encode()
        assets = sorted((*assets, _made(SUMS, text)), key=lambda one: one.name)
    if len(assets) > MOST_ASSETS:
        raise UsageError(f"--assets {shorten(str(folder))} has {len(assets)} files: GitHub takes {MOST_ASSETS}")
    return tuple(assets)


def parse_sums(data: bytes, source: str) -> dict[str, str]:
    """What `sha256sum` wrote: digests by name. Raises MalformedData."""
    sums: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in sums:
            raise MalformedData(source, f"line {number} is not a digest and the name of another file")
        sums[match[2]] = match[1]
    return sums


def _files(folder: Path, inner: Sequence[Path]) -> Iterator[ReleaseAsset]:
    for path in sorted(folder.iterdir()):
        if path in inner:
            continue
        if _NAME.fullmatch(path.name) is None:
            problem = "has a name that GitHub would change: letters, digits and . _ + - in the middle stay as they are"
            raise MalformedData(str(folder), f"{shorten(path.name)} {problem}")
        try:
            with open_file(path, follow_links=False) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                size_bytes = os.fstat(stream.fileno()).st_size
        except OSError as error:
            why = "a folder in a folder" if path.is_dir() else error.strerror or str(error)
            raise MalformedData(str(folder), f"{shorten(path.name)} is no file to publish: {why}") from error
        if not 0 < size_bytes < LARGEST_BYTES:
            raise MalformedData(str(path), f"it has {size_bytes:,} bytes: GitHub takes files of 1 byte to 2 GiB")
        yield ReleaseAsset(path.name, size_bytes, digest, path)


def _check_sums(folder: Path, files: Sequence[ReleaseAsset]) -> None:
    known = {one.name: one.sha256 for one in files}
    if SUMS not in known:
        return
    source = str(folder / SUMS)
    try:
        sums = parse_sums(read_file(folder / SUMS, MEBIBYTE, follow_links=False), source)
    except OSError as error:
        raise NannaError(f"{source} cannot be read: {error.strerror}") from error
    for problem in sum_problems(sums, known):
        raise MalformedData(source, problem, hint="build the artifacts again; nothing was uploaded")


def sum_problems(sums: Mapping[str, str], known: Mapping[str, str]) -> Iterator[str]:
    """What is not as SHA256SUMS says. Files that it does not name are none of its business: a signature of it."""
    for name, digest in sorted(sums.items()):
        found = known.get(name)
        if found is None:
            yield f"{shorten(name)} is named, and is not there"
        elif found != digest:
            yield f"{name} is another file: its SHA-256 is {found[:16]}…, not {digest[:16]}…"


def _named_apart(found: Sequence[tuple[str | None, ReleaseAsset]]) -> list[ReleaseAsset]:
    contents = {(one.name, one.sha256): (place, one) for place, one in reversed(found)}
    counts = Counter(name for name, _ in contents)
    assets: dict[str, ReleaseAsset] = {}
    for (name, _), (place, one) in contents.items():
        named = name if counts[name] == 1 or place is None else f"{place}.{name}"
        if named in assets or _NAME.fullmatch(named) is None:
            raise MalformedData("--assets", f"two different files would be {shorten(named)}")
        assets[named] = ReleaseAsset(named, one.size_bytes, one.sha256, one.content)
    return sorted(assets.values(), key=lambda one: one.name)


def _as_published(one: ReleaseAsset) -> ReleaseAsset:
    return replace(one, name=_IMAGES) if one.name == PUBLISHED_IMAGES else one


def _made(name: str, data: bytes) -> ReleaseAsset:
    return ReleaseAsset(name, len(data), hashlib.sha256(data).hexdigest(), data)
