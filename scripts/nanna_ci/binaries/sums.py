"""Checks a folder of artifacts against its own SHA256SUMS: the files must still be what was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanna_ci.foundation.guarded_read import MEBIBYTE, FileRefused, open_file, read_file

SUMS: Final = "SHA256SUMS"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([^/\x00-\x1f]+)")


def damages(folder: Path) -> tuple[str, ...]:
    """What is wrong with a folder that `prepare-artifacts` wrote, file by file; nothing if there is none, or an
    empty one."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return ()
    try:
        lines = read_file(folder / SUMS, MEBIBYTE, follow_links=False).decode("ascii").splitlines()
    except UnicodeDecodeError:
        return (f"{SUMS} is not in the format of `sha256sum`",)
    except OSError as error:
        return (f"{SUMS} cannot be read: {error.strerror}",)
    sums: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in sums:
            return (f"{SUMS}: line {number} is not a digest and the name of another file",)
        sums[match[2]] = match[1]
    return tuple(_differences(folder, sums))


def _differences(folder: Path, sums: dict[str, str]) -> Iterator[str]:
    if not sums:
        yield f"{SUMS} names no file"
    for name, digest in sorted(sums.items()):
        try:
            with open_file(folder / name, follow_links=False) as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileRefused as error:
            yield f"{name}: {error.strerror}"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
        else:
            if found != digest:
                yield f"{name} is not what {SUMS} says: its SHA-256 is {found[:16]}…, not {digest[:16]}…"
    for entry in sorted(folder.iterdir()):
        if entry.name not in sums and entry.name != SUMS:
            yield f"{entry.name} is not in {SUMS}"
