"""Chosen files out of a stranger's zip, in memory: refused as a whole where anything in it is not plain."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from nanna_ci.foundation.errors import MalformedData, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE

MOST_MEMBERS: Final = 64
LARGEST_TOTAL_BYTES: Final = 16 * MEBIBYTE
"""What all members may have unpacked, by what the zip says, also those that are not read."""
LARGEST_RATIO: Final = 100
_ANY_RATIO_BYTES: Final = MEBIBYTE
"""Up to this size a member may be of one repeated line, which packs to next to nothing."""
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
"""The usual encryption, the strong one, and a directory that is encrypted itself."""
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)


def read_members(data: bytes, source: str, limits_bytes: Mapping[str, int]) -> dict[str, bytes]:
    """Those members of the zip `data` that `limits_bytes` names, each of at most so many bytes.

    Other members are not read, but must be as plain: a zip that tries something is no zip to take a file from.

    Raises:
        MalformedData: no zip, or one with a name that leads elsewhere or is there twice, a link, a folder, an encrypted
            or oddly packed member, too many of them, or too much in them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check(members, source)
            return {
                member.filename: _read(archive, member, limits_bytes[member.filename], source)
                for member in members
                if member.filename in limits_bytes
            }
    except _BROKEN as error:
        raise MalformedData(source, f"it is not a whole zip: {error}") from None


def _check(members: Iterable[zipfile.ZipInfo], source: str) -> None:
    seen: set[str] = set()
    total_bytes = 0
    for count, member in enumerate(members, start=1):
        name = member.orig_filename  # `filename` ends at the first NUL
        if count > MOST_MEMBERS:
            raise MalformedData(source, f"over {MOST_MEMBERS} members")
        problem = _problem(member, name)
        if problem is None and name.casefold() in seen:
            problem = "is there twice"
        if problem is not None:
            raise MalformedData(source, f"{shorten(name)} {problem}")
        seen.add(name.casefold())
        total_bytes += member.file_size
    if total_bytes > LARGEST_TOTAL_BYTES:
        raise MalformedData(source, f"its members have over {LARGEST_TOTAL_BYTES:,} bytes together")


def _problem(member: zipfile.ZipInfo, name: str) -> str | None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or ":" in name or any(part in {"", ".", ".."} for part in parts):
        return "leads out of the zip, or is not a plain name of a file"
    if kind not in {0, stat.S_IFREG}:
        return "is not a regular file"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in _METHODS:
        return f"is packed by method {member.compress_type}: only stored and deflated ones are read"
    if member.file_size > max(_ANY_RATIO_BYTES, LARGEST_RATIO * member.compress_size):
        return f"unpacks to {member.file_size:,} bytes, over {LARGEST_RATIO} times what it has"
    return None


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit_bytes: int, source: str) -> bytes:
    if member.file_size > limit_bytes:
        raise MalformedData(source, f"{shorten(member.filename)} is over {limit_bytes:,} bytes")
    with archive.open(member) as stream:
        data = stream.read(limit_bytes + 1)
    if len(data) != member.file_size:
        raise MalformedData(source, f"{shorten(member.filename)} has not the {member.file_size:,} bytes that it names")
    return data
