"""A Cargo.lock as a scan needs it: the crates, and the line of each; or one made of the crates of a bill."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanna_ci.foundation.errors import MalformedData, UsageError
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.supply_chain.scanning.security_finding import SourceLine

_LIMIT_BYTES: Final = 64 * MEBIBYTE
_NAME: Final = re.compile(r'name = "([^"]+)"')
_VERSION: Final = re.compile(r'version = "([^"]+)"')
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.+-]{1,200}")


@dataclass(frozen=True, slots=True)
class CargoLock:
    """A lock file. `uri` is its place in reports, `lines` those of its crates, `registries` where they are from."""

    path: Path
    uri: str
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)
    registries: tuple[str, ...] = ()

    def line_of(self, crate: str, version: str) -> SourceLine:
        """Where a crate stands."""
        return SourceLine(self.uri, self.lines.get((crate, version)))


def load_lock(path: Path, uri: str) -> CargoLock:
    """Read a Cargo.lock. UsageError where it cannot be read, MalformedData where it is no such file."""
    try:
        text = read_file(path, _LIMIT_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file", hint="cargo generate-lockfile makes one") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MalformedData(str(path), f"is not UTF-8: {error.reason}") from error
    try:
        packages = tomllib.loads(text).get("package", [])
    except tomllib.TOMLDecodeError as error:
        raise MalformedData(str(path), f"is no Cargo.lock: {error}") from error
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        raise MalformedData(str(path), "is no Cargo.lock: package is not an array of tables")
    if not packages:
        raise MalformedData(str(path), "holds no package: there is nothing to scan")
    sources = (one.get("source") for one in packages)
    registries = dict.fromkeys(one for one in sources if isinstance(one, str) and one.startswith("registry+"))
    return CargoLock(path, uri, _lines(text), tuple(registries))


def _lines(text: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    name: tuple[str, int] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _NAME.fullmatch(line):
            name = match[1], number
        elif name is not None and (match := _VERSION.fullmatch(line)):
            found[name[0], match[1]] = name[1]
            name = None
    return found


def write_lock(crates: Iterable[tuple[str, str, str]], path: Path, uri: str) -> CargoLock:
    """A lock file of crates (name, version, source), for what is asked of a bill's crates.

    MalformedData for a name or version that no crate can have.
    """
    parts = ["version = 4\n"]
    for name, version, source in sorted(set(crates)):
        if _PLAIN.fullmatch(name) is None or _PLAIN.fullmatch(version) is None or re.search(r'["\\\s]', source):
            raise MalformedData(uri, f"{name!r:.60} {version!r:.60} is no crate")
        parts.append(f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = "{source}"\n')
    path.write_text("\n".join(parts), encoding="utf-8")
    return CargoLock(path, uri)
