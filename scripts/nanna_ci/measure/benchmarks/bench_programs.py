"""The programs of benchmarks, in a folder: what built them says of them, and by what harness they are run."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import JsonValue, as_list, as_object, as_text, load_json

INDEX: Final = "benchmarks.json"
_LIMIT_BYTES: Final = 1024 * MEBIBYTE
_NAME: Final = re.compile(r"[\w][\w.+-]*", re.ASCII)
_HASH: Final = re.compile(r"-[0-9a-f]{16}$")  # that cargo adds in target/release/deps
_NO_PROGRAMS: Final = frozenset({".d", ".json", ".md", ".o", ".pdb", ".rlib", ".rmeta", ".so", ".txt"})


class Harness(enum.Enum):
    """What runs the benchmarks in a program. UNKNOWN: whatever its text is, which may still be that of libtest."""

    CRITERION = "criterion"
    LIBTEST = "libtest"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BenchProgram:
    """A program; `folder` is its package's, below the source (".": the source itself)."""

    name: str
    path: Path
    harness: Harness
    folder: str


@dataclass(frozen=True, slots=True)
class BenchPrograms:
    """What a folder has. `toolchain` is rustc's version, `source` what they were built from; None: it is not known."""

    programs: tuple[BenchProgram, ...]
    toolchain: str | None
    source: Path | None


def load_programs(folder: Path) -> BenchPrograms:
    """The programs of an output of the flake, which has an index, or of any folder with programs.

    Raises:
        UsageError: there is no such folder.
        MalformedData: the index is not what it should be, or names what is not there.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder", hint="a folder with the programs of `cargo bench --no-run`")
    index = folder / INDEX
    if not index.exists():
        return BenchPrograms(
            tuple(_program(_HASH.sub("", path.stem), path, ".") for path in _executables(folder)), None, None
        )
    source = str(index)
    value = as_object(load_json(_read(index), source), source, "it")
    listed = as_list(value.get("programs"), source, "programs")
    programs = tuple(_listed(entry, folder, f"programs[{number}]") for number, entry in enumerate(listed))
    origin = None if value.get("source") is None else Path(as_text(value["source"], source, "source"))
    toolchain = None if value.get("toolchain") is None else as_text(value["toolchain"], source, "toolchain")
    return BenchPrograms(programs, toolchain, origin)


def _listed(entry: JsonValue, folder: Path, what: str) -> BenchProgram:
    source = str(folder / INDEX)
    program = as_object(entry, source, what)
    name = as_text(program.get("name"), source, f"{what}.name")
    below = as_text(program.get("folder"), source, f"{what}.folder")
    if _NAME.fullmatch(name) is None:
        raise MalformedData(source, f"{what}.name is {shorten(name)}, which is not the name of a file")
    if PurePosixPath(below).is_absolute() or ".." in PurePosixPath(below).parts:
        raise MalformedData(source, f"{what}.folder is {shorten(below)}, which is not below the source")
    path = next((path for path in (folder / "bin" / name, folder / "bin" / f"{name}.exe") if path.is_file()), None)
    if path is None:
        raise MalformedData(source, f"{name} is not in {folder / 'bin'}")
    return _program(name, path, below)


def _program(name: str, path: Path, folder: str) -> BenchProgram:
    return BenchProgram(name, path, find_harness(_read(path)), folder)


def _executables(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix not in _NO_PROGRAMS and (path.suffix == ".exe" or os.access(path, os.X_OK)):
            yield path


def find_harness(program: bytes) -> Harness:
    """By the variables that a harness reads, whose names are in every program that has it, stripped or not."""
    if b"CRITERION_HOME" in program:
        return Harness.CRITERION
    return Harness.LIBTEST if b"RUST_TEST_THREADS" in program else Harness.UNKNOWN


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _LIMIT_BYTES)
    except OSError as error:
        raise MalformedData(str(path), f"cannot be read: {error.strerror}") from error
