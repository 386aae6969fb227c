"""A program as a component: its hash, what it is, and the crates that it says it is made of."""

from __future__ import annotations

import hashlib
import posixpath
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from nanna_ci.binaries.executables import parse_executable
from nanna_ci.binaries.headers import Executable, Reader
from nanna_ci.binaries.sections import read_section
from nanna_ci.binaries.targets import Format
from nanna_ci.foundation.errors import MalformedData
from nanna_ci.foundation.guarded_read import open_file
from nanna_ci.store.store_path import StorePath
from nanna_ci.supply_chain.bill.bill_of_materials import Component, ComponentKind, Deployable
from nanna_ci.supply_chain.bill.embedded_crates import SECTION, EmbeddedCrates, read_embedded_crates

_COMMENT: Final = ".comment"
_COMMENT_BYTES: Final = 64 * 1024
_RUSTC: Final = b"rustc version "
PROGRAM_FOLDERS: Final = frozenset({"bin", "sbin", "libexec"})
_MOST_FILES: Final = 4096
_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """An executable. `path` is relative to the store path that it is in, or to the image's root.

    `crates` is its own list, None where it has none; `problem` says why a list that is there cannot be read.
    `is_rust`: rustc's mark is in it, or such a list.
    """

    path: str
    store_path: StorePath | None
    sha512: str
    size_bytes: int
    architecture: str | None
    is_rust: bool
    crates: EmbeddedCrates | None
    problem: str | None = None

    @property
    def ref(self) -> str:
        """Its bom-ref: where it is and, as several layers can hold a file of that name, what it is."""
        place = self.path if self.store_path is None else f"{self.store_path}/{self.path}"
        return f"{place}#{self.sha512[:16]}"

    @property
    def name(self) -> str:
        """The file's name."""
        return posixpath.basename(self.path)

    def component(self) -> Component:
        """The program in a bill."""
        properties = [("nanna-ci:file:path", self.path)]
        if self.architecture is not None:
            properties.append(("nanna-ci:file:machine", self.architecture))
        if self.is_rust:
            properties.append(("nanna-ci:file:crateList", "absent" if self.crates is None else "present"))
        return Component(
            ref=self.ref,
            kind=ComponentKind.APPLICATION if self.is_rust else ComponentKind.FILE,
            name=self.name,
            version=self.version,
            deployable=Deployable(
                self.name,
                is_executable=True,
                is_archive=False,
                # of what is linked into it, only such a list is left
                is_structured=self.crates is not None,
                sha512=self.sha512,
                url=self.path,
            ),
            properties=tuple(sorted(properties)),
        )

    @property
    def version(self) -> str | None:
        """That of the crate that it was built from, where it says so."""
        return next((crate.version for crate in self.crates or () if crate.is_root), None)


def inspect_program(
    stream: BinaryIO, path: str, store_path: StorePath | None, sha512: str, source: str
) -> Program | None:
    """A file that begins like an executable; None for what is no program or shared library after all."""
    reader = Reader(stream, source)
    try:
        executable: Executable | None = parse_executable(stream, source)
    except MalformedData:
        executable = None  # a shared library, an object, a kernel module: its sections are looked at all the same
    try:
        comment = read_section(reader, _COMMENT, _COMMENT_BYTES)
    except MalformedData:
        comment = None
    problem = None
    try:
        crates = read_embedded_crates(reader)
    except MalformedData as error:
        crates, problem = None, error.message.removeprefix(f"{source}: ")
    has_mark = comment is not None and _RUSTC in comment
    if executable is None and crates is None and problem is None:
        return None
    # Mach-O and PE have no such mark: who builds a Rust workspace for them gets the benefit of the doubt
    unmarked = executable is not None and executable.format is not Format.ELF
    return Program(
        path=path,
        store_path=store_path,
        sha512=sha512,
        size_bytes=reader.size_bytes,
        architecture=None if executable is None else executable.machine,
        is_rust=has_mark or crates is not None or problem is not None or unmarked,
        crates=crates,
        problem=problem,
    )


def programs_in(folder: Path, store_path: StorePath | None) -> tuple[Program, ...]:
    """The programs in `bin`, `sbin` and `libexec` of a folder, or beneath; links are not followed.

    Raises:
        MalformedData: a file cannot be read.
    """
    read = (read_program_file(file, str(file.relative_to(folder)), store_path) for file in _files_in(folder))
    return tuple(program for program in read if program is not None)


def listed_programs_in(folder: Path, store_path: StorePath | None) -> tuple[Program, ...]:
    """Those among them that carry a list of crates; of the others only headers are read. Raises as above."""
    read = (
        read_program_file(file, str(file.relative_to(folder)), store_path)
        for file in _files_in(folder)
        if _has_list(file)
    )
    return tuple(program for program in read if program is not None)


def _files_in(folder: Path) -> Iterator[Path]:
    for name in sorted(PROGRAM_FOLDERS):
        if (folder / name).is_dir():
            every = sorted(path for path in (folder / name).rglob("*") if path.is_file() and not path.is_symlink())
            yield from every[:_MOST_FILES]


def _has_list(file: Path) -> bool:
    try:
        with open_file(file, follow_links=False) as stream:
            return read_section(Reader(cast(BinaryIO, stream), str(file)), SECTION, sys.maxsize) is not None
    except (OSError, MalformedData):  # no executable
        return False


def read_program_file(file: Path, path: str, store_path: StorePath | None) -> Program | None:
    """A file as a program; None where it is none. Raises MalformedData where it cannot be read."""
    try:
        with open_file(file, follow_links=False) as stream:
            if stream.read(2) in {b"#!", b""}:
                return None
            stream.seek(0)
            digest = hashlib.sha512()
            while data := stream.read(_CHUNK_BYTES):
                digest.update(data)
            return inspect_program(cast(BinaryIO, stream), path, store_path, digest.hexdigest(), str(file))
    except OSError as error:
        raise MalformedData(str(file), f"cannot be read: {error.strerror}") from error
